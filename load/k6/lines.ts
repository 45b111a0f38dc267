import type { BodyOutcome } from '../stream/response/completion.ts';

/**
 * Line that the k6 script logs for its collector, as JSON. Instants are ms since k6 began its test.
 *
 * - `start`: a request is about to be sent
 * - `end`: its response is complete, or has failed
 */
export type ScriptLine =
  | {
      readonly type: 'start';
      /** Number of the iteration; in a closed loop, where an iteration has many requests, of the request. */
      readonly iteration: number;
      readonly atMs: number;
      readonly promptTokens: number;
      /** Due time in a closed loop; null in an open one, since k6's executor does not report it. */
      readonly dueMs: number | null;
    }
  | ({ readonly type: 'end'; readonly iteration: number; readonly atMs: number } & K6Response);

/** Response as k6 reports it. */
export interface K6Response {
  /** HTTP status, 0 without a complete response. */
  readonly status: number;
  /** k6's own error code, 0 without one. */
  readonly errorCode: number;
  readonly error: string;
  /** Whether a byte of the request was sent. */
  readonly isSent: boolean;
  /** Classification of the body of a response with the right status; otherwise empty. */
  readonly body: BodyOutcome | '';
  readonly outputTokens: number;
  readonly upstream: string;
  /** Beginning of the body of a failure, and its headers: the first of its kind of each virtual user. */
  readonly said?: { readonly text: string; readonly headers: Readonly<Record<string, string>> };
  /** Arrival of the first byte of a plain HTTP response with the right status; otherwise null. */
  readonly firstByteMs: number | null;
}

/** Prefix that tells these lines from k6's own. */
const MARK = '\u0001squall ';

/** Formats a line for `console.log`. */
export function formatLine(line: ScriptLine): string {
  return MARK + JSON.stringify(line);
}

/** Parses a line of {@link formatLine}; undefined for any other. */
export function parseLine(text: string): ScriptLine | undefined {
  if (!text.startsWith(MARK)) return undefined;
  try {
    return JSON.parse(text.slice(MARK.length));
  } catch {
    return undefined;
  }
}
