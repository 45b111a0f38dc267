import type { Clock } from '../../../harness/clock.ts';
import type { GatewayConfig } from '../config.ts';
import { type Exchange, TIMEOUT_HEADER } from '../http/exchange.ts';
import { traceparentOf } from '../http/trace-context.ts';
import type { UpstreamCall, UpstreamHandler } from '../upstream/transport.ts';
import type { Upstream } from '../upstream/upstreams.ts';
import type { Deadlines, Watched } from './deadlines.ts';
import { Relay } from './relay.ts';

/**
 * Why an attempt failed. `status`: the upstream responded with 502 or 503 · `reset`: the connection broke ·
 * `deadline`: the deadline of the whole request passed.
 */
export type Failure =
  | 'connect'
  | 'connect-timeout'
  | 'reset'
  | 'first-byte-timeout'
  | 'idle-timeout'
  | 'deadline'
  | 'status';

/** An upstream's 502 or 503 response, buffered until it is certain that no further attempt follows. */
interface BufferedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** How an attempt ended. `committed`: the client has received bytes of the response, so no further attempt is possible. */
export type AttemptResult =
  | { readonly kind: 'completed'; readonly status: number }
  | { readonly kind: 'cancelled' }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      readonly committed: boolean;
      readonly buffered?: BufferedResponse;
    };

/** Dependencies of {@link attempt}. */
export interface AttemptContext {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly timeouts: GatewayConfig['timeouts'];
  /** Called when the first byte is sent to the client. */
  readonly onFirstByte: (exchange: Exchange) => void;
}

/** Sends the exchange's request to `upstream` and relays the response as it arrives. Never rejects. */
export function attempt(exchange: Exchange, upstream: Upstream, context: AttemptContext): Promise<AttemptResult> {
  return new Promise(resolve => new Attempt(exchange, upstream, context, resolve).start());
}

const MAX_BUFFERED_BYTES = 65_536;

/**
 * State machine of one attempt. Every phase has a timeout, and `deadlineMs` bounds them all:
 *
 * ```
 *  start ──connectMs──► connected ──firstByteMs──► first body byte ──idleMs──► next byte … end
 *                                     (nothing sent to the client yet: a retry is possible)
 * ```
 *
 * Response headers are held back until the first body byte: servers send them before the model has produced anything, and a
 * request to an upstream that hangs right after them can still be retried.
 */
class Attempt implements UpstreamHandler, Watched {
  dueMs: number;
  readonly #exchange: Exchange;
  readonly #upstream: Upstream;
  readonly #context: AttemptContext;
  readonly #resolve: (result: AttemptResult) => void;
  readonly #relay: Relay;
  #call: UpstreamCall | undefined;
  #phase: 'connecting' | 'waiting' | 'relaying' | 'settled' = 'connecting';
  #status = 0;
  #headers: BufferedResponse['headers'] = {};
  #buffered: Buffer[] | undefined;
  #bufferedBytes = 0;
  #isPaused = false;

  constructor(
    exchange: Exchange,
    upstream: Upstream,
    context: AttemptContext,
    resolve: (result: AttemptResult) => void,
  ) {
    this.#exchange = exchange;
    this.#upstream = upstream;
    this.#context = context;
    this.#resolve = resolve;
    this.#relay = new Relay(exchange);
    this.dueMs = this.#dueIn(context.timeouts.connectMs);
  }

