import type { LoadJob, LoadProgress } from '../../harness/contracts.ts';
import type { Machine } from '../../harness/host/network.ts';
import { tokenEntries } from '../../harness/host/token-client.ts';
import { addConnections } from '../../harness/load-summary.ts';
import type { BatchJobsPlan } from '../../harness/plan.ts';
import { type ConnectionCounts, type RequestRecord, requestRecord } from '../../harness/requests.ts';
import { arrivalsOf, type Partition, partOf, WHOLE } from '../../harness/segment.ts';
import { type Arrival, isClosed, scheduled } from '../schedule.ts';
import { lengthsFor } from '../trace/lengths.ts';
import type { Journal } from '../worker/journal.ts';
import { BatchJob } from './batch/batch-job.ts';
import { ClientRequest, type ClientRequestOptions } from './client-request.ts';
import { DueQueue } from './due-queue.ts';
import type { Pacer } from './pacer.ts';
import { Notes } from './response/notes.ts';
import { RetryPolicy } from './retry.ts';
import { SignIn } from './sign-in.ts';
import { StreamOptions } from './stream-options.ts';
import { tally } from './tally.ts';
import type { RequestTask, Target } from './task.ts';
import { type Turn, TurnMaker } from './turn.ts';
import { Users } from './users.ts';
import { openTargets } from './wire/targets.ts';

/** Dependencies of a {@link LoadDriver}. */
export interface LoadDriverOptions {
  readonly machine: Machine;
  readonly journal: Pick<Journal, 'append'>;
  /** Makes a pacer that calls `onDue` at the instants it is armed with. */
  readonly pacer: (onDue: () => void) => Promise<Pacer>;
  /** Logs a line: the first failure of each kind. */
  readonly log: (line: string) => void;
}

type DealtArrival = Arrival & { readonly index: number };

/** Maximum number of different failures that are logged; the journal has all. */
const MAX_LOGGED_FAILURES = 100;

/**
 * Sends the load of this process. The constructor reads a trace up to its cut, and its lengths, which may take seconds; the driver
 * is then ready to send. Each request of the partition is sent at its instant, to the targets in turn, however many are in flight.
 * A request that is due while `maxInFlight` (this partition's part of it) are in flight is recorded as dropped. One that is sent
 * late, because this process was late, has a record with `sentMs` after `scheduledMs`.
 *
 * ```
 * schedule (open loop) ───┐                   ┌─► journal
 * queue of what follows   ├─ due ─► request ──┤
 * from responses: turns,  │                   └─► queue
 * users, retries ─────────┘
 * ```
 */
export class LoadDriver {
  readonly #job: LoadJob;
  readonly #options: LoadDriverOptions;
  readonly #targets: readonly Target[];
  readonly #schedule: Generator<DealtArrival>;
  readonly #partition: Partition;
  readonly #maxInFlight: number;
  readonly #users: Users | undefined;
  readonly #turns: TurnMaker;
  readonly #retry: RetryPolicy | null;
  readonly #signIn: SignIn | undefined;
  readonly #endMs: number;
  readonly #later = new DueQueue<() => void>();
  readonly #active = new Set<Pick<ClientRequest, 'cut'>>();
  readonly #entries: ReturnType<typeof tokenEntries>;
  readonly #tally = tally();
  readonly #notes = new Notes();
  readonly #streamOptions: StreamOptions;
  readonly #logged = new Set<string>();
  readonly #done = Promise.withResolvers<void>();
  #pacer: Pacer | undefined;
  #startAtMs = Number.POSITIVE_INFINITY;
  #next: IteratorResult<DealtArrival>;
  #requests = 0;
  #sessions = 0;
  #stopped = false;

