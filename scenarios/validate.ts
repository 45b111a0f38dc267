import { z } from 'zod';
import { SquallError } from '../harness/errors.ts';
import { escaped } from '../harness/input/visible.ts';
import { didYouMean } from '../reports/nearest.ts';
import { type JsonSchema, keysOf, optionsOf, schemasAt, wordsOf } from './json-schema.ts';
import { type ResolvedScenario, scenarioSchema } from './scenario.ts';

/** JSON Schema (draft 2020-12) of scenario files. */
export function scenarioJsonSchema(): object {
  return jsonSchemaOf(scenarioSchema);
}

/** A kind of file that people write. */
export interface FileKind<Value> {
  readonly schema: z.ZodType<Value>;
  /** What a valid one is, such as `a scenario`. */
  readonly noun: string;
  /** Of the error for any other. */
  readonly code: string;
  readonly next: string;
}

const SCENARIO: FileKind<ResolvedScenario> = {
  schema: scenarioSchema,
  noun: 'a scenario',
  code: 'BAD_SCENARIO',
  next: 'Correct the file; `squall schema` prints its JSON Schema, which editors can check it against.',
};

/**
 * Checks a scenario against its schema and fills in its defaults.
 * @param source name or path of the scenario, for the message
 * @throws SquallError `BAD_SCENARIO`, whose message names every field with what was expected and what was found
 */
export function validateScenario(raw: unknown, source: string): ResolvedScenario {
  return validateFile(SCENARIO, raw, source);
}

/**
 * Checks what a file holds against the schema of its kind and fills in its defaults.
 * @param source name or path, for the message
 * @throws SquallError with the kind's code, whose message names every field with what was expected and what was found
 */
export function validateFile<Value>(kind: FileKind<Value>, raw: unknown, source: string): Value {
  // Only messages of the schema itself remain; an empty one stands for the words of the JSON Schema.
  const parsed = kind.schema.safeParse(raw, { error: () => '' });
  if (parsed.success) return parsed.data;
  const schema = knownSchemas.get(kind) ?? (jsonSchemaOf(kind.schema) as JsonSchema);
  knownSchemas.set(kind, schema);
  const lines = foreignLines(raw, schema) ?? firstLines(parsed.error.issues, schema, raw);
  const list = lines.map(line => `\n  - ${line}`).join('');
  throw new SquallError('scenario', kind.code, `${source} is not ${kind.noun}:${list}`, { next: kind.next });
}

/** Made for the first message. */
const knownSchemas = new Map<FileKind<unknown>, JsonSchema>();

/** JSON Schema (draft 2020-12) of what people write. */
export function jsonSchemaOf(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}

/** What is wrong with an object that has no key of a scenario: it may come from any file, so that its keys are not shown. */
function foreignLines(raw: unknown, { properties = {}, required = [] }: JsonSchema): string[] | undefined {
  const keys = typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? Object.keys(raw) : [];
  if (keys.length === 0 || keys.some(key => Object.hasOwn(properties, key))) return undefined;
  const names = required.map(key => `\`${key}\``).join(', ');
  return [`expected an object with ${names}, found one with ${keys.length} other keys`];
}

type Issue = z.core.$ZodIssue;

/** Issues beyond these are counted, not told. */
const MAX_ISSUES = 20;
const MAX_KEY = 80;

function firstLines(issues: readonly Issue[], jsonSchema: JsonSchema, raw: unknown): string[] {
  const lines: string[] = [];
  let others = 0;
  for (const issue of issues) {
    const own = lines.length < MAX_ISSUES ? issueLines(issue, jsonSchema, raw) : [];
    others += Math.max(0, countOf(issue) - own.length);
    lines.push(...new Set(own));
  }
  others += Math.max(0, lines.length - MAX_ISSUES);
  return others === 0 ? lines : [...lines.slice(0, MAX_ISSUES), `and ${others.toLocaleString('en')} more`];
}

function countOf(issue: Issue): number {
  if (issue.code === 'unrecognized_keys') return issue.keys.length;
  return branchOf(issue)?.reduce((sum, inner) => sum + countOf(inner), 0) ?? 1;
}

