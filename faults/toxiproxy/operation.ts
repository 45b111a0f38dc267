import { Toxiproxy } from 'toxiproxy-node-client';
import { z } from 'zod';
import { messageOf, SquallError } from '../../harness/errors.ts';
import type { Machine } from '../../harness/host/network.ts';
import { bearer } from './token.ts';

/** One operation on a fault proxy's API, of one or more requests. */
export type Operation = ReturnType<typeof beginOperation>;

interface OperationOptions {
  readonly apiUrl: string;
  readonly token: string | undefined;
  readonly timeoutMs: number;
  readonly machine: Machine;
}

/** Begins an operation with one timeout for all of its requests. @param what description, for errors, such as `add toxic slow to gateway→edge` */
export function beginOperation(options: OperationOptions, what: string, caller?: AbortSignal) {
  const { apiUrl, token, timeoutMs, machine } = options;
  caller?.throwIfAborted();
  const limit = machine.clock.timeout(timeoutMs);
  const signal = caller ? AbortSignal.any([caller, limit]) : limit;

  const failure = (code: string, why: string, next: string, cause?: unknown) =>
    new SquallError('fault', `TOXIPROXY_${code}`, `Could not ${what}${why}`, { next, cause });

  const explain = (path: string, cause: unknown): unknown => {
    if (caller?.aborted) return caller.reason;
    const late = `: expected ${apiUrl}${path} to respond within ${timeoutMs} ms`;
    if (limit.aborted) return failure('TIMEOUT', late, 'Restart the fault proxy.', cause);
    const why = [cause, (cause as Error).cause].filter(Boolean).map(messageOf).join(', ');
    return failure('UNREACHABLE', `: no response from ${apiUrl}${path} (${why})`, 'Start the fault proxy.', cause);
  };

  const send = async (method: string, path: string, body?: object): Promise<string> => {
    const authorization = bearer(token);
    const headers = {
      ...(authorization && { authorization }),
      ...(body && { 'content-type': 'application/json' }),
    };
    const fetched = machine.network.fetch(apiUrl + path, {
      method,
      signal,
      headers,
      body: body ? JSON.stringify(body) : null,
    });
    const { status, text } = await fetched
      .then(async response => ({ status: response.status, text: (await response.text()).trim() }))
      .catch(error => Promise.reject(explain(path, error)));
    if (status < 300) return text;
    const why = `: ${method} ${apiUrl}${path} returned ${status}, ${text.slice(0, 500) || 'an empty body'}`;
    throw failure('REJECTED', why, 'See the response of the fault proxy.', { status });
  };

  /** @throws SquallError `TOXIPROXY_MISMATCH` unless it is met */
  const expect = (isMet: boolean, expected: unknown, found: unknown): void => {
    const why = `, though the server reported success. Expected ${textOf(expected)}, found ${textOf(found)}`;
    if (!isMet) throw failure('MISMATCH', why, 'Look for another user of this fault proxy.');
  };

  return {
    /** The official client, bounded and authorized as every request of this operation. */
    library: Object.assign(new Toxiproxy(apiUrl), { api: transportOver(send, apiUrl) }),
    expect,
    send,
    /** Reads `path`. @throws SquallError `TOXIPROXY_RESPONSE` if its shape is unexpected */
    async read<T>(shape: z.ZodType<T>, path: string): Promise<T> {
      const { error, data } = shape.safeParse(parseJson(await send('GET', path)));
      if (!error) return data;
      throw failure(
        'RESPONSE',
        `: unexpected response, ${z.prettifyError(error)}`,
        'Check that this is a Toxiproxy API.',
      );
    },
    /** Deletes `path`; succeeds if it does not exist. */
    async remove(path: string): Promise<void> {
      await ignoreMissing(send('DELETE', path));
      const left = await ignoreMissing(send('GET', path));
      expect(left === undefined, 'nothing', left);
    },
  };
}

/** Resolves with undefined if the server responds with 404. */
export async function ignoreMissing<T>(response: Promise<T>): Promise<T | undefined> {
  return response.catch(error => {
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

/** The part of the official client's transport that an operation uses. */
function transportOver(send: (method: string, path: string, body?: object) => Promise<string>, apiUrl: string) {
  const post = async (url: string, body?: object) => ({
    data: parseJson(await send('POST', url.slice(apiUrl.length), body)),
  });
  return { post } as unknown as Toxiproxy['api'];
}
