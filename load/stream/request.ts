import type { Clock } from '../../harness/clock.ts';
import type { HttpExpectation } from '../../harness/plan.ts';
import { gapBucket, type Outcome, type RequestRecord, requestRecord } from '../../harness/requests.ts';
import { retryAfterMs } from '../../harness/retry/retry-after.ts';
import type { HttpRequest } from '../request/request.ts';
import { upstreamOf } from '../request/upstream.ts';
import { bodyReader, outcomeOfHead } from './wire/body-reader.ts';
import type { Connection, Exchange } from './wire/connection.ts';
import type { Connections, ConnectionUser } from './wire/connections.ts';
import type { BodyReader, StreamEvent } from './wire/event.ts';
import { outcomeOfError, type RequestPhase } from './wire/failure.ts';
import { requestText } from './wire/request-text.ts';

/**
 * Time (ms) within which a reused connection that ends without a byte was probably being closed by the server, or by a balancer on
 * the way, when the request was sent: several round trips to anywhere. A request that waited longer was being worked on, so that a
 * service which dies with requests in flight cannot hide behind the connections of its clients.
 */
const STALE_WINDOW_MS = 1000;

/** Limits on reading the rest of a body once its outcome is known, so that the connection can be reused. */
const TAIL_MS = 1000;
const TAIL_BYTES = 64 * 1024;

/** Request to send, and its place in the schedule. */
export interface RequestTask extends HttpRequest {
  readonly index: number;
  readonly scheduledMs: number;
  readonly stage: string;
  /** Expected response of plain HTTP; null for a streamed chat completion. */
  readonly expect: HttpExpectation | null;
  /** Further fields of the record: class, session, turn. */
  readonly labels: Pick<RequestRecord, 'class' | 'session' | 'turn'>;
  /** Who sends it, where users have connections of their own. */
  readonly user?: ConnectionUser | undefined;
}

/** Destination of requests. */
export interface Target {
  /** Path of its URL, without a slash at the end. */
  readonly prefix: string;
  readonly connections: Connections;
}

/** Dependencies and callbacks of a request. */
export interface RequestContext {
  readonly clock: Clock;
  /** Start of the run on `clock`. */
  readonly startAtMs: number;
  readonly idleTimeoutMs: number;
  /** See `LoadPlan`. */
  readonly upstreamHeader?: string | undefined;
  /** Called once, when the first token has arrived. */
  firstToken(latencyMs: number): void;
  /** Called once per attempt, with its record as if it were the only one. `cause` explains a transport failure. */
  settled(request: StreamRequest, record: RequestRecord, cause: Error | undefined): void;
}

/**
 * One attempt at a request, a streamed chat completion or plain HTTP, from sending to its outcome.
 *
 * ```
 * connecting ──► waiting ──► receiving ──► outcome ──► tail (rest of the body, bounded)
 *     └─ resent on a new connection ◄──┘ stale keep-alive connection
 * ```
 *
 * A request on a reused connection that ends before any byte of a response is resent once, on a new one, as browsers and Go's client
 * do (Chromium `HttpNetworkTransaction::ShouldResendRequest`, Go `errServerClosedIdle`). Its latency still counts from the schedule,
 * and its record says so. Any other failure is reported and never retried here.
 */
export class StreamRequest implements Exchange {
  readonly task: RequestTask;
  resent = false;
  /** Wait before the next attempt that the server requested, in ms; 0 if none. */
  retryAfterMs = 0;

  readonly #context: RequestContext;
  readonly #target: Target;
  #connection: Connection;
  #timer: NodeJS.Timeout | undefined;
  #phase: RequestPhase = 'connecting';
  #settled = false;
  #ended = false;
  #reader: BodyReader | undefined;
  #tailBytes = 0;

  readonly #sentMs: number;
  #writtenMs = 0;
  #heardMs = 0;
  #lastTokenMs = 0;
  #firstTokenMs: number | null = null;
  #status = 0;
  #upstream = '';
  #outputTokens = 0;
  readonly #gaps = new Map<number, number>();

  constructor(task: RequestTask, target: Target, context: RequestContext) {
    this.task = task;
    this.#target = target;
    this.#context = context;
    this.#sentMs = this.#now();
    this.#connection = target.connections.take(task.user);
  }

