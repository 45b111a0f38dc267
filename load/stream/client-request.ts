import type { ClientTimeoutPlan } from '../../harness/plan.ts';
import { errorKind, forAttempt, type Outcome, type RequestRecord, requestRecord } from '../../harness/requests.ts';
import { type RequestContext, StreamRequest } from './request.ts';
import type { RetryPolicy } from './retry.ts';
import type { RequestTask, Target } from './task.ts';

/** Timeout of the client of one request. */
export interface ClientTimeout extends Pick<ClientTimeoutPlan, 'until' | 'countAs'> {
  readonly afterMs: number;
}

/** Dependencies and callbacks of a {@link ClientRequest}. */
export interface ClientRequestOptions {
  readonly context: Omit<RequestContext, 'settled'>;
  /** Target of attempt `attempt`, from 0. */
  target(attempt: number): Target;
  /** Null for a client that never retries. */
  readonly retry: RetryPolicy | null;
  /** Null for a client that never gives up. */
  readonly clientTimeout: ClientTimeout | null;
  /** Calls `action` at an instant on the run's timeline. */
  at(dueMs: number, action: () => void): void;
  /** Called exactly once. */
  settled(request: ClientRequest, record: RequestRecord, cause: Error | undefined): void;
}

/**
 * Request as its user sees it: one or more attempts, one outcome, one record. Its latency counts from the scheduled arrival
 * through all attempts and the waits between them.
 */
export class ClientRequest {
  readonly #task: RequestTask;
  readonly #options: ClientRequestOptions;
  readonly #times: number[] = [];
  readonly #outcomes: string[] = [];
  #attempt: StreamRequest | undefined;
  #last: RequestRecord | undefined;
  #firstSentMs: number | null = null;
  #cancelTimeout: (() => void) | undefined;
  #isCut = false;
  #resent = false;
  #settled = false;

  constructor(task: RequestTask, options: ClientRequestOptions) {
    this.#task = task;
    this.#options = options;
  }

  /** Sends the first attempt and starts the client's timeout. */
  send(): void {
    const { retry, clientTimeout, context } = this.#options;
    retry?.began(context.clock.nowMs());
    if (clientTimeout) {
      const leftMs = this.#task.scheduledMs + clientTimeout.afterMs - this.#nowMs();
      this.#cancelTimeout = context.clock.after(leftMs, () => this.#giveUp(clientTimeout));
    }
    this.#sendAttempt();
  }

  /** Ends the request with this outcome, unless it has one; closes the connection of an attempt in flight. */
  cut(outcome: Outcome): void {
    if (this.#settled) return;
    this.#isCut = true;
    if (this.#attempt) this.#attempt.cut(outcome);
    else this.#settle(requestRecord({ ...this.#last!, outcome, endMs: this.#nowMs() }), undefined);
  }

  #giveUp({ until, countAs }: ClientTimeout): void {
    if (until === 'first-token' && this.#attempt?.hasBegun) return;
    this.cut(countAs === 'failed' ? 'client-timeout' : 'abandoned');
  }

  #sendAttempt(): void {
    const count = this.#outcomes.length;
    const task = count === 0 ? this.#task : { ...this.#task, headers: retryHeaders(this.#task.headers, count + 1) };
    const context: RequestContext = { ...this.#options.context, settled: (...ended) => this.#onAttempt(...ended) };
    this.#attempt = new StreamRequest(task, this.#options.target(count), context);
    this.#attempt.send();
  }

  #onAttempt(attempt: StreamRequest, ended: RequestRecord, cause: Error | undefined): void {
    this.#attempt = undefined;
    this.#last = ended;
    this.#firstSentMs ??= ended.sentMs;
    this.#resent ||= attempt.resent;
    if (ended.sentMs !== null) {
      this.#times.push(ended.sentMs, ended.endMs);
      this.#outcomes.push(errorKind(ended));
    }
    const { retry, at, context } = this.#options;
    const nowMs = context.clock.nowMs();
    const tried = this.#outcomes.length;
    const waitMs = this.#isCut || !retry ? null : retry.waitMs(ended, tried, attempt.retryAfterMs, nowMs);
    if (waitMs === null) this.#settle(ended, cause);
    else at(this.#nowMs() + waitMs, () => this.#settled || this.#sendAttempt());
  }

  #settle(ended: RequestRecord, cause: Error | undefined): void {
    this.#settled = true;
    this.#cancelTimeout?.();
    const attempts = this.#outcomes.length;
    const record: RequestRecord = {
      ...ended,
      sentMs: ended.outcome === 'dropped' ? null : this.#firstSentMs,
      ...(this.#resent && { resent: true }),
      ...(this.#options.retry && { attempts }),
      ...(attempts > 1 && { attemptsMs: this.#times, attemptOutcomes: this.#outcomes.join(' ') }),
    };
    this.#options.settled(this, record, cause);
  }

  #nowMs(): number {
    const { clock, startAtMs } = this.#options.context;
    return clock.nowMs() - startAtMs;
  }
}

/** Headers of attempt `attempt`, from 2. A request id that the scenario sets stays as it is. */
function retryHeaders(headers: RequestTask['headers'], attempt: number): RequestTask['headers'] {
  const id = headers['x-request-id'] ?? '';
  const own = id.startsWith('squall-') ? { 'x-request-id': forAttempt(id, attempt) } : {};
  return { ...headers, ...own, 'x-retry-count': String(attempt - 1) };
}
