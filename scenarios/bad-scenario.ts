import { SquallError } from '../harness/errors.ts';

const MAX_SHOWN = 200;

/**
 * The error for an unusable value of a scenario.
 * @param expected what the value has to be, such as `a duration greater than 0`
 * @param found at most 200 characters of it are shown
 * @param hint end of the message
 */
export function badScenario(field: string, expected: string, found: unknown, hint = ''): SquallError {
  const text = found === undefined ? 'nothing' : JSON.stringify(found);
  const shown = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
  return new SquallError('scenario', 'BAD_SCENARIO', `Expected \`${field}\` to be ${expected}, got ${shown}${hint}`, {
    next: `Correct \`${field}\` in the scenario.`,
  });
}
