import { messageOf, SquallError } from '../../harness/errors.ts';
import { readText } from './bounded-text.ts';

/** Bounds of one call. */
export interface CallOptions {
  readonly signal: AbortSignal;
  /** Longest wait for the whole answer, in ms. */
  readonly limitMs: number;
  /** A longer answer is an error. @default 64 MiB */
  readonly maxBytes?: number;
}

/**
 * One call of Prometheus' HTTP API, bounded in time and size, to the `data` of its answer.
 * @throws SquallError `PROMETHEUS_UNREACHABLE` (no whole answer in time), `PROMETHEUS_REFUSED` (an error in its own words),
 * `PROMETHEUS_ANSWER` (anything else than its JSON, or too much of it); the signal's reason on abort
 */
export async function postForm<Data>(
  url: string,
  form: Readonly<Record<string, string>>,
  { signal, limitMs, maxBytes = 64 * 2 ** 20 }: CallOptions,
): Promise<Data> {
  let text: string | null;
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
    const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form), signal: limited });
    text = await readText(response.body ?? [], maxBytes);
  } catch (cause) {
    signal.throwIfAborted();
    const why = cause instanceof Error && cause.cause ? messageOf(cause.cause) : messageOf(cause);
    throw problem('PROMETHEUS_UNREACHABLE', `Expected ${url} to answer within ${limitMs} ms: ${why}`, cause);
  }
  if (text === null) throw problem('PROMETHEUS_ANSWER', `Expected at most ${maxBytes} bytes from ${url}, got more`);
  const answer = parse(url, text);
  if (answer.status === 'success' && answer.data !== undefined) return answer.data as Data;
  throw problem('PROMETHEUS_REFUSED', `${url} refused: ${answer.error ?? text.slice(0, 200)}`);
}

interface Answer {
  readonly status?: string;
  readonly error?: string;
  readonly data?: unknown;
}

function parse(url: string, text: string): Answer {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === 'object' && answer !== null) return answer;
    throw new TypeError('not an object');
  } catch (cause) {
    throw problem('PROMETHEUS_ANSWER', `Expected JSON from ${url}, got ${JSON.stringify(text.slice(0, 200))}`, cause);
  }
}

function problem(code: string, message: string, cause?: unknown): SquallError {
  return new SquallError('environment', code, message, {
    next: 'Check that this is the address of a Prometheus that runs.',
    ...(cause === undefined ? {} : { cause }),
  });
}
