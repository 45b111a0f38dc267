import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';

/**
 * How a broken engine responds to completion requests. Its health checks pass all the same. One that stalls takes them as ever, but computes
 * nothing, nor for those that it had.
 */
export const failureKinds = [
  'not-found',
  'unauthorized',
  'rate-limited',
  'server-error',
  'error-event',
  'no-token',
  'no-byte',
  'reset',
  'hang',
  'stall',
] as const;
type FailureKind = (typeof failureKinds)[number];

/** Path where `PUT {"as": kind}` breaks the engine until its restart, and `DELETE` repairs it. */
export const FAILURE_PATH = '/simulator/failure';

const STATUSES: Readonly<Partial<Record<FailureKind, readonly [status: number, type: string, message: string]>>> = {
  'not-found': [404, 'NotFoundError', 'The model does not exist.'],
  unauthorized: [401, 'AuthenticationError', 'Invalid API key.'],
  'rate-limited': [429, 'RateLimitError', 'Too many requests.'],
  'server-error': [500, 'InternalServerError', 'EngineCore encountered an issue.'],
};

const role =
  '{"id":"chatcmpl-0","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}';
const stop =
  '{"id":"chatcmpl-0","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}';
const EVENTS: Readonly<Partial<Record<FailureKind, readonly string[]>>> = {
  'error-event': [role, errorText(500, 'InternalServerError', 'EngineCore encountered an issue.')],
  'no-token': [role, stop, '[DONE]'],
  'no-byte': [],
};

/** An engine that works until it is told otherwise, over {@link FAILURE_PATH}. */
export class BrokenEngine {
  #as: FailureKind | undefined;
  /** Responses of an engine that hangs. */
  readonly #hanging = new Set<ServerResponse>();

  /** Whether completion requests are responded to by {@link respond}. */
  get isBroken(): boolean {
    return this.#as !== undefined && !this.isStalled;
  }

  /** Whether the engine computes nothing. */
  get isStalled(): boolean {
    return this.#as === 'stall';
  }

  /** Takes a new state. @returns a message for a body that is none; undefined once it is in effect */
  set(method: string | undefined, body: string): string | undefined {
    if (method === 'DELETE') {
      this.#as = undefined;
      // What hung is lost with the engine.
      for (const response of this.#hanging) response.destroy();
      return undefined;
    }
    const parsed = shape.safeParse(body);
    if (!parsed.success) return `Expected {"as": "${failureKinds.join('" | "')}"}`;
    this.#as = parsed.data.as;
    return undefined;
  }

  /** Responds as a broken engine: at once, or, if it hangs, with no more than a head. */
  respond(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    const as = this.#as!;
    const status = STATUSES[as];
    const events = EVENTS[as];
    if (status) {
      response.writeHead(status[0], { 'content-type': 'application/json' }).end(errorText(...status));
    } else if (events) {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      response.end(events.map(event => `data: ${event}\n\n`).join(''));
    } else if (as === 'hang') {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).flushHeaders();
      this.#hanging.add(response);
      response.once('close', () => this.#hanging.delete(response));
    } else request.socket.resetAndDestroy();
  }
}

const shape = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue('not JSON');
      return z.NEVER;
    }
  })
  .pipe(z.strictObject({ as: z.enum(failureKinds) }));

function errorText(code: number, type: string, message: string): string {
  return JSON.stringify({ error: { message, type, param: null, code } });
}
