import { ApiError } from './api-error.ts';

/** A decoded JSON object with unchecked fields. */
export type Body = Readonly<Record<string, unknown>>;

/**
 * Decodes a JSON request body.
 * @throws ApiError 400, with Toxiproxy's prefix
 */
export function parseBody(text: string): unknown {
  if (text.trim() === '') throw badBody('EOF');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badBody((error as Error).message);
  }
}

/** @throws ApiError 400 unless `value` is an object; null counts as an empty one, as in Go. */
export function asObject(value: unknown, what: string): Body {
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw badType(value, what, 'object');
  return value as Body;
}

/**
 * A field of the body, or `fallback` if it is absent or null.
 * @throws ApiError 400 if its type is not that of the fallback
 */
export function readField<T extends string | number | boolean>(body: Body, name: string, fallback: T): T {
  const value = body[name];
  if (value === undefined || value === null) return fallback;
  if (typeof value !== typeof fallback) throw badType(value, name, typeof fallback);
  return value as T;
}

/** An integer, or `fallback` if it is absent or null. @throws ApiError 400 for any other type */
export function readInteger(body: Body, name: string, fallback: number): number {
  const value = readField(body, name, fallback);
  if (!Number.isSafeInteger(value)) throw badType(value, name, 'int64');
  return value;
}

function badType(value: unknown, field: string, expected: string): ApiError {
  const kind = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  const shown = kind === 'number' ? `number ${value}` : kind;
  return badBody(`json: cannot unmarshal ${shown} into field ${field} of type ${expected}`);
}

function badBody(detail: string): ApiError {
  return new ApiError(400, `bad request body: ${detail}`);
}
