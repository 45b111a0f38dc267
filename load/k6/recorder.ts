import { rampAt } from '../../harness/arrivals/arrivals.ts';
import type { LoadProgress } from '../../harness/contracts.ts';
import type { LoadPlan } from '../../harness/plan.ts';
import { errorKind, isFailure, type RequestFacts, type RequestRecord, requestRecord } from '../../harness/requests.ts';
import { type Partition, WHOLE } from '../../harness/segment.ts';
import { Notes } from '../stream/response/notes.ts';
import { tally } from '../stream/tally.ts';
import type { Journal } from '../worker/journal.ts';
import type { ScriptLine } from './lines.ts';
import { outcomeOfResponse } from './outcome.ts';

/** Options of {@link Recorder}. */
export interface RecorderOptions {
  readonly plan: LoadPlan;
  /** Partition of the arrivals: k6's execution segment. @default all */
  readonly partition?: Partition | undefined;
  readonly journal: Pick<Journal, 'append'>;
  /** Offset of k6's clock: its instant t is t + `offsetMs` on the run's timeline. */
  readonly offsetMs: number;
  /** Values that no note may hold. */
  readonly secrets?: readonly string[];
}

type Start = Extract<ScriptLine, { type: 'start' }>;
type End = Extract<ScriptLine, { type: 'end' }>;
type Place = Pick<RequestRecord, 'index' | 'sentAs' | 'scheduledMs' | 'sentMs' | 'promptTokens' | 'stage'>;

/**
 * Turns the script's lines and k6's drops into request records, in memory bounded by the requests in flight and one instant per drop.
 *
 * - `sentMs` is when the script called `http.request`, `endMs` when that returned with the complete body.
 * - `scheduledMs` equals `sentMs` in an open loop: k6 reports when an iteration began, not when it was due, so no latency includes
 *   k6's own lateness. For a dropped request it is the time of the drop, which is when it was due. In a closed loop it is when the
 *   user was due to send.
 * - `index` is the number of the iteration, also part of its request id; dropped requests, which k6 does not number, come last. In a
 *   closed loop, where users share no counter, it counts the requests in the order of their start, and `sentAs` is the number.
 * - `firstTokenMs` of plain HTTP is the first byte as k6 timed it, else null: k6 shows a body only when it is complete, and a first
 *   byte is not a token. `gaps` are empty.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #step: number;
  readonly #open = new Map<number, Place>();
  readonly #droppedMs: number[] = [];
  readonly #tally = tally();
  readonly #notes = new Notes();
  #requests = 0;
  #nextIndex: number;
  #stoppedMs = Number.POSITIVE_INFINITY;

  constructor(options: RecorderOptions) {
    this.#options = options;
    const { first, step } = options.partition ?? WHOLE;
    this.#step = step;
    this.#nextIndex = first;
  }

  /** Handles a line of the script. */
  take(line: ScriptLine): void {
    if (line.type === 'start') this.#started(line);
    else this.#ended(line);
  }

  /** Records a request that was due without a free virtual user. @param runMs time of the drop on the run's timeline */
  dropped(runMs: number): void {
    // An exiting k6 has no free users either.
    if (runMs >= this.#stoppedMs) return;
    this.#requests += 1;
    this.#droppedMs.push(runMs);
    this.#tally.settled(this.#drop(runMs, 0), runMs);
  }

  /** Requests that end without a response from now on were interrupted. @param runMs now, on the run's timeline */
  stop(runMs: number): void {
    this.#stoppedMs = runMs;
  }

  /** Records dropped requests, and requests still open as interrupted. @param runMs now, on the run's timeline */
  finish(runMs: number): void {
    for (const place of this.#open.values()) this.#write({ ...place, endMs: runMs, outcome: 'interrupted' });
    this.#open.clear();
    for (const droppedMs of this.#droppedMs) {
      this.#options.journal.append(this.#drop(droppedMs, this.#nextIndex));
      this.#nextIndex += this.#step;
    }
    this.#droppedMs.length = 0;
  }

  /** Number of requests so far, including dropped ones. */
  get requests(): number {
    return this.#requests;
  }

  /** @param nowMs of any one clock */
  progress(nowMs: number): LoadProgress {
    return { ...this.#tally.progress(nowMs, this.#open.size), notes: this.#notes.list() };
  }

  #started({ iteration, atMs, promptTokens, dueMs }: Start): void {
    const { offsetMs } = this.#options;
    const sentMs = atMs + offsetMs;
    const scheduledMs = dueMs === null ? sentMs : dueMs + offsetMs;
    const index = dueMs === null ? iteration : this.#requests;
    this.#nextIndex = Math.max(this.#nextIndex, index + this.#step);
    const times = { scheduledMs, sentMs, stage: this.#stageAt(scheduledMs) };
    this.#open.set(iteration, { index, ...times, promptTokens, ...(index !== iteration && { sentAs: iteration }) });
    this.#requests += 1;
  }

  #ended(end: End): void {
    const place = this.#open.get(end.iteration);
    if (!place) return;
    this.#open.delete(end.iteration);
    const { offsetMs } = this.#options;
    const { status, outputTokens, upstream } = end;
    const endMs = end.atMs + offsetMs;
    const firstTokenMs = end.firstByteMs === null ? null : end.firstByteMs + offsetMs;
    if (firstTokenMs !== null) this.#tally.firstToken(firstTokenMs - place.scheduledMs, endMs);
    // An exiting k6 cancels the requests in flight, which its script may still report.
    const outcome = endMs >= this.#stoppedMs && status === 0 ? 'interrupted' : outcomeOfResponse(end);
    const facts = { ...place, endMs, outcome, firstTokenMs, status, outputTokens, upstream };
    this.#write(facts);
    if (isFailure(facts) && this.#notes.failure(errorKind(facts))) this.#explain(errorKind(facts), end);
  }

  #explain(kind: string, { said, error }: End): void {
    const headers = new Map(Object.entries(said?.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
    const header = said && ((name: string) => headers.get(name));
    this.#notes.explain(kind, said?.text || error, header, this.#options.secrets ?? []);
  }

  #drop(runMs: number, index: number): RequestRecord {
    return requestRecord({ index, scheduledMs: runMs, endMs: runMs, outcome: 'dropped', stage: this.#stageAt(runMs) });
  }

  #write(facts: RequestFacts): void {
    const record = requestRecord(facts);
    this.#options.journal.append(record);
    this.#tally.settled(record, facts.endMs);
  }

  #stageAt(runMs: number): string {
    return rampAt(this.#options.plan.ramps, runMs)?.name ?? '';
  }
}
