import type { Clock } from '../../../harness/clock.ts';
import type { GatewayConfig } from '../config.ts';
import type { Exchange } from '../http/exchange.ts';
import { TIMEOUT_HEADER } from '../http/request-deadline.ts';
import { traceparentOf } from '../http/trace-context.ts';
import type { UpstreamCall, UpstreamHandler } from '../upstream/transport.ts';
import type { Upstream } from '../upstream/upstreams.ts';
import type { Deadlines, Watched } from './deadlines.ts';
import { Relay } from './relay.ts';

/**
 * Why an attempt did not deliver. `status`: the upstream answered 502 or 503 · `reset`: the connection broke ·
 * `deadline`: the time of the whole request is up.
 */
export type Failure =
  | 'connect'
  | 'connect-timeout'
  | 'reset'
  | 'first-byte-timeout'
  | 'idle-timeout'
  | 'deadline'
  | 'status';

/** An upstream's 502 or 503, kept back until it is clear that no other attempt follows. */
export interface HeldAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** How an attempt ended. `committed`: the client has seen bytes of it, so there can be no other attempt. */
export type AttemptResult =
  | { readonly kind: 'answered'; readonly status: number }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly committed: boolean; readonly held?: HeldAnswer };

/** What an attempt needs from its surroundings. */
export interface AttemptContext {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly timeouts: GatewayConfig['timeouts'];
  /** Told when the first byte goes to the client. */
  readonly firstByte: (exchange: Exchange) => void;
}

/** Sends the exchange's request to `upstream` and passes the answer on as it comes. Never rejects. */
export function attempt(exchange: Exchange, upstream: Upstream, context: AttemptContext): Promise<AttemptResult> {
  return new Promise(resolve => new Attempt(exchange, upstream, context, resolve).start());
}

const HELD_BYTES = 65_536;

/**
 * The life of one attempt. Every phase has a bound, and `deadlineMs` bounds them all:
 *
 * ```
 *  start ──connectMs──► connected ──firstByteMs──► first body byte ──idleMs──► next byte … end
 *                                     (nothing sent to the client yet: another attempt is possible)
 * ```
 *
 * Response headers wait for the first body byte: servers send them before the model has produced anything, and an
 * upstream that hangs right after them can still be replaced.
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
  #headers: HeldAnswer['headers'] = {};
  #held: Buffer[] | undefined;
  #heldBytes = 0;
  #clientSlow = false;

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
    if (exchange.clientGone) {
      this.#settle({ kind: 'cancelled' });
      return;
    }
    this.#context.deadlines.add(this);
    exchange.onClientGone = () => this.#settle({ kind: 'cancelled' });
    const headers = forwardedHeaders(exchange, this.#context.clock.nowMs());
    const path = exchange.route;
    const call = this.#upstream.transport.send({ method: 'POST', path, headers, body: exchange.body }, this);
    if (this.#phase === 'settled') call.cancel();
    else this.#call = call;
  }

  connected(): void {
    if (this.#phase !== 'connecting') return;
    this.#phase = 'waiting';
    const { firstByteMs, unstreamedFirstByteMs } = this.#context.timeouts;
    this.dueMs = this.#dueIn(this.#exchange.streamed ? firstByteMs : unstreamedFirstByteMs);
  }

  answered(status: number, headers: HeldAnswer['headers']): void {
    this.#status = status;
    this.#headers = headers;
    if (status === 502 || status === 503) this.#held = [];
  }

  data(chunk: Buffer): void {
    if (this.#phase === 'settled') return;
    if (this.#held) {
      this.#hold(this.#held, chunk);
      return;
    }
    this.#begin();
    this.dueMs = this.#dueIn(this.#context.timeouts.idleMs);
    if (!this.#relay.write(chunk)) this.#waitForClient();
  }

  ended(): void {
    if (this.#phase === 'settled') return;
    if (this.#held) {
      const held = { status: this.#status, headers: this.#headers, body: Buffer.concat(this.#held) };
      this.#settle({ kind: 'failed', failure: 'status', committed: false, held });
    } else {
      this.#begin();
      this.#relay.end();
      this.#settle({ kind: 'answered', status: this.#status });
    }
  }

  failed(_error: Error): void {
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
    this.#context.firstByte(this.#exchange);
  }

  #hold(held: Buffer[], chunk: Buffer): void {
    this.#heldBytes += chunk.length;
    if (this.#heldBytes <= HELD_BYTES) held.push(chunk);
    else this.#fail('status');
  }

  /**
   * The client reads slower than the upstream writes: stop reading, so that memory stays bounded. A client that takes nothing
   * at all is cut off with its connection (`connections.sendMs`).
   */
  #waitForClient(): void {
    if (this.#clientSlow) return;
    this.#clientSlow = true;
    this.#call?.pause();
    this.dueMs = this.#exchange.deadlineMs;
    this.#exchange.response.once('drain', () => {
      if (this.#phase === 'settled') return;
      this.#clientSlow = false;
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
    this.#exchange.onClientGone = undefined;
    this.#context.deadlines.remove(this);
    if (result.kind !== 'answered') this.#call?.cancel();
    this.#resolve(result);
  }

  #dueIn(durationMs: number): number {
    return Math.min(this.#exchange.deadlineMs, this.#context.clock.nowMs() + durationMs);
  }
}

/** The client's key stays here; what goes on is the content type, the trace, the id and the time that is left. */
function forwardedHeaders(exchange: Exchange, nowMs: number): string[] {
  const { accept, tracestate } = exchange.request.headers;
  const headers = ['content-type', 'application/json', 'accept', accept ?? '*/*'];
  headers.push('traceparent', traceparentOf(exchange.trace), 'x-request-id', exchange.requestId);
  headers.push(TIMEOUT_HEADER, String(Math.max(1, Math.floor(exchange.deadlineMs - nowMs))));
  if (typeof tracestate === 'string') headers.push('tracestate', tracestate);
  return headers;
}
