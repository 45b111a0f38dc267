import type { Exchange } from '../http/exchange.ts';
import type { UpstreamCall, UpstreamHandler, UpstreamHeaders } from '../upstream/transport.ts';
import type { Upstream } from '../upstream/upstreams.ts';
import { beginStream, type Progress, type WatchedStream, wantsOutput } from '../upstream/zombies.ts';
import type { AttemptContext } from './attempt-context.ts';
import type { AttemptResult } from './attempt-result.ts';
import type { Watched } from './deadlines.ts';
import { type Failure, failureOfStatus, isClientError, isResponse } from './failure.ts';
import { HeldBody } from './held-body.ts';
import { mayCarryOutput, Opening } from './output.ts';
import { Relay } from './relay.ts';
import { requestHeaders } from './request-headers.ts';

/** Sends the exchange's request to `upstream` and relays the response as it arrives. Never rejects. */
export function attempt(exchange: Exchange, upstream: Upstream, context: AttemptContext): Promise<AttemptResult> {
  return new Promise(resolve => new Attempt(exchange, upstream, context, resolve).start());
}

type Phase = 'connecting' | 'waiting' | 'opening' | 'streaming' | 'settled';

/** Bounds of the body of an error response, which is read for the case that no further attempt follows. */
const ERROR_BODY = { maxBytes: 65_536, maxMs: 250 };
/** Part of `idleMs` after output for which all bytes count as output, so that few tokens have to be parsed. */
const UNREAD_RATIO = 0.25;

/**
 * State machine of one attempt. Every phase has a timeout, and `deadlineMs` bounds them all:
 *
 * ```
 *  connecting ──► waiting ──► opening ──► streaming ──► … end
 *   connectMs   firstByteMs  firstTokenMs   idleMs, from token to token
 *  └─ nothing is sent to the client: a retry is possible ─┘
 * ```
 *
 * Until a 2xx response shows output, its head and body are held back: servers send headers, comments and roles before the model has
 * produced anything, and a request to an upstream that fails after them can still be retried. A document that is not streamed is held
 * back to its end. Bodies with a `content-encoding`, which is never asked for, are not read.
 */
