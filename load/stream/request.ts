import type { Clock } from '../../harness/clock.ts';
import { formatMs } from '../../harness/quantity.ts';
import { type Outcome, type RequestRecord, requestRecord } from '../../harness/requests.ts';
import { retryAfterMs } from '../../harness/retry/retry-after.ts';
import { Route } from './redirect.ts';
import type { FindHeader, Notes } from './response/notes.ts';
import { sentenceOf } from './response/oddities.ts';
import { isExpectedStatus } from './response/plain-reader.ts';
import { RequestNotes } from './response/request-notes.ts';
import { Response } from './response/response.ts';
import type { SignIn } from './sign-in.ts';
import type { StreamOptions } from './stream-options.ts';
import type { RequestTask, Target } from './task.ts';
import type { Connection, Exchange } from './wire/connection.ts';
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

/** Dependencies and callbacks of a request. */
export interface RequestContext {
  readonly clock: Clock;
  /** Start of the run on `clock`. */
  readonly startAtMs: number;
  readonly idleTimeoutMs: number;
  /** See `LoadPlan`. */
  readonly upstreamHeader?: string | undefined;
  /** @default `idleTimeoutMs`, with its outcome */
  readonly firstTokenTimeoutMs?: number | undefined;
  readonly notes: Notes;
  readonly streamOptions: StreamOptions;
  /** Where clients exchange their API keys for tokens. */
  readonly signIn?: Pick<SignIn, 'headers'> | undefined;
  /** Called once, when the first token has arrived. */
  firstToken(latencyMs: number): void;
  /** Called once per attempt, with its record as if it were the only one. `cause` explains a transport failure. */
  settled(request: StreamRequest, record: RequestRecord, cause: Error | undefined): void;
}

/**
 * One attempt at a request, a chat completion or plain HTTP, from sending to its outcome.
 *
 * ```
 * connecting ──► waiting ──► receiving ──► outcome ──► tail (rest of the body, bounded)
 *     ├─ resent on a new connection ◄──┘ │ stale keep-alive connection
 *     └─ resent without stream_options ◄─┘ a server that may not know them
 * ```
 *
 * A request on a reused connection that ends before any byte of a response is resent once, on a new one, as browsers and Go's client
 * do (Chromium `HttpNetworkTransaction::ShouldResendRequest`, Go `errServerClosedIdle`). Its latency still counts from the schedule,
 * and its record says so. Any other failure is reported and never retried here.
 *
 * The wait for a first token is limited, and then that from token to token: comments, pings and frames without output are no progress.
 */
export class StreamRequest implements Exchange {
  readonly task: RequestTask;
  resent = false;
  /** Wait before the next attempt that the server requested, in ms; 0 if none. */
  retryAfterMs = 0;

  readonly #context: RequestContext;
  readonly #target: Target;
  #connection: Connection;
  #cancelTimer: (() => void) | undefined;
  #phase: RequestPhase = 'connecting';
  #settled = false;
  #ended = false;
  #body: string;
  readonly #route: Route;
  /** Status after which it was resent without `stream_options`; 0 if it was not. */
  #rejectedStatus = 0;
  #response: Response | undefined;
  #tailBytes = 0;
  readonly #notes: RequestNotes;

  readonly #sentMs: number;
  #writtenMs = 0;
  #heardMs = 0;
  #heardRead = -1;
  /** Last sign of progress, from which the next is waited for. */
  #progressMs = 0;
  #firstTokenMs: number | null = null;

  constructor(task: RequestTask, target: Target, context: RequestContext) {
    this.task = task;
    this.#body = task.body;
    this.#notes = new RequestNotes(context.notes, task.headers);
    this.#target = target;
    this.#route = new Route(task.method, target.prefix + task.path, target.connections, context.notes);
    this.#context = context;
    this.#sentMs = this.#now();
    this.#connection = target.connections.take(task.user);
  }

