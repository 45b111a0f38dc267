import { z } from 'zod';
import { SquallError } from '../harness/errors.ts';
import { type ResolvedScenario, scenarioSchema } from './scenario.ts';
import { checkShape, type ShapeIssue, shown } from './shape.ts';

/** The scenario file's JSON Schema (draft 2020-12), for editors and for `squall schema`. */
export function scenarioJsonSchema(): object {
  return z.toJSONSchema(scenarioSchema, { io: 'input', unrepresentable: 'any' });
}

/**
 * Checks a scenario's shape and fills in its defaults.
 * @param source the file or name it came from, for the message
 * @throws SquallError `BAD_SCENARIO`, whose message names every field with what was expected and what was found
 */
export function validateScenario(raw: unknown, source: string): ResolvedScenario {
  const checked = checkShape(scenarioSchema, raw);
  if ('data' in checked) return checked.data;
  const lines = checked.shapeIssues.map(issue => `\n  - ${issueText(issue)}`);
  throw new SquallError('scenario', 'BAD_SCENARIO', `${source} is not a scenario:${lines.join('')}`, {
    next: 'Correct the file; `squall schema` prints the JSON Schema that editors can check it with.',
  });
}

function issueText({ field, expected, found, hint, known }: ShapeIssue): string {
  if (expected === undefined) return `unknown key \`${field}\`${hint || '.'} Known: ${known.join(', ')}`;
  return `${field === '' ? '' : `\`${field}\`: `}expected ${expected}, found ${shown(found)}${hint}`;
}