  send(): void {
    const { prefix, connections } = this.#target;
    const text = requestText(this.task, prefix, connections.host, !this.#connection.isLast);
    this.#connection.send(text, this.task.method === 'HEAD', this);
  }

  /** Whether the first token has arrived. */
  get hasBegun(): boolean {
    return this.#firstTokenMs !== null;
  }

  /** Ends the attempt with this outcome, unless it has one, and closes its connection. */
  cut(outcome: Outcome): void {
    this.#settle(outcome);
    this.#close();
  }

  onSent(): void {
    this.#phase = 'waiting';
    this.#writtenMs = this.#now();
    this.#heardMs = this.#writtenMs;
    this.#awaitBytes();
  }

  onHead(status: number, header: (name: string) => string | undefined): void {
    this.#phase = 'receiving';
    this.#heardMs = this.#now();
    this.#status = status;
    this.#upstream = upstreamOf(header, this.#context.upstreamHeader);
    this.retryAfterMs = retryAfterMs(header, this.#context.clock.date().getTime());
    const { expect } = this.task;
    const outcome = outcomeOfHead(expect, status, header('content-type'));
    if (outcome) return void this.#settle(outcome);
    if (expect) this.#onFirst(this.#heardMs);
    this.#reader = bodyReader(expect, event => this.#onEvent(event));
  }

  onData(bytes: Buffer): void {
    if (this.#settled) {
      this.#tailBytes += bytes.length;
      if (this.#tailBytes > TAIL_BYTES) this.#close();
      return;
    }
    this.#heardMs = this.#now();
    this.#reader?.feed(bytes);
  }

  onEnd(): void {
    this.#ended = true;
    if (!this.#settled) this.#reader?.end();
    this.#settle('truncated');
    clearTimeout(this.#timer);
    this.#target.connections.giveBack(this.#connection, this.task.user);
  }

  onError(error: Error): void {
    if (!this.#settled && this.#isStale()) return void this.#resend();
    this.#settle(outcomeOfError(error, this.#phase), error);
    this.#close();
  }

  /** Checks again when the silence since the last bytes could be too long; restarting a timer with each token would cost more. */
  #awaitBytes(): void {
    const leftMs = this.#heardMs + this.#context.idleTimeoutMs - this.#now();
    if (leftMs <= 0) this.cut('idle-timeout');
    else this.#timer = setTimeout(() => this.#awaitBytes(), leftMs);
  }

  #onEvent(event: StreamEvent): void {
    if (this.#settled || event === 'empty') return;
    if (event === 'token') this.#onToken(this.#heardMs);
    else if (event === 'done') this.#settle('ok');
    else if (event === 'error') this.#settle('truncated');
    else if (this.#ended) this.#settle('malformed');
    else this.cut('malformed');
  }

  #onToken(atMs: number): void {
    this.#outputTokens += 1;
    if (this.#firstTokenMs === null) this.#onFirst(atMs);
    else {
      const bucket = gapBucket(atMs - this.#lastTokenMs);
      this.#gaps.set(bucket, (this.#gaps.get(bucket) ?? 0) + 1);
    }
    this.#lastTokenMs = atMs;
  }

  #onFirst(atMs: number): void {
    this.#firstTokenMs = atMs;
    this.#context.firstToken(atMs - this.task.scheduledMs);
  }

  #isStale(): boolean {
    const { responses, isSilent } = this.#connection;
    const isInTime = this.#now() - this.#writtenMs <= STALE_WINDOW_MS;
    return !this.resent && this.#phase === 'waiting' && responses > 0 && isSilent && isInTime;
  }

  #resend(): void {
    this.resent = true;
    this.#phase = 'connecting';
    this.#close();
    this.#connection = this.#target.connections.take(this.task.user, true);
    this.send();
  }

  #settle(outcome: Outcome, cause?: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    if (!this.#ended) this.#timer = setTimeout(() => this.#close(), TAIL_MS);
    const { index, scheduledMs, stage, promptTokens, labels } = this.task;
    const record = requestRecord({
      index,
      scheduledMs,
      sentMs: this.#sentMs,
      firstTokenMs: this.#firstTokenMs,
      endMs: this.#now(),
      outcome,
      status: this.#status,
      promptTokens,
      outputTokens: this.#outputTokens,
      stage,
      upstream: this.#upstream,
      gaps: [...this.#gaps].flat(),
      ...(this.resent && { resent: true }),
      ...labels,
    });
    this.#context.settled(this, record, cause);
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#connection.destroy();
  }

  #now(): number {
    return this.#context.clock.nowMs() - this.#context.startAtMs;
  }
}
