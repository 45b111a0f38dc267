import { ApiError } from './api-error.ts';

/** A decoded JSON object with unchecked fields, under their names in lower case; fields that are null are left out. */
export type Body = Readonly<Record<string, unknown>>;

/** A number as it was written: an int64 does not fit into a double. */
class JsonNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

const MAX_INT64 = 2n ** 63n - 1n;
/** Digits that every 32-bit float needs at most. */
const FLOAT32_DIGITS = 9;

/**
 * Decodes the first JSON document of a request body; whatever follows it is ignored, as by Go's decoder.
 * @throws ApiError 400, with Toxiproxy's prefix
 */
export function parseBody(text: string): unknown {
  const document = firstDocument(text);
  try {
    // The third parameter, with the source, is not known to the compiler yet.
    const keepNumbers = (_key: string, value: unknown, { source }: { source: string } = { source: '' }) =>
      typeof value === 'number' ? new JsonNumber(source) : value;
    return JSON.parse(document, keepNumbers as (key: string, value: unknown) => unknown);
  } catch (error) {
    throw badBody((error as Error).message);
  }
}

/**
 * The fields of an object, whose names count in any case: the last one wins; null is an empty object, as in Go.
 * @throws ApiError 400 for anything else
 */
export function asObject(value: unknown, what: string): Body {
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value) || value instanceof JsonNumber)
    throw badType(value, what, 'object');
  const fields = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(fields.map(([name, field]) => [name.toUpperCase().toLowerCase(), field]));
}

/** The entries of a list; null is an empty one, as in Go. @throws ApiError 400 for anything else */
export function asList(value: unknown, what: string): readonly unknown[] {
  if (value === null) return [];
  if (!Array.isArray(value)) throw badType(value, what, 'array');
  return value;
}

/**
 * A field of the body, or `fallback` if it is absent.
 * @throws ApiError 400 if its type is not that of the fallback
 */
export function readField<T extends string | boolean>(body: Body, name: string, fallback: T): T {
  const value = body[name];
  if (value === undefined) return fallback;
  if (typeof value !== typeof fallback) throw badType(value, name, typeof fallback === 'boolean' ? 'bool' : 'string');
  return value as T;
}

/** An int64, or `fallback` if it is absent. @throws ApiError 400 for anything else, such as 1.5 and 1e3 */
export function readInteger(body: Body, name: string, fallback: bigint): bigint {
  const value = body[name];
  if (value === undefined) return fallback;
  if (!(value instanceof JsonNumber) || !/^-?\d+$/.test(value.source)) throw badType(value, name, 'int64');
  const integer = BigInt(value.source);
  if (integer > MAX_INT64 || integer < -MAX_INT64 - 1n) throw badType(value, name, 'int64');
  return integer;
}

/**
 * A 32-bit float in as few digits as it needs (0.1, not 0.10000000149011612), or `fallback` if it is absent.
 * @throws ApiError 400 for anything else, such as 1e400
 */
export function readFloat32(body: Body, name: string, fallback: number): number {
  const value = body[name];
  if (value === undefined) return fallback;
  const float = value instanceof JsonNumber ? Math.fround(Number(value.source)) : Number.NaN;
  if (!Number.isFinite(float)) throw badType(value, name, 'float32');
  for (let digits = 1; digits < FLOAT32_DIGITS; digits += 1) {
    const short = Number(float.toPrecision(digits));
    if (Math.fround(short) === float) return short;
  }
  return Number(float.toPrecision(FLOAT32_DIGITS));
}

/** The text of the first document. @throws ApiError 400 if there is none, or if it is incomplete */
function firstDocument(text: string): string {
  const start = text.search(/[^ \t\r\n]/);
  if (start < 0) throw badBody('EOF');
  if (!/["{[]/.test(text[start]!)) return /^[^\s,\]}]*/.exec(text.slice(start))![0];
  let depth = 0;
  let isQuoted = false;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') isQuoted = !isQuoted;
    else if (isQuoted) at += character === '\\' ? 1 : 0;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (depth === 0 && !isQuoted) return text.slice(start, at + 1);
  }
  throw badBody('unexpected EOF');
}

function badType(value: unknown, field: string, expected: string): ApiError {
  return badBody(`json: cannot unmarshal ${kindOf(value, expected)} into field ${field} of type ${expected}`);
}

/** A number is quoted where only its value is wrong. */
function kindOf(value: unknown, expected: string): string {
  if (value instanceof JsonNumber) return /\d/.test(expected) ? `number ${value.source}` : 'number';
  if (typeof value === 'boolean') return 'bool';
  return Array.isArray(value) ? 'array' : typeof value;
}

function badBody(detail: string): ApiError {
  return new ApiError(400, `bad request body: ${detail}`);
}
