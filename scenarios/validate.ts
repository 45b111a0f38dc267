import { z } from 'zod';
import { SquallError } from '../harness/errors.ts';
import { type ResolvedScenario, scenarioSchema } from './scenario.ts';
import { checkShape, type ShapeIssue, shown } from './shape.ts';

/** JSON Schema (draft 2020-12) of scenario files. */
export function scenarioJsonSchema(): object {
  return z.toJSONSchema(scenarioSchema, { io: 'input', unrepresentable: 'any' });
}

/**
 * Checks a scenario against its schema and fills in its defaults.
 * @param source name or path of the scenario, for the message
 * @throws SquallError `BAD_SCENARIO`, whose message names every field with what was expected and what was found
 */
export function validateScenario(raw: unknown, source: string): ResolvedScenario {
  const checked = checkShape(scenarioSchema, raw);
  if ('data' in checked) return checked.data;
  const lines = checked.shapeIssues.map(issue => `\n  - ${issueText(issue)}`);
  throw new SquallError('scenario', 'BAD_SCENARIO', `${source} is not a scenario:${lines.join('')}`, {
    next: 'Correct the file; `squall schema` prints its JSON Schema, which editors can check it against.',
  });
}

function issueText({ field, expected, found, hint, known }: ShapeIssue): string {
  if (expected === undefined) return `unknown key \`${field}\`${hint || '.'} Known: ${known.join(', ')}`;
  return `${field === '' ? '' : `\`${field}\`: `}expected ${expected}, found ${shown(found)}${hint}`;
}
