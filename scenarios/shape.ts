import { z } from 'zod';
import { didYouMean } from '../reports/nearest.ts';
import { type JsonSchema, keysOf, optionsOf, schemasAt, wordsOf } from './json-schema.ts';

/** A deviation of a value from its schema. */
export interface ShapeIssue {
  /** Path such as `load.stages[0].at`; empty for the whole value. */
  readonly field: string;
  /** What is expected there, such as `a whole number from 1 to 64`; absent for an unknown key. */
  readonly expected?: string;
  readonly found: unknown;
  /** `; did you mean "…"?`, or empty. */
  readonly hint: string;
  /** The known keys beside an unknown one. */
  readonly known: readonly string[];
}

/** A valid value with its defaults filled in, or all of its deviations. */
export type Checked<Value> =
  | { readonly data: Value }
  | { readonly shapeIssues: readonly [ShapeIssue, ...ShapeIssue[]] };

type Issue = z.core.$ZodIssue;

/** Checks a value against a schema. What is expected is described by the schema's messages, titles and bounds. */
export function checkShape<Schema extends z.ZodType>(schema: Schema, raw: unknown): Checked<z.output<Schema>> {
  // Only messages of the schema itself remain.
  const parsed = schema.safeParse(raw, { error: () => '' });
  if (parsed.success) return { data: parsed.data };
  const jsonSchema = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const shapeIssues = parsed.error.issues.flatMap(issue => shapeIssuesOf(issue, jsonSchema, raw));
  return { shapeIssues: shapeIssues as [ShapeIssue, ...ShapeIssue[]] };
}

/** A value for a message, such as `3 (number)` or `nothing`; a long one is truncated. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  const text = typeof value === 'string' || typeof value === 'object' ? JSON.stringify(value) : String(value);
  const cut = text.length > 120 ? `${text.slice(0, 120)}…` : text;
  return `${cut} (${Array.isArray(value) ? 'list' : typeof value})`;
}

function shapeIssuesOf(issue: Issue, jsonSchema: JsonSchema, raw: unknown): ShapeIssue[] {
  const schemas = schemasAt(jsonSchema, issue.path, raw);
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(schemas);
    return issue.keys.map(key => {
      const path = [...issue.path, key];
      return { field: pathText(path), found: valueAt(raw, path), hint: didYouMean(key, known), known };
    });
  }
  // The branch of a union that parsed furthest is taken as the intended one.
  const meant =
    issue.code === 'invalid_union' ? issue.errors.toSorted((a, b) => progress(b) - progress(a))[0] : undefined;
  if (meant && progress(meant) > 0)
    return meant.flatMap(inner =>
      shapeIssuesOf({ ...inner, path: [...issue.path, ...inner.path] } as Issue, jsonSchema, raw),
    );
  const own = issue.code === 'invalid_key' ? issue.issues[0]?.message : issue.message;
  const found = valueAt(raw, issue.path);
  const hint = typeof found === 'string' ? didYouMean(found, optionsOf(schemas)) : '';
  const expected = own?.replace(/^(expected|must (be|have)) /, '') || wordsOf(schemas, found);
  return [{ field: pathText(issue.path), expected, found, hint, known: [] }];
}

/** How deep into a value a branch parsed before it failed; 0 for a value of another type. */
function progress(issues: readonly Issue[]): number {
  const inside = (issue: Issue) => issue.path.length + (issue.code === 'unrecognized_keys' || issue.message ? 1 : 0);
  return Math.max(0, ...issues.map(inside));
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
