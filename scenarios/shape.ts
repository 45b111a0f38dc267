import { z } from 'zod';
import { didYouMean } from '../reports/nearest.ts';
import { type JsonSchema, keysOf, optionsOf, schemasAt, wordsOf } from './json-schema.ts';

/** What does not fit a shape, for a message of any form. */
export interface ShapeIssue {
  /** Path as people write it, such as `load.stages[0].at`; empty for the whole. */
  readonly field: string;
  /** What should be there, such as `a whole number from 1 to 64`; of a key that nobody knows, absent. */
  readonly expected?: string;
  readonly found: unknown;
  /** `; did you mean "…"?` where that helps, else empty. */
  readonly hint: string;
  /** The keys that can stand beside one that nobody knows. */
  readonly known: readonly string[];
}

/** A value that fits, its defaults filled in, or everything that does not fit. */
export type Checked<Value> =
  | { readonly data: Value }
  | { readonly shapeIssues: readonly [ShapeIssue, ...ShapeIssue[]] };

type Issue = z.core.$ZodIssue;

/** Checks a value against a schema. What should be there is told in the words of the schema's own messages, titles and bounds. */
export function checkShape<Schema extends z.ZodType>(schema: Schema, raw: unknown): Checked<z.output<Schema>> {
  // Messages are then empty but for those that the schema itself has.
  const parsed = schema.safeParse(raw, { error: () => '' });
  if (parsed.success) return { data: parsed.data };
  const jsonSchema = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const shapeIssues = parsed.error.issues.flatMap(issue => shapeIssuesOf(issue, jsonSchema, raw));
  return { shapeIssues: shapeIssues as [ShapeIssue, ...ShapeIssue[]] };
}

/** `3 (number)`, `nothing`: a value as it was found, cut where it is long. */
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
  // Of a union's branches, the one that came furthest is the one that was meant; where none did, any would do.
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

/** How far into a value a branch came before it failed; 0 where the value is not of its type at all. */
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
