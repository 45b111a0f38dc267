import type { Clock } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import type { Machine } from '../../../harness/host/network.ts';
import { exchange, type TokenEntry } from '../../../harness/host/token-client.ts';
import type { BatchJobsPlan } from '../../../harness/plan.ts';
import { type Outcome, type RequestRecord, requestRecord } from '../../../harness/requests.ts';
import type { SignIn } from '../sign-in.ts';
import type { RequestTask } from '../task.ts';
import { BOUNDARY, batchForm, batchInput, missingResults } from './batch-files.ts';

/** Interval at which a client asks how its batch is. */
const POLL_MS = 500;
/** Limit of one request. */
const REQUEST_MS = 10_000;
/** Longest results that are read. */
const MAX_CHARACTERS = 16_777_216;
const LATE = 'it has not ended in time';
const ENDED = new Set(['completed', 'failed', 'expired', 'cancelled']);

/** Dependencies and callbacks of a {@link BatchJob}. */
export interface BatchJobOptions {
  readonly machine: Machine;
  readonly jobs: BatchJobsPlan;
  /** Entries of the service, which are used in turn. */
  readonly entries: readonly TokenEntry[];
  readonly startAtMs: number;
  readonly signIn: SignIn | undefined;
  /** Called exactly once. */
  settled(job: BatchJob, record: RequestRecord, cause: Error | undefined): void;
}

type Reply = Awaited<ReturnType<typeof exchange>>;

/**
 * A job as its user sees it: uploads an input whose lines are a request each, creates a batch, and asks for it until it has ended, then reads its
 * results. Its record has the time of acceptance for a first token. Accepted, it is `lost` unless there is exactly one result for each line in time,
 * whatever happens to the service meanwhile.
 *
 * ```
 * arrives ─ upload ─ create ─ accepted ── poll ── poll ── ended ─ results, compared with what was sent
 *                │ not accepted: http-status, reset …     │ none in time, or others: lost
 * ```
 */
export class BatchJob {
  readonly #task: RequestTask;
  readonly #options: BatchJobOptions;
  readonly #stop = new AbortController();
  #sentMs: number | null = null;
  #acceptedMs: number | null = null;
  #requests = 0;
  #isSettled = false;

  constructor(task: RequestTask, options: BatchJobOptions) {
    this.#task = task;
    this.#options = options;
  }

  /** Begins. */
  send(): void {
    this.#sentMs = this.#now();
    void this.#run();
  }

  /** Ends it with this outcome, unless it has one. */
  cut(outcome: Outcome): void {
    this.#settle(outcome);
    this.#stop.abort('cut');
  }

  async #run(): Promise<void> {
    const id = await this.#submit();
    if (id === undefined) return;
    this.#acceptedMs = this.#now();
    const { withinMs, lines } = this.#options.jobs;
    const { signal } = this.#stop;
    let why = LATE;
    while (this.#now() - this.#acceptedMs < withinMs && !signal.aborted) {
      try {
        const found = await this.#outcome(id, lines);
        if (found === 'complete') return this.#settle('ok', 200);
        if (found !== undefined) return this.#settle('lost', 200, found);
        why = LATE;
      } catch (error) {
        why = `it cannot be read: ${messageOf(error)}`;
      }
      await this.#clock.sleep(POLL_MS, signal).catch(() => {});
    }
    this.#settle('lost', 200, why);
  }

  /** @returns the id of the batch, once it is accepted */
  async #submit(): Promise<string | undefined> {
    const { path, body } = this.#task;
    let phase = 'connecting';
    try {
      const form = batchForm(batchInput(path, body, this.#options.jobs.lines));
      const uploaded = await this.#send('POST', '/v1/files', form, `multipart/form-data; boundary=${BOUNDARY}`);
      if (uploaded.status !== 200) return this.#refused(uploaded);
      phase = 'waiting';
      const wanted = { input_file_id: idOf(uploaded), endpoint: path, completion_window: '24h' };
      const created = await this.#send('POST', '/v1/batches', JSON.stringify(wanted));
      if (created.status !== 200) return this.#refused(created);
      return idOf(created);
    } catch (error) {
      this.#settle(phase === 'connecting' ? 'connection-refused' : 'reset', 0, messageOf(error));
      return undefined;
    }
  }

  #refused({ status, text }: Reply): undefined {
    this.#settle('http-status', status, text.slice(0, 300));
  }

  /** @returns `complete`, or why it never will be; undefined as long as it runs. @throws Error if it cannot be read now */
  async #outcome(id: string, lines: number): Promise<string | undefined> {
    const batch = await this.#get(`/v1/batches/${id}`);
    if (batch.status === 404) return 'the service does not know it any more';
    const { status, output_file_id: output, error_file_id: error } = JSON.parse(ok(batch)) as Record<string, string>;
    if (!ENDED.has(status!)) return undefined;
    if (status !== 'completed') return `it is ${status}`;
    const texts: string[] = [];
    for (const file of [output, error]) if (file) texts.push(ok(await this.#get(`/v1/files/${file}/content`)));
    return missingResults(texts, lines) ?? 'complete';
  }

  #get(path: string): Promise<Reply> {
    return this.#send('GET', path);
  }

  #send(method: string, path: string, body?: string, type = 'application/json'): Promise<Reply> {
    const { machine, entries, signIn } = this.#options;
    const entry = entries[(this.#task.index + this.#requests) % entries.length]!;
    this.#requests += 1;
    const whole = entry.url.pathname.replace(/\/$/, '') + path;
    const plain = { ...this.#task.headers, accept: '*/*', 'content-type': type };
    const headers = signIn?.headers({ method, headers: plain }, entry.origin + whole) ?? plain;
    const signal = AbortSignal.any([this.#stop.signal, machine.clock.timeout(REQUEST_MS)]);
    const request = { method, path: whole, headers, signal, maxCharacters: MAX_CHARACTERS };
    return exchange(machine, entry, { ...request, ...(body !== undefined && { body }) });
  }

  #settle(outcome: Outcome, status = 0, why = ''): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    const { index, scheduledMs, stage, promptTokens, labels } = this.#task;
    const times = { scheduledMs, sentMs: this.#sentMs, firstTokenMs: this.#acceptedMs, endMs: this.#now() };
    const record = requestRecord({ index, ...times, outcome, status, stage, promptTokens, ...labels });
    this.#options.settled(this, record, why === '' ? undefined : new Error(why));
  }

  get #clock(): Clock {
    return this.#options.machine.clock;
  }

  #now(): number {
    return this.#clock.nowMs() - this.#options.startAtMs;
  }
}

function ok({ status, text }: Reply): string {
  if (status !== 200) throw new Error(`status ${status}`);
  return text;
}

function idOf({ text }: Reply): string {
  return (JSON.parse(text) as { readonly id: string }).id;
}
