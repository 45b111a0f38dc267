import { segmentAt } from '../../../harness/arrivals.ts';
import type { Clock } from '../../../harness/clock.ts';
import type { LoadProgress } from '../../../harness/contracts.ts';
import type { RequestRecord } from '../../../harness/requests.ts';
import type { Journal } from '../journal.ts';
import type { TimedJob } from '../messages.ts';
import { promptOf } from '../prompt.ts';
import { scheduleOf } from '../schedule.ts';
import { type Connections, openConnections } from './connections.ts';
import type { Pacer } from './pacer.ts';
import { type RequestContext, type RequestTask, round, StreamRequest } from './request.ts';
import { tally } from './tally.ts';

/** What a drive needs beside its job. */
export interface DriveOptions {
  readonly clock: Clock;
  readonly journal: Pick<Journal, 'append'>;
  /** Makes a pacer that calls `onDue` at the instants it is armed with. */
  readonly pacer: (onDue: () => void) => Promise<Pacer>;
  /** Takes one line for a person: the first failure of each sort. */
  readonly log: (line: string) => void;
}

interface Target {
  readonly path: string;
  readonly connections: Connections;
}

/** Different failures that are told to the log; beyond that the journal must do. */
const MOST_SORTS = 100;

/**
 * A load under way in this process. It sends each scheduled arrival at its instant, whatever is still in flight (an open
 * loop), to the targets in turn. What finds `maxInFlight` requests in flight is recorded as dropped. What is late, because
 * this process was, is sent at once and its lateness recorded as `sentMs − scheduledMs`.
 */
export class Drive {
  /** Requests that met a stale keep-alive connection and were sent once more. */
  resent = 0;
  readonly #job: TimedJob;
  readonly #options: DriveOptions;
  readonly #targets: readonly Target[];
  readonly #schedule: Generator<number>;
  readonly #context: RequestContext;
  readonly #active = new Set<StreamRequest>();
  readonly #tally = tally();
  readonly #sorts = new Set<string>();
  readonly #done = Promise.withResolvers<void>();
  #next: IteratorResult<number>;
  #index = 0;

  constructor(job: TimedJob, options: DriveOptions) {
    this.#job = job;
    this.#options = options;
    this.#targets = job.targets.map(url => openTarget(url, job.authority, job.plan.connectTimeoutMs));
    this.#schedule = scheduleOf(job.plan, job.seed);
    this.#next = this.#schedule.next();
    const { clock } = options;
    this.#context = {
      clock,
      zeroMs: job.zeroMs,
      idleTimeoutMs: job.plan.idleTimeoutMs,
      firstToken: latencyMs => this.#tally.firstToken(latencyMs, clock.nowMs()),
      settled: (request, record, cause) => this.#onSettled(request, record, cause),
    };
  }

  /** Resolves when nothing more is due and the last request has its outcome. */
  async run(): Promise<void> {
    await using pacer = await this.#options.pacer(() => this.#startDue(pacer));
    this.#startDue(pacer);
    await this.#done.promise;
  }

  progress(): LoadProgress {
    return this.#tally.progress(this.#options.clock.nowMs(), this.#active.size);
  }

  /** Sends nothing more and cuts what is in flight; {@link run} then resolves at once. */
  stop(): void {
    this.#next = { done: true, value: undefined };
    for (const request of [...this.#active]) request.cut('interrupted');
    this.#finish();
  }

  #startDue(pacer: Pacer): void {
    const { zeroMs } = this.#job;
    while (!this.#next.done && zeroMs + this.#next.value <= this.#options.clock.nowMs()) {
      const scheduledMs = this.#next.value;
      this.#next = this.#schedule.next();
      this.#start(scheduledMs);
    }
    if (this.#next.done) this.#finish();
    else pacer.arm(zeroMs + this.#next.value);
  }

  #start(scheduledMs: number): void {
    const { path, connections } = this.#targets[this.#index % this.#targets.length]!;
    const task = taskOf(this.#job, this.#index, scheduledMs, path);
    this.#index += 1;
    if (this.#active.size >= this.#job.plan.maxInFlight) {
      const nowMs = this.#options.clock.nowMs();
      this.#record(droppedRecord(task, nowMs - this.#job.zeroMs));
      return;
    }
    const request = new StreamRequest(task, connections, this.#context);
    this.#active.add(request);
    request.send();
  }

  #onSettled(request: StreamRequest, record: RequestRecord, cause: Error | undefined): void {
    this.#active.delete(request);
    if (request.resent) this.resent += 1;
    this.#record(record);
    const sort = `${record.outcome}: ${cause?.message ?? `status ${record.status}`}`;
    if (record.outcome !== 'ok' && this.#sorts.size < MOST_SORTS && !this.#sorts.has(sort)) {
      this.#sorts.add(sort);
      this.#options.log(`request ${record.index} at ${record.endMs} ms is the first ${sort}`);
    }
    this.#finish();
  }

  #record(record: RequestRecord): void {
    this.#options.journal.append(record);
    this.#tally.settled(record, this.#options.clock.nowMs());
  }

  #finish(): void {
    if (this.#next.done && this.#active.size === 0) this.#done.resolve();
  }
}

function openTarget(url: string, authority: string | undefined, connectTimeoutMs: number): Target {
  const { origin, pathname } = new URL(url);
  return {
    path: `${pathname.replace(/\/$/, '')}/v1/chat/completions`,
    connections: openConnections({ origin, authority, connectTimeoutMs }),
  };
}

function taskOf(job: TimedJob, index: number, scheduledMs: number, path: string): RequestTask {
  const { workload, segments } = job.plan;
  const prompt = promptOf(workload, job.seed, index);
  return {
    index,
    scheduledMs,
    path,
    stage: segmentAt(segments, scheduledMs)?.name ?? '',
    promptTokens: prompt.promptTokens,
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      'user-agent': 'squall',
      // Finds a request of the journal in the logs of the service.
      'x-request-id': `squall-${job.seed}-${index}`,
      ...(job.authorization === '' ? {} : { authorization: job.authorization }),
    },
    body: JSON.stringify({
      model: workload.model,
      messages: [{ role: 'user', content: prompt.text }],
      max_tokens: prompt.outputTokens,
      stream: true,
    }),
  };
}

function droppedRecord(task: RequestTask, nowMs: number): RequestRecord {
  return {
    index: task.index,
    scheduledMs: round(task.scheduledMs),
    sentMs: null,
    firstTokenMs: null,
    endMs: round(nowMs),
    outcome: 'dropped',
    status: 0,
    promptTokens: task.promptTokens,
    outputTokens: 0,
    stage: task.stage,
    upstream: '',
    gaps: [],
  };
}
