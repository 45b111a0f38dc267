import type { Clock } from '../../harness/clock.ts';
import { gapBucket, type Outcome, type RequestRecord, requestRecord } from '../../harness/requests.ts';
import type { RequestTask } from './request-task.ts';
import { retryAfterMs } from './retry.ts';
import { type AnswerReader, answerReader } from './wire/answer.ts';
import type { Connection, Exchange } from './wire/connection.ts';
import type { Connections } from './wire/connections.ts';
import type { AnswerEvent } from './wire/event.ts';
import { outcomeOfError, type RequestPhase } from './wire/failure.ts';
import { httpAnswerReader, isExpectedStatus } from './wire/http-answer.ts';
import { requestText } from './wire/request-text.ts';

/**
 * A used keep-alive connection that ends this soon (ms) after a request was written to it, before any answer, was being
 * closed by the server when the request set out. Long enough for a round trip between neighbours, far shorter than the time
 * that a request spends in a service, so a service that dies with requests in hand cannot hide behind it.
 */
export const STALE_WINDOW_MS = 10;

/** How long, and how much, of a body is still read after its outcome is known, so that the connection can serve again. */
export const TAIL_MS = 1000;
/** See {@link TAIL_MS}. */
export const TAIL_BYTES = 64 * 1024;

/** Where requests go. */
export interface Target {
  /** Path of its URL, without a slash at the end. */
  readonly prefix: string;
  readonly connections: Connections;
}

/** What a request needs and whom it tells. */
export interface RequestContext {
  readonly clock: Clock;
  /** Start of the run on `clock`. */
  readonly startAtMs: number;
  readonly idleTimeoutMs: number;
  /** Told once, when the first token is in. */
  firstToken(latencyMs: number): void;
  /** Called exactly once an attempt, with its record as if it were the only one. `cause` explains a failure of the transport. */
  settled(request: StreamRequest, record: RequestRecord, cause: Error | undefined): void;
}

/**
 * One attempt at a request, a streamed chat completion or a plain one, from sending to its outcome.
 *
 * ```
 * connecting ──► waiting ──► answering ──► outcome ──► tail (rest of the body, bounded)
 *     └─ once more on a fresh connection ◄──┘ stale keep-alive connection
 * ```
 *
 * A request that meets a stale keep-alive connection is sent once more, on a fresh one, as browsers and Go's client do
 * (Chromium `HttpNetworkTransaction::ShouldResendRequest`, Go `errServerClosedIdle`): the service never saw it. Its latency
 * still counts from the schedule. Everything else is reported as it happened and never repeated.
 */
export class StreamRequest implements Exchange {
  readonly task: RequestTask;
  resent = false;
  /** What the server asked to wait before the next attempt; 0 if it did not. */
  retryAfterMs = 0;

  readonly #context: RequestContext;
  readonly #target: Target;
  #connection: Connection;
  #timer: NodeJS.Timeout | undefined;
  #phase: RequestPhase = 'connecting';
  #settled = false;
  #ended = false;
  #reader: AnswerReader | undefined;
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
    this.#connection = target.connections.take();
  }

  /** Sends it now. */
  send(): void {
    const { prefix, connections } = this.#target;
    const { method } = this.task;
    this.#connection.send(
      requestText(this.task, prefix, connections.host, connections.keepAlive),
      method === 'HEAD',
      this,
    );
  }

  /** Whether the user has seen a beginning of the answer. */
  get hasBegun(): boolean {
    return this.#firstTokenMs !== null;
  }

  /** Ends it with this outcome, unless it has one, and closes its connection. */
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
    this.#phase = 'answering';
    this.#heardMs = this.#now();
    this.#status = status;
    this.#upstream = header('x-squall-upstream') ?? '';
    this.retryAfterMs = retryAfterMs(header('retry-after'));
    const { expect } = this.task;
    const onEvent = (event: AnswerEvent) => this.#onEvent(event);
    if (expect ? !isExpectedStatus(expect, status) : status >= 300) this.#settle('http-status');
    else if (expect) {
      this.#onFirst(this.#heardMs);
      this.#reader = httpAnswerReader(expect, onEvent);
    } else if (header('content-type')?.startsWith('text/event-stream') === false) this.#settle('malformed');
    else this.#reader = answerReader(onEvent);
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
    this.#target.connections.giveBack(this.#connection);
  }

  onError(error: Error): void {
    if (!this.#settled && this.#isStale()) {
      this.#sendAgain();
      return;
    }
    this.#settle(outcomeOfError(error, this.#phase), error);
    this.#close();
  }

  /** Looks again when the silence since the last bytes could be too long; a timer set anew by each token would cost more than it. */
  #awaitBytes(): void {
    const leftMs = this.#heardMs + this.#context.idleTimeoutMs - this.#now();
    if (leftMs <= 0) this.cut('idle-timeout');
    else this.#timer = setTimeout(() => this.#awaitBytes(), leftMs);
  }

  #onEvent(event: AnswerEvent): void {
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
    const { answers } = this.#connection;
    return !this.resent && this.#phase === 'waiting' && answers > 0 && this.#now() - this.#writtenMs <= STALE_WINDOW_MS;
  }

  #sendAgain(): void {
    this.resent = true;
    this.#phase = 'connecting';
    this.#close();
    this.#connection = this.#target.connections.take(true);
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
