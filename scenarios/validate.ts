import { z } from 'zod';
import { SquallError } from '../harness/errors.ts';
import { didYouMean } from '../reports/nearest.ts';
import { type JsonSchema, keysOf, optionsOf, schemasAt, wordsOf } from './json-schema.ts';
import { type ResolvedScenario, scenarioSchema } from './scenario.ts';

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
  // Only messages of the schema itself remain; an empty one stands for the words of the JSON Schema.
  const parsed = scenarioSchema.safeParse(raw, { error: () => '' });
  if (parsed.success) return parsed.data;
  const jsonSchema = scenarioJsonSchema() as JsonSchema;
  const lines = parsed.error.issues.flatMap(issue => issueLines(issue, jsonSchema, raw)).map(line => `\n  - ${line}`);
  throw new SquallError('scenario', 'BAD_SCENARIO', `${source} is not a scenario:${lines.join('')}`, {
    next: 'Correct the file; `squall schema` prints its JSON Schema, which editors can check it against.',
  });
}

type Issue = z.core.$ZodIssue;

function issueLines(issue: Issue, jsonSchema: JsonSchema, raw: unknown): string[] {
  const schemas = schemasAt(jsonSchema, issue.path, raw);
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(schemas);
    return issue.keys.map(key => {
      const hint = didYouMean(key, known) || '.';
      return `unknown key \`${pathText([...issue.path, key])}\`${hint} Known: ${known.join(', ')}`;
    });
  }
  // The branch of a union that parsed furthest is taken as the intended one.
  const branch =
    issue.code === 'invalid_union' ? issue.errors.toSorted((a, b) => progress(b) - progress(a))[0] : undefined;
  if (branch && progress(branch) > 0)
    return branch.flatMap(inner =>
      issueLines({ ...inner, path: [...issue.path, ...inner.path] } as Issue, jsonSchema, raw),
    );
  const own = issue.code === 'invalid_key' ? issue.issues[0]?.message : issue.message;
  const found = valueAt(raw, issue.path);
  const hint = typeof found === 'string' ? didYouMean(found, optionsOf(schemas)) : '';
  const expected = own?.replace(/^(expected|must (be|have)) /, '') || wordsOf(schemas, found);
  const field = issue.path.length === 0 ? '' : `\`${pathText(issue.path)}\`: `;
  // Values of headers may be keys.
  const text = issue.path.includes('headers') ? `a ${typeof found} that is not shown` : shown(found);
  return [`${field}expected ${expected}, found ${text}${hint}`];
}

/** How deep into a value a branch parsed before it failed; 0 for a value of another type. */
function progress(issues: readonly Issue[]): number {
  const depth = (issue: Issue) => issue.path.length + (issue.code === 'unrecognized_keys' || issue.message ? 1 : 0);
  return Math.max(0, ...issues.map(depth));
}

/** `3 (number)`, `nothing`; long values are truncated. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  const text = typeof value === 'string' || typeof value === 'object' ? JSON.stringify(value) : String(value);
  const cut = text.length > 120 ? `${text.slice(0, 120)}…` : text;
  return `${cut} (${Array.isArray(value) ? 'list' : typeof value})`;
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map(part => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], raw);
}
