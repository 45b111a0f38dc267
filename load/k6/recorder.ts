import { rampAt } from '../../harness/arrivals/arrivals.ts';
import type { LoadProgress } from '../../harness/contracts.ts';
import type { LoadPlan } from '../../harness/plan.ts';
import { type RequestFacts, type RequestRecord, requestRecord } from '../../harness/requests.ts';
import { type Partition, WHOLE } from '../../harness/segment.ts';
import { tally } from '../stream/tally.ts';
import type { Journal } from '../worker/journal.ts';
import type { ScriptLine } from './lines.ts';
import { outcomeOfAnswer } from './outcome.ts';

/** How {@link Recorder} places what k6 reports. */
export interface RecorderOptions {
  readonly plan: LoadPlan;
  /** Of the arrivals, which is k6's execution segment. @default all */
  readonly partition?: Partition | undefined;
  readonly journal: Pick<Journal, 'append'>;
  /** Of k6's clock on the run's time line: what k6 calls t happened at t + `offsetMs`. */
  readonly offsetMs: number;
}

type Start = Extract<ScriptLine, { type: 'start' }>;
type End = Extract<ScriptLine, { type: 'end' }>;
type Place = Pick<RequestRecord, 'index' | 'scheduledMs' | 'sentMs' | 'promptTokens' | 'stage'>;

/**
 * Turns what k6 reports into request records, in memory bounded by the requests in flight and an instant a dropped one.
 *
 * - `sentMs` is when the script called `http.request`, `endMs` when that returned with the whole body.
 * - `scheduledMs` is the same as `sentMs` in an open loop: k6 says when an iteration began, and not when it was due. What k6 itself is
 *   late by is in no latency; what found every virtual user busy is a drop. Of a dropped request it is when k6 dropped it, which is
 *   when it was due. In a closed loop it is when the user meant to send.
 * - `index` is the number of the iteration, by which its request is known to the service too; dropped ones, which k6 does not
 *   number, follow the last of them. In a closed loop, where users have no counter in common, it counts the requests as they began.
 * - `firstTokenMs` of a plain request is its first byte as k6 timed it, else null: k6 shows a body only when it is whole, and a
 *   first byte is no token. `gaps` are empty.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #step: number;
  readonly #open = new Map<number, Place>();
  readonly #droppedMs: number[] = [];
  readonly #tally = tally();
  #requests = 0;
  #nextIndex: number;
  #stoppedMs = Number.POSITIVE_INFINITY;

  constructor(options: RecorderOptions) {
    this.#options = options;
    const { first, step } = options.partition ?? WHOLE;
    this.#step = step;
    this.#nextIndex = first;
  }

  /** Takes a line of the script. */
  take(line: ScriptLine): void {
    if (line.type === 'start') this.#started(line);
    else this.#ended(line);
  }

  /** k6 found no virtual user for a request that was due. @param runMs when, on the run's time line */
  dropped(runMs: number): void {
    // A k6 that leaves has no users left either.
    if (runMs >= this.#stoppedMs) return;
    this.#requests += 1;
    this.#droppedMs.push(runMs);
    this.#tally.settled(this.#drop(runMs, 0), runMs);
  }

  /** From now on what ends without an answer was cut off. To be called when k6 is told to leave. @param runMs now, on the run's time line */
  stop(runMs: number): void {
    this.#stoppedMs = runMs;
  }

  /** Writes down the rest: what was dropped, and as interrupted what has no end. @param runMs now, on the run's time line */
  finish(runMs: number): void {
    for (const place of this.#open.values()) this.#write({ ...place, endMs: runMs, outcome: 'interrupted' });
    this.#open.clear();
    for (const droppedMs of this.#droppedMs) {
      this.#options.journal.append(this.#drop(droppedMs, this.#nextIndex));
      this.#nextIndex += this.#step;
    }
    this.#droppedMs.length = 0;
  }

  /** How many requests there were, the dropped ones included. */
  get requests(): number {
    return this.#requests;
  }

  /** @param nowMs of any one clock */
  progress(nowMs: number): LoadProgress {
    return this.#tally.progress(nowMs, this.#open.size);
  }

  #started({ iteration, atMs, promptTokens, dueMs }: Start): void {
    const { offsetMs } = this.#options;
    const sentMs = atMs + offsetMs;
    const scheduledMs = dueMs === null ? sentMs : dueMs + offsetMs;
    const index = dueMs === null ? iteration : this.#requests;
    this.#nextIndex = Math.max(this.#nextIndex, index + this.#step);
    this.#open.set(iteration, { index, scheduledMs, sentMs, promptTokens, stage: this.#stageAt(scheduledMs) });
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
    // A k6 that leaves cancels what is in flight, and its script may still come to say so.
    const outcome = endMs >= this.#stoppedMs && status === 0 ? 'interrupted' : outcomeOfAnswer(end);
    this.#write({ ...place, endMs, outcome, firstTokenMs, status, outputTokens, upstream });
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