  constructor(job: LoadJob, options: LoadDriverOptions) {
    const { plan, seed } = job;
    this.#job = job;
    this.#options = options;
    this.#targets = openTargets(job, options.machine);
    this.#entries = tokenEntries(job.targets, job);
    this.#signIn = SignIn.of(job, options.machine, options.log);
    this.#partition = job.partition ?? WHOLE;
    this.#maxInFlight = partOf(plan.maxInFlight, this.#partition);
    this.#schedule = arrivalsOf(scheduled(plan, seed), this.#partition);
    this.#next = this.#schedule.next();
    this.#streamOptions = new StreamOptions(plan.streamOptions !== false);
    this.#turns = new TurnMaker(job, lengthsFor(plan), this.#streamOptions);
    this.#retry = plan.clients?.retry ? new RetryPolicy(plan.clients.retry, seed, this.#partition.step) : null;
    this.#endMs = plan.ramps.at(-1)?.toMs ?? 0;
    if (isClosed(plan.arrivals))
      this.#users = new Users({ ramps: plan.ramps, thinkTimeMs: plan.arrivals.thinkTimeMs, seed });
    for (const { user, dueMs } of this.#users?.first() ?? []) this.#startSession(user, dueMs);
  }

  /** Number of requests so far, including dropped ones. */
  get requests(): number {
    return this.#requests;
  }

  /** Connections established so far. */
  get connections(): ConnectionCounts {
    return addConnections(this.#targets.map(({ connections }) => connections.counts));
  }

  /** Exchanges API keys for tokens, where the job says so; before the start is chosen. @throws SquallError `NO_TOKEN` */
  async signIn(): Promise<void> {
    await this.#signIn?.open();
  }

  /**
   * Resolves when nothing more is due and every request has its outcome. Call it once.
   * @param startAtMs start of the run on the clock
   */
  async run(startAtMs: number): Promise<void> {
    this.#startAtMs = startAtMs;
    await using pacer = await this.#options.pacer(() => this.#startDue());
    this.#pacer = pacer;
    this.#startDue();
    await this.#done.promise;
    this.#signIn?.close();
  }

  progress(): LoadProgress {
    const progress = this.#tally.progress(this.#options.machine.clock.nowMs(), this.#active.size);
    return { ...progress, notes: this.#notes.list() };
  }

  /** Stops sending and interrupts the requests in flight; {@link run} then resolves. */
  stop(): void {
    this.#stopped = true;
    this.#signIn?.close();
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
    // Loads with sessions or users are never partitioned, so in a partition each request is an arrival.
    const index = this.#partition.first + this.#partition.step * this.#requests++;
    const task = this.#turns.task(turn, index);
    if (this.#active.size >= this.#maxInFlight) return void this.#drop(task);
    const jobs = this.#turns.batchOf(turn);
    const sent = jobs ? this.#batchJob(task, turn, jobs) : this.#request(task, turn, index);
    this.#active.add(sent);
    sent.send();
  }

  #batchJob(task: RequestTask, turn: Turn, jobs: BatchJobsPlan): BatchJob {
    return new BatchJob(task, {
      ...{ machine: this.#options.machine, jobs, entries: this.#entries },
      ...{ startAtMs: this.#startAtMs, signIn: this.#signIn },
      settled: (...ended) => this.#onSettled(turn, ...ended),
    });
  }

  #request(task: RequestTask, turn: Turn, index: number): ClientRequest {
    const { clock } = this.#options.machine;
    const { idleTimeoutMs, firstTokenTimeoutMs, upstreamHeader } = this.#job.plan;
    const firstToken = (latencyMs: number) => this.#tally.firstToken(latencyMs, clock.nowMs());
    const options: ClientRequestOptions = {
      context: {
        ...{ clock, startAtMs: this.#startAtMs, idleTimeoutMs, firstTokenTimeoutMs, firstToken },
        ...{ notes: this.#notes, streamOptions: this.#streamOptions, upstreamHeader, signIn: this.#signIn },
      },
      target: attempt => this.#targets[(index + attempt) % this.#targets.length]!,
      retry: this.#retry,
      clientTimeout: this.#turns.clientTimeout(turn),
      at: (dueMs, action) => this.#at(dueMs, action),
      settled: (...ended) => this.#onSettled(turn, ...ended),
    };
    return new ClientRequest(task, options);
  }

  #onSettled(turn: Turn, request: Pick<ClientRequest, 'cut'>, record: RequestRecord, cause: Error | undefined): void {
    this.#active.delete(request);
    this.#record(record);
    const failure = `${record.outcome}: ${cause?.message ?? `status ${record.status}`}`;
    if (record.outcome !== 'ok' && this.#logged.size < MAX_LOGGED_FAILURES && !this.#logged.has(failure)) {
      this.#logged.add(failure);
      this.#options.log(`request ${record.index} at ${record.endMs} ms is the first ${failure}`);
    }
    if (!this.#stopped) this.#followUp(turn, record);
    this.#finish();
  }

  /** A user abandons a session after a failed request; a user of a closed loop then starts another one. */
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
    this.#tally.settled(record, this.#options.machine.clock.nowMs());
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
    return this.#options.machine.clock.nowMs() - this.#startAtMs;
  }
}