  start(): void {
    const exchange = this.#exchange;
    this.#upstream.inFlight += 1;
    if (exchange.clientDisconnected) {
      this.#settle({ kind: 'cancelled' });
      return;
    }
    this.#context.deadlines.add(this);
    exchange.onClientDisconnect = () => this.#settle({ kind: 'cancelled' });
    const headers = forwardedHeaders(exchange, this.#context.clock.nowMs());
    const path = exchange.route;
    const call = this.#upstream.transport.send({ method: 'POST', path, headers, body: exchange.body }, this);
    if (this.#phase === 'settled') call.cancel();
    else this.#call = call;
  }

  onConnected(): void {
    if (this.#phase !== 'connecting') return;
    this.#phase = 'waiting';
    const { firstByteMs, unstreamedFirstByteMs } = this.#context.timeouts;
    this.dueMs = this.#dueIn(this.#exchange.streamed ? firstByteMs : unstreamedFirstByteMs);
  }

  onResponse(status: number, headers: BufferedResponse['headers']): void {
    this.#status = status;
    this.#headers = headers;
    if (status === 502 || status === 503) this.#buffered = [];
  }

  onData(chunk: Buffer): void {
    if (this.#phase === 'settled') return;
    if (this.#buffered) {
      this.#buffer(this.#buffered, chunk);
      return;
    }
    this.#begin();
    this.dueMs = this.#dueIn(this.#context.timeouts.idleMs);
    if (!this.#relay.write(chunk)) this.#waitForClient();
  }

  onEnd(): void {
    if (this.#phase === 'settled') return;
    if (this.#buffered) {
      const buffered = { status: this.#status, headers: this.#headers, body: Buffer.concat(this.#buffered) };
      this.#settle({ kind: 'failed', failure: 'status', committed: false, buffered });
    } else {
      this.#begin();
      this.#relay.end();
      this.#settle({ kind: 'completed', status: this.#status });
    }
  }

  onError(_error: Error): void {
    this.#fail(this.#phase === 'connecting' ? 'connect' : 'reset');
  }

  expire(): void {
    if (this.#context.clock.nowMs() >= this.#exchange.deadlineMs) this.#fail('deadline');
    else if (this.#phase === 'connecting') this.#fail('connect-timeout');
    else this.#fail(this.#phase === 'waiting' ? 'first-byte-timeout' : 'idle-timeout');
  }

  #begin(): void {
    if (this.#phase === 'relaying') return;
    this.#phase = 'relaying';
    this.#relay.begin(this.#status, this.#headers);
    this.#context.onFirstByte(this.#exchange);
  }

  #buffer(buffered: Buffer[], chunk: Buffer): void {
    this.#bufferedBytes += chunk.length;
    if (this.#bufferedBytes <= MAX_BUFFERED_BYTES) buffered.push(chunk);
    else this.#fail('status');
  }

  /**
   * Stops reading from the upstream until the client has caught up, so that memory stays bounded. A client that reads nothing at
   * all loses its connection after `connections.sendMs`.
   */
  #waitForClient(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#call?.pause();
    this.dueMs = this.#exchange.deadlineMs;
    this.#exchange.response.once('drain', () => {
      if (this.#phase === 'settled') return;
      this.#isPaused = false;
      this.dueMs = this.#dueIn(this.#context.timeouts.idleMs);
      this.#call?.resume();
    });
  }

  #fail(failure: Failure): void {
    this.#settle({ kind: 'failed', failure, committed: this.#phase === 'relaying' });
  }

  #settle(result: AttemptResult): void {
    if (this.#phase === 'settled') return;
    this.#phase = 'settled';
    this.#upstream.inFlight -= 1;
    this.#exchange.onClientDisconnect = undefined;
    this.#context.deadlines.remove(this);
    if (result.kind !== 'completed') this.#call?.cancel();
    this.#resolve(result);
  }

  #dueIn(durationMs: number): number {
    return Math.min(this.#exchange.deadlineMs, this.#context.clock.nowMs() + durationMs);
  }
}

/** Headers for the upstream: content type, trace, request id and remaining time, but not the client's API key. */
function forwardedHeaders(exchange: Exchange, nowMs: number): string[] {
  const { accept, tracestate } = exchange.request.headers;
  const headers = ['content-type', 'application/json', 'accept', accept ?? '*/*'];
  headers.push('traceparent', traceparentOf(exchange.trace), 'x-request-id', exchange.requestId);
  headers.push(TIMEOUT_HEADER, String(Math.max(1, Math.floor(exchange.deadlineMs - nowMs))));
  if (typeof tracestate === 'string') headers.push('tracestate', tracestate);
  return headers;
}
