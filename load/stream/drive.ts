import type { Clock } from '../../harness/clock.ts';
import type { LoadJob, LoadProgress } from '../../harness/contracts.ts';
import { type RequestRecord, requestRecord } from '../../harness/requests.ts';
import { arrivalsOf, type Partition, partOf, WHOLE } from '../../harness/segment.ts';
import { type Arrival, isClosed, scheduled } from '../schedule.ts';
import { lengthsFor } from '../trace/lengths.ts';
import type { Journal } from '../worker/journal.ts';
import { ClientRequest, type ClientRequestOptions } from './client-request.ts';
import { DueQueue } from './due-queue.ts';
import type { Pacer } from './pacer.ts';
import type { Target } from './request.ts';
import type { RequestTask } from './request-task.ts';
import { RetryPolicy } from './retry.ts';
import { tally } from './tally.ts';
import { type Turn, TurnMaker } from './turn.ts';
import { Users } from './users.ts';
import { openConnections } from './wire/connections.ts';

/** What a drive needs beside its job. */
export interface DriveOptions {
  readonly clock: Clock;
  readonly journal: Pick<Journal, 'append'>;
  /** Makes a pacer that calls `onDue` at the instants it is armed with. */
  readonly pacer: (onDue: () => void) => Promise<Pacer>;
  /** Takes one line for a person: the first failure of each sort. */
  readonly log: (line: string) => void;
}

type DealtArrival = Arrival & { readonly index: number };

/** Different failures that are told to the log; beyond that the journal must do. */
const MAX_SORTS = 100;

/**
 * A load of this process. Whoever makes it waits until its trace has been read up to the cut, which may lie deep in it, and for
 * lengths; it is then ready to send. It sends each request at its instant, to the targets in turn, whatever is still in flight.
 * Of a schedule that is shared it sends its partition. What finds `maxInFlight` requests in flight (its part of it) is recorded as
 * dropped. What is late, because this process was, is sent at once and its lateness recorded as `sentMs − scheduledMs`.
 *
 * ```
 * schedule (open loop) ──┐                    ┌─► journal
 * queue of what answers  ├─ due ─► request ───┤
 * brought: next turns,   │                    └─► queue
 * users, retries ────────┘
 * ```
 */
export class Drive {
  /** Attempts that met a stale keep-alive connection and were sent once more. */
  resent = 0;
  readonly #job: LoadJob;
  readonly #options: DriveOptions;
  readonly #targets: readonly Target[];
  readonly #schedule: Generator<DealtArrival>;
  readonly #partition: Partition;
  readonly #mostInFlight: number;
  readonly #users: Users | undefined;
  readonly #turns: TurnMaker;
  readonly #retry: RetryPolicy | null;
  readonly #endMs: number;
  readonly #later = new DueQueue<() => void>();
  readonly #active = new Set<ClientRequest>();
  readonly #tally = tally();
  readonly #sorts = new Set<string>();
  readonly #done = Promise.withResolvers<void>();
  #pacer: Pacer | undefined;
  #startAtMs = Number.POSITIVE_INFINITY;
  #next: IteratorResult<DealtArrival>;
  #requests = 0;
  #sessions = 0;
  #stopped = false;

