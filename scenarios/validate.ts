import { closest } from 'fastest-levenshtein';
import { z } from 'zod';
import { SquallError } from '../harness/errors.ts';
import { type ResolvedScenario, scenarioSchema } from './scenario.ts';

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

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
  const parsed = scenarioSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.flatMap(issue => describe(issue, raw));
  throw new SquallError(
    'scenario',
    'BAD_SCENARIO',
    `${source} is not a scenario:\n${lines.map(l => `  - ${l}`).join('\n')}`,
    {
      next: 'Correct the file; `squall schema` prints the JSON Schema that editors can check it with.',
    },
  );
}

/** The nearest of the known names, where one is near enough to be a slip of the finger, as `; did you mean "…"?` or ''. */
export function didYouMean(found: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  return `; did you mean "${closest(found, known)}"?`;
}

type Issue = z.core.$ZodIssue;

function describe(issue: Issue, raw: unknown): string[] {
  const field = pathText(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(scenarioJsonSchema(), issue.path);
    return issue.keys.map(
      key => `unknown key \`${field ? `${field}.` : ''}${key}\`${didYouMean(key, known)} Known: ${known.join(', ')}`,
    );
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // Of a union's branches, show the one that came furthest: it is the one that was meant.
    const meant = issue.errors.toSorted((a, b) => depth(b) - depth(a))[0]!;
    return meant.flatMap(inner => describe({ ...inner, path: [...issue.path, ...inner.path] } as Issue, raw));
  }
  return [`\`${field}\`: ${issue.message.replace(/^Invalid input: /, '')}, found ${shown(valueAt(raw, issue.path))}`];
}

function depth(issues: readonly Issue[]): number {
  return Math.max(0, ...issues.map(issue => issue.path.length + (issue.code === 'unrecognized_keys' ? 1 : 0)));
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map(part => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], raw);
}

function shown(value: unknown): string {
  return value === undefined
    ? 'nothing'
    : `${JSON.stringify(value)} (${Array.isArray(value) ? 'array' : typeof value})`;
}

/** Every key that the schema knows at a path, over all branches of unions. */
function keysAt(schema: JsonSchema, path: readonly PropertyKey[]): string[] {
  let level = [schema];
  const branches = (s: JsonSchema): JsonSchema[] => [s, ...[...(s.anyOf ?? []), ...(s.oneOf ?? [])].flatMap(branches)];
  for (const part of path) {
    const next = level.flatMap(branches).map(s => (typeof part === 'number' ? s.items : s.properties?.[String(part)]));
    level = next.filter(s => s !== undefined);
  }
  return [...new Set(level.flatMap(branches).flatMap(s => Object.keys(s.properties ?? {})))];
}
