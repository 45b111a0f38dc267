import { z } from 'zod';
import { messageOf, SquallError } from '../../harness/errors.ts';

/** One operation on a fault proxy's API, of however many requests. */
export type Operation = ReturnType<typeof beginOperation>;

/** Begins an operation with one limit for all of its requests. @param what it does, for errors, such as `add toxic slow to gateway→edge` */
export function beginOperation(apiUrl: string, timeoutMs: number, what: string, caller?: AbortSignal) {
  caller?.throwIfAborted();
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = caller ? AbortSignal.any([caller, limit]) : limit;

  const failure = (code: string, why: string, next: string, cause?: unknown) =>
    new SquallError('fault', `TOXIPROXY_${code}`, `Could not ${what}${why}`, { next, cause });

  const explain = (path: string, cause: unknown): unknown => {
    if (caller?.aborted) return caller.reason;
    const late = `: expected ${apiUrl}${path} to answer within ${timeoutMs} ms, got nothing`;
    if (limit.aborted) return failure('TIMEOUT', late, 'Restart the fault proxy.', cause);
    const why = [cause, (cause as Error).cause].filter(Boolean).map(messageOf).join(', ');
    return failure('UNREACHABLE', `: no answer from ${apiUrl}${path} (${why})`, 'Start the fault proxy.', cause);
  };

  const send = async (method: string, path: string, body?: object): Promise<string> => {
    const json = body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {};
    const fetched = fetch(apiUrl + path, { method, signal, ...json });
    const { status, text } = await fetched
      .then(async response => ({ status: response.status, text: (await response.text()).trim() }))
      .catch(error => Promise.reject(explain(path, error)));
    if (status < 300) return text;
    const why = `: ${method} ${apiUrl}${path} answered ${status}, ${text.slice(0, 500) || 'an empty body'}`;
    throw failure('REFUSED', why, 'Read what the fault proxy answered.', { status });
  };

  /** @throws SquallError `TOXIPROXY_MISMATCH` unless it is met */
  const expect = (isMet: boolean, expected: unknown, found: unknown): void => {
    const why = `, though the server agreed. Expected ${textOf(expected)}, found ${textOf(found)}`;
    if (!isMet) throw failure('MISMATCH', why, 'Look for another user of this fault proxy.');
  };

  return {
    expect,
    send,
    /**
     * Waits for a call of toxiproxy-node-client, which has no limit and goes on when it is left. It also drops the reason of a failure,
     * so the same request is then made plainly: what the server refuses once it refuses twice, with its words.
     */
    async waitFor(call: Promise<unknown>, ...request: Parameters<typeof send>): Promise<void> {
      const { promise: ended, reject } = Promise.withResolvers<never>();
      signal.addEventListener('abort', reject, { once: true });
      const isDone = await Promise.race([call.then(() => true), ended]).catch(() => false);
      if (signal.aborted) throw explain(request[1], signal.reason);
      if (!isDone) await send(...request);
    },
    /** What is at `path`. @throws SquallError `TOXIPROXY_ANSWER` when it has another shape */
    async read<T>(shape: z.ZodType<T>, path: string): Promise<T> {
      const { error, data } = shape.safeParse(parseJson(await send('GET', path)));
      if (!error) return data;
      throw failure('ANSWER', `: unexpected answer, ${z.prettifyError(error)}`, 'Check that this is a Toxiproxy API.');
    },
    /** Succeeds where nothing is at `path`. */
    async remove(path: string): Promise<void> {
      await ignoreMissing(send('DELETE', path));
      const left = await ignoreMissing(send('GET', path));
      expect(left === undefined, 'nothing', left);
    },
  };
}

/** Resolves with undefined where the server says that there is no such thing. */
export async function ignoreMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch(error => {
    if (error.cause?.status !== 404) throw error;
    return undefined;
  });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
