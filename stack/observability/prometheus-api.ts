import { messageOf, SquallError } from '../../harness/errors.ts';
import type { Machine } from '../../harness/host/network.ts';
import { type Login, loginHeaders } from '../../harness/http/login.ts';
import { readText } from './bounded-text.ts';

interface CallOptions {
  readonly machine: Machine;
  /** @default none */
  readonly login?: Login | undefined;
  readonly signal: AbortSignal;
  /** Timeout of the complete response, in ms. */
  readonly timeoutMs: number;
  /** Maximum size of the response. @default 64 MiB */
  readonly maxBytes?: number;
  /** To which those of the response are added. @default they are ignored */
  readonly warnings?: string[];
}

/**
 * Calls Prometheus' HTTP API and returns the `data` of the response.
 * @throws SquallError `PROMETHEUS_UNREACHABLE` (no complete response in time), `PROMETHEUS_ERROR` (an error by Prometheus),
 * `PROMETHEUS_RESPONSE` (not the API's JSON, or too large); the signal's reason on abort
 */
export async function postForm<Data>(
  url: string,
  form: Readonly<Record<string, string>>,
  { machine: { clock, network }, login, signal, timeoutMs, maxBytes = 64 * 2 ** 20, warnings }: CallOptions,
): Promise<Data> {
  let text: string | null;
  try {
    const limit = AbortSignal.any([signal, clock.timeout(timeoutMs)]);
    const body = new URLSearchParams(form);
    const response = await network.fetch(url, { method: 'POST', headers: loginHeaders(login), body, signal: limit });
    text = await readText(response.body ?? [], maxBytes);
  } catch (cause) {
    signal.throwIfAborted();
    const reason = cause instanceof Error && cause.cause ? messageOf(cause.cause) : messageOf(cause);
    throw problem('PROMETHEUS_UNREACHABLE', `Expected a response from ${url} within ${timeoutMs} ms: ${reason}`, cause);
  }
  if (text === null) throw problem('PROMETHEUS_RESPONSE', `Expected at most ${maxBytes} bytes from ${url}, got more`);
  const reply = parse(url, text);
  warnings?.push(...(reply.warnings ?? []));
  if (reply.status === 'success' && reply.data !== undefined) return reply.data as Data;
  throw problem('PROMETHEUS_ERROR', `${url} returned an error: ${reply.error ?? text.slice(0, 200)}`);
}

interface Reply {
  readonly status?: string;
  readonly error?: string;
  readonly data?: unknown;
  readonly warnings?: readonly string[];
}

function parse(url: string, text: string): Reply {
  try {
    const reply: unknown = JSON.parse(text);
    if (typeof reply === 'object' && reply !== null) return reply;
    throw new TypeError('not an object');
  } catch (cause) {
    throw problem('PROMETHEUS_RESPONSE', `Expected JSON from ${url}, got ${JSON.stringify(text.slice(0, 200))}`, cause);
  }
}

function problem(code: string, message: string, cause?: unknown): SquallError {
  const next = 'Check that Prometheus is running at this address.';
  return new SquallError('environment', code, message, { next, cause });
}