class Attempt implements UpstreamHandler, Watched, WatchedStream {
  dueMs: number;
  readonly #exchange: Exchange;
  readonly #upstream: Upstream;
  readonly #context: AttemptContext;
  readonly #resolve: (result: AttemptResult) => void;
  readonly #relay: Relay;
  /** Undefined where zombies are not looked for, and for responses that are not streamed. */
  readonly #progress: Progress | undefined;
  #call: UpstreamCall | undefined;
  #phase: Phase = 'connecting';
  #status = 0;
  #headers: UpstreamHeaders = {};
  /** Known from the status, before the body. */
  #failure: Failure | undefined;
  /** Reads the body until it shows output; undefined where it is not read. */
  #opening: Opening | undefined;
  readonly #held = new HeldBody();
  #isCommitted = false;
  #isPaused = false;
  #phaseDueMs: number;
  #firstTokenDueMs = Number.POSITIVE_INFINITY;
  #holdDueMs = Number.POSITIVE_INFINITY;
  #computeDueMs = Number.POSITIVE_INFINITY;
  /** When output was last seen; between two looks, see {@link UNREAD_RATIO}, there may have been more. */
  #outputMs = Number.NEGATIVE_INFINITY;

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
    this.#progress = exchange.streamed ? upstream.progress : undefined;
    this.#relay = new Relay(exchange, context.guard, () => this.#fail('malformed'));
    this.#phaseDueMs = this.#dueIn(context.timeouts.connectMs);
    this.dueMs = this.#phaseDueMs;
  }

  start(): void {
    const exchange = this.#exchange;
    if (exchange.clientDisconnected) {
      this.#settle({ kind: 'cancelled' });
      return;
    }
    this.#context.deadlines.add(this);
    if (this.#progress) beginStream(this.#progress, this, this.#context.clock.nowMs());
    exchange.onClientDisconnect = () => this.#settle({ kind: 'cancelled' });
    const headers = requestHeaders(exchange, this.#context.clock.nowMs());
    const path = exchange.route + exchange.query;
    const transport = exchange.charge?.transportTo(this.#upstream) ?? this.#upstream.transport;
    const call = transport.send({ method: 'POST', path, headers, body: exchange.body }, this);
    if (this.#phase === 'settled') call.cancel();
    else this.#call = call;
  }

  onConnected(): void {
    if (this.#phase !== 'connecting') return;
    const { firstByteMs, firstTokenMs, unstreamedFirstByteMs } = this.#context.timeouts;
    const { streamed } = this.#exchange;
    // The work on a response that is not streamed cannot be seen before its end.
    if (!streamed) this.#startComputing();
    this.#firstTokenDueMs = this.#dueIn(streamed ? firstTokenMs : unstreamedFirstByteMs);
    const firstByteDueMs = streamed ? this.#dueIn(firstByteMs) : this.#firstTokenDueMs;
    this.#enter('waiting', Math.min(firstByteDueMs, this.#firstTokenDueMs));
  }

  onResponse(status: number, headers: UpstreamHeaders): void {
    this.#status = status;
    this.#headers = headers;
    this.#failure = failureOfStatus(status);
    const isEncoded = !/^(?:identity)?$/i.test(String(headers['content-encoding'] ?? ''));
    if (this.#failure) this.dueMs = this.#dueIn(ERROR_BODY.maxMs);
    else if (isEncoded && this.#relay.isFiltered) this.#fail('malformed');
    else if (!isClientError(status) && !isEncoded && this.#context.hold !== 'off') this.#opening = new Opening();
  }

  onData(chunk: Buffer): void {
    if (this.#phase === 'settled') return;
    this.#exchange.tokens?.read(chunk);
    if (this.#failure) this.#buffer(this.#failure, chunk);
    else if (this.#opening) this.#open(this.#opening, chunk);
    else this.#pass(chunk);
  }

  onEnd(trailers?: UpstreamHeaders): void {
    if (this.#phase === 'settled') return;
    const isExpected = this.#isCommitted || isClientError(this.#status);
    const verdict = this.#failure ?? this.#opening?.end() ?? (isExpected ? 'output' : 'empty');
    if (verdict === 'output') this.#complete(trailers);
    else this.#fail(verdict);
  }

  onError(_error: Error): void {
    this.#fail(this.#failure ?? (this.#phase === 'connecting' ? 'connect' : 'reset'));
  }

  /** The request that is attempted. */
  get request(): WatchedStream['request'] {
    return this.#exchange;
  }

  abandon(): void {
    this.#fail('zombie');
  }

  expire(): void {
    const nowMs = this.#context.clock.nowMs();
    if (nowMs >= this.#exchange.deadlineMs) this.#fail('deadline');
    else if (this.#failure) this.#fail(this.#failure);
    else if (nowMs >= this.#computeDueMs) this.#fail('compute-deadline');
    else if (nowMs >= this.#holdDueMs && nowMs < this.#phaseDueMs) this.#stopHolding('time');
    else if (this.#phase === 'connecting') this.#fail('connect-timeout');
    else if (this.#phase === 'waiting') this.#fail('first-byte-timeout');
    else this.#fail(this.#phase === 'opening' ? 'first-token-timeout' : 'idle-timeout');
  }

  /** Takes a chunk of an error response. */
  #buffer(failure: Failure, chunk: Buffer): void {
    this.#held.push(chunk);
    if (this.#held.bytes > ERROR_BODY.maxBytes) this.#fail(failure);
  }

  /** Takes a chunk of the beginning: holds it back unless it completes the first output, or shows that there will be none. */
  #open(opening: Opening, chunk: Buffer): void {
    const verdict = opening.feed(chunk);
    this.#held.push(chunk);
    if (verdict === 'output') {
      this.#showOutput();
      this.#commit();
    } else if (verdict) this.#fail(verdict);
    else this.#keepHolding(opening.isBlank);
  }

  #keepHolding(isBlank: boolean): void {
    const { hold, timeouts, metrics } = this.#context;
    if (hold === 'off') return;
    metrics.heldChunks.inc();
    if (this.#held.chunks === 1) this.#holdDueMs = this.#dueIn(hold.maxMs);
    if (this.#exchange.streamed) this.#enter('opening', this.#firstTokenDueMs);
    else if (!isBlank) this.#enter('streaming', this.#dueIn(timeouts.idleMs));
    if (this.#held.bytes > hold.maxBytes) this.#stopHolding('bytes');
  }

  /** Relays what was held back although it shows no output. */
  #stopHolding(limit: 'bytes' | 'time'): void {
    this.#context.metrics.holdLimits.labels(limit).inc();
    this.#context.deadlines.add(this);
    this.#opening = undefined;
    this.#holdDueMs = Number.POSITIVE_INFINITY;
    this.#enter(this.#phase, this.#phaseDueMs);
    this.#commit();
  }

  /** Takes a chunk that is not held back. */
  #pass(chunk: Buffer): void {
    const { clock, timeouts } = this.#context;
    const nowMs = clock.nowMs();
    this.#commit();
    if (nowMs - this.#outputMs < timeouts.idleMs * UNREAD_RATIO) {
      if (wantsOutput(this.#progress, nowMs) && mayCarryOutput(chunk)) this.#progress.outputMs = nowMs;
      this.#enter('streaming', Math.min(this.#exchange.deadlineMs, nowMs + timeouts.idleMs));
    } else if (mayCarryOutput(chunk)) this.#showOutput();
    else if (this.#phase === 'waiting') this.#enter('opening', this.#firstTokenDueMs);
    this.#write(chunk);
  }

  #showOutput(): void {
    if (!isClientError(this.#status) && this.#outputMs < 0) this.#exchange.onOutput?.();
    if (this.#outputMs < 0 && this.#exchange.streamed) this.#startComputing();
    this.#opening = undefined;
    this.#holdDueMs = Number.POSITIVE_INFINITY;
    this.#outputMs = this.#context.clock.nowMs();
    if (this.#progress) this.#progress.outputMs = this.#outputMs;
    this.#enter('streaming', this.#dueIn(this.#context.timeouts.idleMs));
  }

  #complete(trailers: UpstreamHeaders | undefined): void {
    if (this.#opening) this.#showOutput();
    this.#commit();
    this.#relay.end(trailers);
    this.#settle({ kind: 'completed', status: this.#status });
  }

  #startComputing(): void {
    this.#computeDueMs = this.#context.clock.nowMs() + (this.#context.guard?.computeMs ?? Number.POSITIVE_INFINITY);
  }

  /** Sends the head, and what was held back. */
  #commit(): void {
    if (this.#isCommitted) return;
    this.#isCommitted = true;
    this.#relay.begin(this.#status, this.#headers);
    this.#context.onFirstByte(this.#exchange);
    if (this.#held.bytes > 0) this.#write(this.#held.take());
  }

  /**
   * Stops reading from the upstream until the client has caught up, so that memory stays bounded. A client that reads nothing at
   * all loses its connection after `connections.sendMs`.
   */
  #write(chunk: Buffer): void {
    if (this.#relay.write(chunk)) return;
    this.dueMs = Math.min(this.#exchange.deadlineMs, this.#computeDueMs);
    if (this.#isPaused) return;
    this.#isPaused = true;
    // It shows nothing because the client does not read.
    this.#progress?.streams.delete(this);
    this.#call?.pause();
    this.#exchange.response.once('drain', () => {
      if (this.#phase === 'settled') return;
      this.#isPaused = false;
      if (this.#progress) beginStream(this.#progress, this, this.#context.clock.nowMs());
      this.#enter(this.#phase, this.#dueIn(this.#context.timeouts.idleMs));
      this.#call?.resume();
    });
  }

  #enter(phase: Phase, dueMs: number): void {
    this.#phase = phase;
    this.#phaseDueMs = dueMs;
    this.dueMs = Math.min(dueMs, this.#holdDueMs, this.#computeDueMs);
  }

  #fail(failure: Failure): void {
    const committed = this.#isCommitted;
    const hasResponse = !committed && isResponse(failure) && this.#held.bytes <= ERROR_BODY.maxBytes;
    const response = { status: this.#status, headers: this.#headers, body: this.#held.whole() };
    const isFinished = committed && this.#relay.cut(failure === 'compute-deadline');
    this.#settle({ kind: 'failed', failure, committed, isFinished, ...(hasResponse ? { response } : {}) });
  }

  #settle(result: AttemptResult): void {
    if (this.#phase === 'settled') return;
    this.#phase = 'settled';
    this.#exchange.onClientDisconnect = undefined;
    this.#context.deadlines.remove(this);
    this.#progress?.streams.delete(this);
    if (result.kind !== 'completed') this.#call?.cancel();
    this.#resolve(result);
  }

  #dueIn(durationMs: number): number {
    return Math.min(this.#exchange.deadlineMs, this.#context.clock.nowMs() + durationMs);
  }
}
