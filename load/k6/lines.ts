/**
 * What the k6 script tells its collector, one line on k6's standard output each. Instants are ms since k6 began its test.
 *
 * - `start`: an iteration (in a closed loop a request, of which each user makes many in one) is about to send
 * - `end`: its answer is in, or will never be
 */
export type ScriptLine =
  | {
      readonly type: 'start';
      readonly iteration: number;
      readonly atMs: number;
      readonly promptTokens: number;
      /** When the user of a closed loop meant to send; null in an open one, where k6's executor does not say. */
      readonly dueMs: number | null;
    }
  | ({ readonly type: 'end'; readonly iteration: number; readonly atMs: number } & Answer);

/** What k6 knows of an answer. */
export interface Answer {
  /** HTTP status, 0 without a whole answer. */
  readonly status: number;
  /** k6's own error code, 0 without one. */
  readonly errorCode: number;
  readonly error: string;
  /** Whether a byte of the request was sent. */
  readonly isSent: boolean;
  /** What the body of an answer with the right status was worth; `''` where nobody read it. */
  readonly body: 'ok' | 'truncated' | 'malformed' | '';
  readonly outputTokens: number;
  readonly upstream: string;
  /** When the first byte of a plain answer with the right status came; null for any other. */
  readonly firstByteMs: number | null;
}

/** Begins every line of ours; anything else is k6's own. */
const MARK = '\u0001squall ';

/** A line for `console.log`. Positions instead of names: there are two lines a request. */
export function formatLine(line: ScriptLine): string {
  if (line.type === 'start')
    return `${MARK}${JSON.stringify([line.iteration, line.atMs, line.promptTokens, line.dueMs])}`;
  const { iteration, atMs, status, errorCode, error, isSent, body, outputTokens, upstream, firstByteMs } = line;
  const answer = [status, errorCode, error, isSent, body, outputTokens, upstream, firstByteMs];
  return `${MARK}${JSON.stringify([iteration, atMs, ...answer])}`;
}

/** Reads what {@link formatLine} wrote; undefined for any other line. */
export function parseLine(text: string): ScriptLine | undefined {
  if (!text.startsWith(MARK)) return undefined;
  const fields = parsed(text.slice(MARK.length));
  if (!Array.isArray(fields)) return undefined;
  const [iteration, atMs] = fields;
  if (fields.length === 4) return { type: 'start', iteration, atMs, promptTokens: fields[2], dueMs: fields[3] };
  const [, , status, errorCode, error, isSent, body, outputTokens, upstream, firstByteMs] = fields;
  return { type: 'end', iteration, atMs, status, errorCode, error, isSent, body, outputTokens, upstream, firstByteMs };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