/** The branch of a union that parsed furthest, which is taken as the intended one; undefined if none got anywhere. */
function branchOf(issue: Issue): readonly Issue[] | undefined {
  if (issue.code !== 'invalid_union') return undefined;
  const [branch] = issue.errors.toSorted((a, b) => progress(b) - progress(a));
  return branch && progress(branch) > 0 ? branch : undefined;
}

/** Lines of an issue, not many more than {@link MAX_ISSUES}. */
function issueLines(issue: Issue, jsonSchema: JsonSchema, raw: unknown): string[] {
  const schemas = schemasAt(jsonSchema, issue.path, raw);
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(schemas);
    const given = Object.keys((valueAt(raw, issue.path) as object | undefined) ?? {});
    return issue.keys.slice(0, MAX_ISSUES).map(key => {
      // A key of another branch of a union.
      const others = given.filter(each => each !== key && known.includes(each)).map(each => `\`${each}\``);
      if (known.includes(key) && others.length > 0)
        return `\`${pathText([...issue.path, key])}\`: expected nothing beside ${others.join(', ')}`;
      const hint = didYouMean(key, known) || '.';
      return `unknown key \`${pathText([...issue.path, key])}\`${hint} Known: ${known.join(', ')}`;
    });
  }
  const branch = branchOf(issue)?.slice(0, MAX_ISSUES);
  if (branch)
    return branch.flatMap(inner =>
      issueLines({ ...inner, path: [...issue.path, ...inner.path] } as Issue, jsonSchema, raw),
    );
  const own = issue.code === 'invalid_key' ? issue.issues[0]?.message : issue.message || lengthWords(issue);
  const found = issue.code === 'invalid_key' ? issue.path.at(-1) : valueAt(raw, issue.path);
  const hint = typeof found === 'string' ? didYouMean(found, optionsOf(schemas)) : '';
  const expected =
    own?.replace(/^(expected|must (be|have)) /, '').replace(/^must (not )?/, '$1to ') || wordsOf(schemas, found);
  const field = issue.path.length === 0 ? '' : `\`${pathText(issue.path)}\`: `;
  // Values of headers may be keys, too.
  const text =
    found !== undefined && (issue.path.includes('headers') || issue.path.at(-1) === 'key')
      ? `a ${typeof found} that is not shown`
      : shown(found, issue.path.length === 0);
  return [`${field}expected ${expected}, found ${text}${hint}`];
}

/** The limit of a text or a list that exceeds it; empty for any other issue. */
function lengthWords(issue: Issue): string {
  if (issue.code !== 'too_big' || !['string', 'array'].includes(issue.origin)) return '';
  return `at most ${issue.maximum} ${issue.origin === 'string' ? 'characters' : 'items'}`;
}

/** How deep into a value a branch parsed before it failed; 0 for a value of another type. */
function progress(issues: readonly Issue[]): number {
  const depth = (issue: Issue) => issue.path.length + (issue.code === 'unrecognized_keys' || issue.message ? 1 : 0);
  return issues.reduce((max, issue) => Math.max(max, depth(issue)), 0);
}

/** `3 (number)`, `nothing`; long values are truncated, and a text in place of a whole scenario, which may be any file, is not shown. */
function shown(value: unknown, isWhole: boolean): string {
  if (value === undefined) return 'nothing';
  if (isWhole && typeof value !== 'object') return `a ${typeof value}`;
  if (value === null) return 'null';
  const text = typeof value === 'string' || typeof value === 'object' ? JSON.stringify(value, hidden) : String(value);
  const cut = text.length > 120 ? `${text.slice(0, 120)}…` : text;
  return `${cut} (${Array.isArray(value) ? 'list' : typeof value})`;
}

function hidden(key: string, value: unknown): unknown {
  return key === 'key' || key === 'headers' ? '…' : value;
}

/** `load.stages[0].at`; long keys are truncated. */
function pathText(path: readonly PropertyKey[]): string {
  const nameOf = (key: string) => escaped(key.length > MAX_KEY ? `${key.slice(0, MAX_KEY)}…` : key);
  return path
    .map(part => (typeof part === 'number' ? `[${part}]` : `.${nameOf(String(part))}`))
    .join('')
    .replace(/^\./, '');
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], raw);
}
