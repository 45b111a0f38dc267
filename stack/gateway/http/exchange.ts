import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TraceContext } from './trace-context.ts';

/**
 * How a request ended, for logs and metrics. `answered`: an upstream's answer was passed on whole, whatever its status ·
 * `rejected`: refused by the gateway · `failed`: no upstream answered · `broken`: the answer broke off after its first byte ·
 * `cancelled`: the client left.
 */
export type Outcome = 'answered' | 'rejected' | 'failed' | 'broken' | 'cancelled';

/** Whether the program is on its way out; then every answer asks its client to close the connection. */
export interface Lifecycle {
  draining: boolean;
}

/** One request on its way through the pipeline. Each stage fills in its part; `access-log.ts` reads all of it. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The route's path, or `other`: a bounded set, fit for a metric label. */
  readonly route: string;
  readonly trace: TraceContext;
  readonly requestId: string;
  readonly receivedMs: number;
  readonly #lifecycle: Lifecycle;

  /** When the whole request must be over, monotonic. */
  deadlineMs = Number.POSITIVE_INFINITY;
  /** True when the client asked for less time than the gateway would give. */
  deadlineLowered = false;
  /** Who asks: the SHA-256 of the API key in hex, or `anyone`. */
  caller = 'anyone';
  /** Headers that tell the limits, names and values in turn. */
  limits: readonly string[] = [];
  body: Buffer = Buffer.alloc(0);
  /** The client asked for server-sent events. */
  streamed = false;

  /** The answer being relayed is an event stream. */
  eventStream = false;

  /** Attempts started. */
  attempts = 0;
  /** The upstream of the latest attempt. */
  upstream = '';
  firstByteMs: number | undefined;
  outcome: Outcome = 'answered';
  /** Why it did not go well, in a word. */
  reason: string | undefined;
  /** The client's connection closed before the answer was complete. */
  clientGone = false;
  /** Set by whichever stage must act at once when the client leaves. */
  onClientGone: (() => void) | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    route: string,
    trace: TraceContext,
    receivedMs: number,
    lifecycle: Lifecycle,
  ) {
    this.request = request;
    this.response = response;
    this.route = route;
    this.trace = trace;
    this.requestId = acceptedId(request.headers['x-request-id']) ?? trace.traceId;
    this.receivedMs = receivedMs;
    this.#lifecycle = lifecycle;
    response.on('error', () => {});
    response.on('close', () => {
      if (response.writableFinished) return;
      this.clientGone = true;
      this.onClientGone?.();
    });
  }

  /** Headers that every answer carries, names and values in turn. */
  headers(): string[] {
    const headers = ['x-request-id', this.requestId];
    if (this.#lifecycle.draining) headers.push('connection', 'close');
    if (this.limits.length > 0) headers.push(...this.limits);
    if (this.attempts > 0) headers.push('x-squall-upstream', this.upstream, 'x-squall-attempts', `${this.attempts}`);
    return headers;
  }
}

/** A caller's own id is kept when it is short and harmless in a log line. */
function acceptedId(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^[\w.:/+=-]{1,128}$/.test(header) ? header : undefined;
}
