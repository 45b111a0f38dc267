import { SquallError } from '../harness/errors.ts';

/**
 * The error for an unusable value of a scenario.
 * @param expected what the value has to be, such as `a duration greater than 0`
 * @param hint end of the message
 */
export function badScenario(field: string, expected: string, found: unknown, hint = ''): SquallError {
  const shown = found === undefined ? 'nothing' : JSON.stringify(found);
  return new SquallError('scenario', 'BAD_SCENARIO', `Expected \`${field}\` to be ${expected}, got ${shown}${hint}`, {
    next: `Correct \`${field}\` in the scenario.`,
  });
}
