import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Charge } from '../accounting/charge.ts';
import type { TokenCount } from '../release/token-count.ts';
import type { OpenSpan } from '../tracing/open-span.ts';
import type { TraceContext } from './trace-context.ts';

/** Header with the remaining time that the caller is willing to wait, in ms; lowered at each hop. */
export const TIMEOUT_HEADER = 'x-request-timeout-ms';

/**
 * How a request ended, for logs and metrics. `completed`: an upstream's response was relayed in full, whatever its status ·
 * `rejected`: rejected by the gateway · `failed`: no upstream delivered a response · `truncated`: the response broke off after its
 * first byte · `cancelled`: the client disconnected.
 */
export type Outcome = 'completed' | 'rejected' | 'failed' | 'truncated' | 'cancelled';

/** Lifecycle of the program. While `draining`, every response asks the client to close its connection; while `stopping`, that is final. */
export interface Lifecycle {
  draining: boolean;
  stopping?: boolean;
}

/** One request and its response on the way through the pipeline. Each stage fills in its part; `access-log.ts` reads them all. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path of the route, or `other`: a bounded set, suitable as a metric label. */
  readonly route: string;
  readonly trace: TraceContext;
  readonly requestId: string;
  readonly receivedMs: number;
  readonly #lifecycle: Lifecycle;

  /** Deadline of the whole request, in monotonic ms. */
  deadlineMs = Number.POSITIVE_INFINITY;
  /** Whether the client requested a shorter deadline than the gateway's own. */
  deadlineLowered = false;
  /** Identity of the caller: the SHA-256 of its API key in hex, or `anonymous`. */
  caller = 'anonymous';
  /** Rate limit headers: alternating names and values. */
  rateLimitHeaders: readonly string[] = [];
  /** What browsers are told about other sites' pages, in place of what the upstream tells them: alternating names and values. */
  corsHeaders: readonly string[] | undefined;
  /** Level at which it was or is to be admitted, 0 to 3; undefined without admission by priority. */
  priority: number | undefined;
  /** From the question mark on; empty without one. */
  query = '';
  body: Buffer = Buffer.alloc(0);
  /** Model that the client requested; empty before the body was read. */
  model = '';
  /** Version of the model that serves it, or is to; undefined without a route for the model. */
  version: string | undefined;
  /** Counts the tokens of the response; undefined where nobody wants to know. */
  tokens: TokenCount | undefined;
  /** Whether the client requested server-sent events. */
  streamed = false;
  /** Span of this request; undefined where it is not traced. */
  span: OpenSpan | undefined;
  /** Span of the latest attempt. */
  attemptSpan: OpenSpan | undefined;

  /** Whether the response being relayed is an event stream. */
  eventStream = false;

  /** Number of attempts started. */
  attempts = 0;
  /** Headers of the cache, `x-cache` and its value first: alternating names and values. */
  cacheHeaders: readonly string[] = [];
  /** Whether it joined the upstream call of another request. */
  isMerged = false;
  /** What its caller is charged for; undefined without accounting. */
  charge: Charge | undefined;
  /** How long it waited for admission or for an upstream, in ms. */
  queuedMs = 0;
  /** Upstream of the latest attempt. */
  upstream = '';
  firstByteMs: number | undefined;
  outcome: Outcome = 'completed';
  /** Short reason for an outcome other than `completed`. */
  reason: string | undefined;
  /** Whether the client disconnected before the response was complete. */
  clientDisconnected = false;
  /** Called when the client disconnects; set by the stage that must react. */
  onClientDisconnect: (() => void) | undefined;
  /** Called instead of aborting the response after its first byte; set where it goes to several clients. */
  onTruncated: ((code: string, message: string) => void) | undefined;
  /** Called when an upstream's response shows its first output; set by the stage that must react. */
  onOutput: (() => void) | undefined;

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
      this.clientDisconnected = true;
      this.onClientDisconnect?.();
    });
  }

  /** Called once, when its response has ended. */
  end(): void {
    if (!this.charge) return;
    this.charge.isReused = this.isMerged || /^(?:hit|stale|fallback)$/.test(this.cacheHeaders[1] ?? '');
    this.charge.release();
  }

  /** Headers of every response: alternating names and values. */
  headers(): string[] {
    const headers = ['x-request-id', this.requestId];
    if (this.#lifecycle.draining) headers.push('connection', 'close');
    if (this.corsHeaders) headers.push(...this.corsHeaders);
    if (this.rateLimitHeaders.length > 0) headers.push(...this.rateLimitHeaders);
    if (this.version !== undefined) headers.push('x-squall-version', this.version);
    if (this.priority !== undefined) headers.push('x-priority', `${this.priority}`);
    if (this.attempts > 0) headers.push('x-squall-upstream', this.upstream, 'x-squall-attempts', `${this.attempts}`);
    if (this.cacheHeaders.length > 0) headers.push(...this.cacheHeaders);
    if (this.isMerged) headers.push('x-squall-merged', 'true');
    return headers;
  }
}

/** One step of a request's pipeline. The last stage sends the response; any stage can end the request by throwing an ApiError. */
export type Stage = (exchange: Exchange) => Promise<void> | void;

/** The caller's request id if it is short and safe to log. */
function acceptedId(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^[\w.:/+=-]{1,128}$/.test(header) ? header : undefined;
}