  send(): void {
    const { host, origin } = this.#target.connections;
    const { path } = this.#route;
    const headers = this.#context.signIn?.headers(this.task, origin + path) ?? this.task.headers;
    const text = requestText({ ...this.task, path, headers, body: this.#body }, '', host, !this.#connection.isLast);
    this.#connection.send(text, this.task.method === 'HEAD', this);
  }

  /** Whether the first token has arrived. */
  get hasBegun(): boolean {
    return this.#firstTokenMs !== null;
  }

  /** Ends the attempt with this outcome, unless it has one, and closes its connection. @param why explains it in a note */
  cut(outcome: Outcome, why?: string): void {
    this.#settle(outcome, undefined, why);
    this.#close();
  }

  onSent(): void {
    this.#phase = 'waiting';
    this.#writtenMs = this.#now();
    this.#progressMs = this.#writtenMs;
    this.#awaitProgress();
  }

  onHead(status: number, header: FindHeader): void {
    this.#phase = 'receiving';
    this.#hear();
    const { expect, stream, headers } = this.task;
    const isExpected = isExpectedStatus(expect, status);
    if (expect === null && this.#resendsWithoutUsage(status, isExpected)) return;
    // Plain HTTP is judged by its own expectation, and by all engines alike.
    const why = isExpected || expect ? undefined : this.#route.redirected(status, header('location'));
    if (this.#route.isChanging) return;
    this.retryAfterMs = retryAfterMs(header, this.#context.clock.date().getTime());
    const { upstreamHeader } = this.#context;
    const head = { status, header, isExpected, expect, stream, requestHeaders: headers, upstreamHeader };
    this.#response = new Response(head, {
      bytes: atMs => {
        if (expect) this.#progressMs = atMs;
      },
      token: atMs => this.#onToken(atMs),
      // A body that is malformed is not worth its tail.
      ended: (outcome, why) =>
        outcome === 'malformed' && !this.#ended ? this.cut(outcome, why) : this.#settle(outcome, undefined, why),
    });
    if (!isExpected) this.#settle('http-status', undefined, why);
    else if (expect) this.#onFirst(this.#heardMs);
  }

  onData(bytes: Buffer): void {
    this.#hear();
    if (this.#settled || this.#route.isChanging) {
      this.#tailBytes += bytes.length;
      if (this.#tailBytes > TAIL_BYTES) return void (this.#settled ? this.#close() : this.#sendAgain());
      if (!this.#notes.wantsBody) return;
    }
    this.#response?.feed(bytes, this.#heardMs);
  }

  onEnd(): void {
    if (this.#route.isChanging) return void this.#sendAgain(true);
    this.#ended = true;
    this.#response?.end(() => {
      this.#settle('truncated');
      this.#notes.ended(this.#response);
      this.#cancelTimer?.();
      this.#target.connections.giveBack(this.#connection, this.task.user);
    });
  }

  onError(error: Error): void {
    if (!this.#settled && (this.#route.isChanging || this.#isStale())) {
      this.resent ||= !this.#route.isChanging;
      return void this.#sendAgain();
    }
    this.#settle(outcomeOfError(error, this.#phase), error);
    this.#close();
  }

  /** Bytes that arrive in one read have one time. */
  #hear(): void {
    const { reads } = this.#connection;
    if (reads === this.#heardRead) return;
    this.#heardRead = reads;
    this.#heardMs = this.#now();
  }

  /** Checks again when the wait could be too long; restarting a timer with each token would cost more. */
  #awaitProgress(): void {
    const { idleTimeoutMs, firstTokenTimeoutMs = null } = this.#context;
    const isFirst = firstTokenTimeoutMs !== null && !this.hasBegun && this.task.expect === null;
    const limitMs = isFirst ? firstTokenTimeoutMs : idleTimeoutMs;
    const leftMs = this.#progressMs + limitMs - this.#now();
    if (leftMs > 0) this.#cancelTimer = this.#context.clock.after(leftMs, () => this.#awaitProgress());
    else this.cut(isFirst ? 'first-token-timeout' : 'idle-timeout', this.#waitedFor(isFirst, limitMs));
  }

  #waitedFor(isFirst: boolean, limitMs: number): string {
    const what = this.task.expect ? 'byte' : this.hasBegun ? 'further token' : 'token';
    const field = isFirst ? 'load.firstTokenTimeout' : 'load.idleTimeout';
    return `no ${what} within ${formatMs(limitMs)}, the limit set by ${field}`;
  }

  #onToken(atMs: number): void {
    if (this.#settled) return;
    this.#progressMs = atMs;
    if (this.hasBegun) return;
    this.#onFirst(atMs);
    // From here the limit is another one, and may be shorter.
    this.#cancelTimer?.();
    this.#awaitProgress();
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

  /** @returns whether the request was sent again, without asking for usage, since that may be why it was rejected */
  #resendsWithoutUsage(status: number, isExpected: boolean): boolean {
    const { streamOptions, notes } = this.#context;
    if (this.#rejectedStatus !== 0) {
      streamOptions.retried(isExpected);
      if (isExpected) notes.oddity('stream-options', sentenceOf('stream-options', `status ${this.#rejectedStatus}`));
      return false;
    }
    if (isExpected) streamOptions.accepted(this.#body);
    const body = isExpected ? undefined : streamOptions.bodyAfter(status, this.#body);
    if (body === undefined) return false;
    this.#rejectedStatus = status;
    this.#body = body;
    this.#sendAgain();
    return true;
  }

  /** @param isKept whether the connection can carry a further request; otherwise it is closed, and replaced by a new one */
  #sendAgain(isKept = false): void {
    const { connections } = this.#target;
    this.#route.isChanging = false;
    this.#phase = 'connecting';
    this.#cancelTimer?.();
    if (isKept) connections.giveBack(this.#connection, this.task.user);
    else this.#close();
    this.#heardRead = -1;
    this.#tailBytes = 0;
    this.#connection = connections.take(this.task.user, !isKept);
    this.send();
  }

  #settle(outcome: Outcome, cause?: Error, why?: string): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancelTimer?.();
    if (!this.#ended) this.#cancelTimer = this.#context.clock.after(TAIL_MS, () => this.#close());
    const { index, scheduledMs, stage, promptTokens, labels } = this.task;
    const times = { scheduledMs, sentMs: this.#sentMs, firstTokenMs: this.#firstTokenMs, endMs: this.#now() };
    const facts = this.#response?.facts;
    const record = requestRecord({
      index,
      ...times,
      outcome,
      promptTokens,
      stage,
      ...facts,
      ...labels,
      ...(this.resent && { resent: true }),
    });
    this.#notes.settled(record, this.#response, why ?? cause?.message);
    this.#context.settled(this, record, cause);
  }

  #close(): void {
    this.#cancelTimer?.();
    this.#connection.destroy();
    this.#response?.destroy();
    this.#notes.ended(this.#response);
  }

  #now(): number {
    return this.#context.clock.nowMs() - this.#context.startAtMs;
  }
}