  constructor(job: LoadJob, options: DriveOptions) {
    const { plan, seed } = job;
    this.#job = job;
    this.#options = options;
    this.#targets = job.targets.map(url => openTarget(url, job, options.clock));
    this.#partition = job.partition ?? WHOLE;
    this.#mostInFlight = partOf(plan.maxInFlight, this.#partition);
    this.#schedule = arrivalsOf(scheduled(plan, seed), this.#partition);
    this.#next = this.#schedule.next();
    this.#turns = new TurnMaker(job, lengthsFor(plan));
    this.#retry = plan.clients?.retry ? new RetryPolicy(plan.clients.retry, seed, this.#partition.step) : null;
    this.#endMs = plan.ramps.at(-1)?.toMs ?? 0;
    if (isClosed(plan.arrivals))
      this.#users = new Users({ ramps: plan.ramps, thinkTimeMs: plan.arrivals.thinkTimeMs, seed });
    for (const { user, dueMs } of this.#users?.first() ?? []) this.#startSession(user, dueMs);
  }

  /** How many requests were begun, the dropped ones included. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * Resolves when nothing more is due and the last request has its outcome. To be called once.
   * @param startAtMs the start on the clock
   */
  async run(startAtMs: number): Promise<void> {
    this.#startAtMs = startAtMs;
    await using pacer = await this.#options.pacer(() => this.#startDue());
    this.#pacer = pacer;
    this.#startDue();
    await this.#done.promise;
  }

  progress(): LoadProgress {
    return this.#tally.progress(this.#options.clock.nowMs(), this.#active.size);
  }

  /** Sends nothing more and cuts what is in flight; {@link run} then resolves at once. */
  stop(): void {
    this.#stopped = true;
    this.#next = { done: true, value: undefined };
    this.#later.clear();
    for (const request of [...this.#active]) request.cut('interrupted');
    this.#finish();
  }

  #startDue(): void {
    for (;;) {
      const laterMs = this.#later.nextMs ?? Number.POSITIVE_INFINITY;
      const nextMs = this.#next.done ? Number.POSITIVE_INFINITY : this.#next.value.atMs;
      if (Math.min(laterMs, nextMs) > this.#nowMs()) break;
      if (laterMs < nextMs) this.#later.take()?.();
      else this.#startArrival();
    }
    this.#arm();
    this.#finish();
  }

  #startArrival(): void {
    if (this.#next.done) return;
    const { atMs, index, tokens } = this.#next.value;
    this.#next = this.#schedule.next();
    this.#start({ dueMs: atMs, session: index, turn: 0, user: null, tokens });
  }

  #startSession(user: number, dueMs: number): void {
    this.#at(dueMs, () => this.#start({ dueMs, session: this.#sessions++, turn: 0, user }));
  }

  #start(turn: Turn): void {
    // Nobody partitions what follows from answers, so of a partition each request is an arrival.
    const index = this.#partition.first + this.#partition.step * this.#requests++;
    const task = this.#turns.task(turn, index);
    if (this.#active.size >= this.#mostInFlight) {
      this.#drop(task);
      return;
    }
    const { clock } = this.#options;
    const firstToken = (latencyMs: number) => this.#tally.firstToken(latencyMs, clock.nowMs());
    const options: ClientRequestOptions = {
      context: { clock, startAtMs: this.#startAtMs, idleTimeoutMs: this.#job.plan.idleTimeoutMs, firstToken },
      target: attempt => this.#targets[(index + attempt) % this.#targets.length]!,
      retry: this.#retry,
      clientTimeout: this.#turns.clientTimeout(turn),
      at: (dueMs, action) => this.#at(dueMs, action),
      settled: (...ended) => this.#onSettled(turn, ...ended),
    };
    const request = new ClientRequest(task, options);
    this.#active.add(request);
    request.send();
  }

  #onSettled(turn: Turn, request: ClientRequest, record: RequestRecord, cause: Error | undefined): void {
    this.#active.delete(request);
    this.resent += request.resent;
    this.#record(record);
    const sort = `${record.outcome}: ${cause?.message ?? `status ${record.status}`}`;
    if (record.outcome !== 'ok' && this.#sorts.size < MAX_SORTS && !this.#sorts.has(sort)) {
      this.#sorts.add(sort);
      this.#options.log(`request ${record.index} at ${record.endMs} ms is the first ${sort}`);
    }
    if (!this.#stopped) this.#followUp(turn, record);
    this.#finish();
  }

  /** A user whose request did not complete gives the conversation up; one of a closed loop begins another. */
  #followUp(turn: Turn, { outcome, endMs }: RequestRecord): void {
    const following = outcome === 'ok' ? this.#turns.following(turn, endMs) : undefined;
    if (following) {
      if (following.dueMs < this.#endMs) this.#at(following.dueMs, () => this.#start(following));
    } else if (this.#users && turn.user !== null) {
      const dueMs = this.#users.nextMs(turn.user, endMs);
      if (dueMs !== null) this.#startSession(turn.user, dueMs);
    }
  }

  #drop({ index, scheduledMs, promptTokens, stage, labels }: RequestTask): void {
    const place = { index, scheduledMs, promptTokens, stage, ...labels };
    const attempts = this.#retry && { attempts: 0 };
    this.#record(requestRecord({ ...place, endMs: this.#nowMs(), outcome: 'dropped', ...attempts }));
  }

  #record(record: RequestRecord): void {
    this.#options.journal.append(record);
    this.#tally.settled(record, this.#options.clock.nowMs());
  }

  #at(dueMs: number, action: () => void): void {
    if (this.#stopped) return;
    this.#later.add(dueMs, action);
    if (this.#later.nextMs === dueMs) this.#arm();
  }

  #arm(): void {
    const nextMs = this.#next.done ? Number.POSITIVE_INFINITY : this.#next.value.atMs;
    const dueMs = Math.min(nextMs, this.#later.nextMs ?? Number.POSITIVE_INFINITY);
    if (Number.isFinite(dueMs)) this.#pacer?.arm(this.#startAtMs + dueMs);
  }

  #finish(): void {
    if (this.#next.done && this.#later.nextMs === undefined && this.#active.size === 0) this.#done.resolve();
  }

  #nowMs(): number {
    return this.#options.clock.nowMs() - this.#startAtMs;
  }
}

function openTarget(url: string, job: LoadJob, clock: Clock): Target {
  const {
    origin: believed,
    authority,
    plan: { connectTimeoutMs, keepAlive },
  } = job;
  const { origin, host, pathname } = new URL(url);
  const where = believed === undefined ? { origin } : { origin: believed, via: host };
  const connections = openConnections({ ...where, authority, connectTimeoutMs, keepAlive, nowMs: () => clock.nowMs() });
  return { prefix: pathname.replace(/\/$/, ''), connections };
}
