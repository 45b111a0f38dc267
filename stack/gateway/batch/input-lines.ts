import { isDeeperThan } from '../http/json-depth.ts';
import type { BatchEndpoint, LineError } from './records.ts';

/** One request of a batch. */
export interface InputLine {
  readonly customId: string;
  /** JSON, as it is sent to an upstream. */
  readonly body: Buffer;
}

/** Errors that are told of a file, at most. */
const MAX_ERRORS = 100;
const NEWLINE = 10;
/** Space, tab and carriage return. */
const BLANKS: ReadonlySet<number | undefined> = new Set([32, 9, 13]);
const MAX_ID_LENGTH = 512;

/** Limits of {@link checkInput}. */
export interface InputLimits {
  readonly maxLines: number;
  readonly endpoint: BatchEndpoint;
  /** Models that are served; empty: any. */
  readonly models: ReadonlySet<string>;
  /** Longest body of a request, in bytes, and its deepest nesting. */
  readonly maxBodyBytes: number;
  readonly maxDepth: number;
}

/** Nesting that is refused where `maxDepth` allows more: `JSON.stringify`, unlike `JSON.parse`, ends with an error some thousand levels deep. */
const SAFE_DEPTH = 512;

/** Where the lines of a file begin and end, without those that are blank. */
export function lineBounds(content: Buffer): (readonly [from: number, to: number])[] {
  const bounds: (readonly [number, number])[] = [];
  for (let from = 0; from < content.length; ) {
    const end = content.indexOf(NEWLINE, from);
    const to = end < 0 ? content.length : end;
    let first = from;
    while (first < to && BLANKS.has(content[first])) first += 1;
    if (first < to) bounds.push([from, to]);
    from = to + 1;
  }
  return bounds;
}

/** Reads a line that has passed {@link checkInput}. */
export function inputLine(content: Buffer, [from, to]: readonly [number, number]): InputLine {
  const { custom_id, body } = JSON.parse(content.toString('utf8', from, to)) as { custom_id: string; body: object };
  return { customId: custom_id, body: Buffer.from(JSON.stringify(body)) };
}

/**
 * Checks the lines of an input file, a slice at each turn, so that it can be done between other work.
 * @yields after each slice
 * @returns what is wrong with it, the first hundred errors
 */
export function* checkInput(
  content: Buffer,
  bounds: readonly (readonly [number, number])[],
  limits: InputLimits,
  perSlice: number,
): Generator<void, readonly LineError[]> {
  if (bounds.length === 0) return [fileError('empty_file', 'The input file has no lines.')];
  const { maxLines } = limits;
  if (bounds.length > maxLines)
    return [fileError('too_many_lines', `The input file has ${bounds.length} lines; the limit is ${maxLines}.`)];
  const errors: LineError[] = [];
  const seen = new Set<string>();
  let line = 1;
  let counted = 0;
  for (const [nth, [from, to]] of bounds.entries()) {
    // Blank lines count, as in an editor.
    for (; counted < from; counted += 1) if (content[counted] === NEWLINE) line += 1;
    const found = errorOf(content.subarray(from, to), limits, seen);
    if (found) errors.push({ ...found, line });
    if (errors.length === MAX_ERRORS) return errors;
    if ((nth + 1) % perSlice === 0) yield;
  }
  return errors;
}

type Found = Omit<LineError, 'line'>;

function errorOf(line: Buffer, limits: InputLimits, seen: Set<string>): Found | undefined {
  const { endpoint, models, maxBodyBytes } = limits;
  const maxDepth = Math.min(limits.maxDepth, SAFE_DEPTH);
  // The line is an object around the body.
  if (isDeeperThan(line, maxDepth + 1))
    return { ...invalid('body', `This line exceeds the nesting limit of ${maxDepth}.`), code: 'json_too_deep' };
  const fields = parsed(line.toString('utf8'));
  if (!fields) return { code: 'invalid_json_line', message: 'This line is not a JSON object.', param: null };
  const { custom_id: id, method, url, body } = fields;
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID_LENGTH)
    return invalid('custom_id', `Expected \`custom_id\` to be a text of 1 to ${MAX_ID_LENGTH} characters.`);
  if (seen.has(id)) return { ...invalid('custom_id', 'This `custom_id` occurs before.'), code: 'duplicate_custom_id' };
  seen.add(id);
  if (method !== 'POST') return invalid('method', 'Expected `method` to be POST.');
  if (url !== endpoint)
    return { ...invalid('url', `Expected \`url\` to be ${endpoint}, that of the batch.`), code: 'invalid_url' };
  if (!isObject(body)) return invalid('body', 'Expected `body` to be an object.');
  if (line.length > maxBodyBytes && Buffer.byteLength(JSON.stringify(body)) > maxBodyBytes)
    return { ...invalid('body', `The body exceeds the limit of ${maxBodyBytes} bytes.`), code: 'body_too_large' };
  const { model, stream } = body;
  if (typeof model !== 'string' || model === '') return invalid('body.model', 'Expected `model` to be a model id.');
  if (models.size > 0 && !models.has(model))
    return { ...invalid('body.model', 'This model is not served here.'), code: 'model_not_found' };
  if (stream === true) return invalid('body.stream', 'Expected no `stream`: results of a batch are whole.');
  return undefined;
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(param: string, message: string): Found {
  return { code: 'invalid_value', message, param };
}

function fileError(code: string, message: string): LineError {
  return { code, message, param: 'input_file_id', line: null };
}
