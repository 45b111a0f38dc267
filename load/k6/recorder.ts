import { segmentAt } from '../../harness/arrivals/arrivals.ts';
import type { LoadProgress } from '../../harness/contracts.ts';
import type { LoadPlan } from '../../harness/plan.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import { partOf, type Share, WHOLE } from '../../harness/segment.ts';
import { tally } from '../stream/tally.ts';
import type { Journal } from '../worker/journal.ts';
import type { ScriptLine } from './lines.ts';
import { ScheduleMatcher, type Tick } from './matcher.ts';
import { outcomeOfAnswer } from './outcome.ts';
import { k6Ramp, k6Ticks } from './stages.ts';

/** How {@link Recorder} places what k6 tells. */
export interface RecorderOptions {
  readonly plan: LoadPlan;
  /** Of the arrivals, which is k6's execution segment. @default all */
  readonly share?: Share | undefined;
  readonly journal: Pick<Journal, 'append'>;
  /** Of k6's clock on the run's time line: what k6 calls t happened at t + `offsetMs`. */
  readonly offsetMs: number;
}

interface Iteration {
  readonly startMs: number;
  readonly promptTokens: number;
  tick?: Tick;
  end?: Extract<ScriptLine, { type: 'end' }>;
}

/**
 * Turns the lines of a k6 script into request records of the same meaning as the streaming client's, in memory bounded by the
 * requests in flight and those of the last second.
 *
 * - `scheduledMs` is the instant at which k6's executor had the iteration due, computed from its stages and matched by
 *   {@link ScheduleMatcher}, on an origin that no iteration contradicts (about 0.1 ms after k6's own); in a closed loop, when its
 *   user meant to send. There `index` counts the requests as they were sent, while prompts and request ids are numbered by user:
 *   virtual users have no counter in common.
 * - `sentMs` is when the script called `http.post`, `endMs` when that returned with the whole body.
 * - `firstTokenMs` of a plain request is its first byte as k6 timed it, else null: k6 shows a body only when it is whole, and a
 *   first byte is no token. `gaps` are empty.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #matcher: ScheduleMatcher;
  readonly #mostInFlight: number;
  readonly #open = new Map<number, Iteration>();
  readonly #tally = tally();
  #inFlight = 0;
  #requests = 0;
  #stoppedMs: number | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
    const { plan, share = WHOLE } = options;
    this.#matcher = new ScheduleMatcher(k6Ticks(k6Ramp(plan.segments), share), share);
    this.#mostInFlight = partOf(plan.maxInFlight, share);
  }

  /** Takes a line of the script. */
  take(line: ScriptLine): void {
    if (line.type === 'start') {
      const { iteration, atMs, promptTokens, dueMs } = line;
      const tick = dueMs === null ? {} : { tick: { index: this.#requests, atMs: dueMs, iteration } };
      this.#open.set(iteration, { startMs: atMs, promptTokens, ...tick });
      if (dueMs === null) this.#matcher.started(iteration, atMs);
      this.#inFlight += 1;
      this.#requests += 1;
      return;
    }
    const iteration = this.#open.get(line.iteration);
    if (!iteration) return;
    iteration.end = line;
    this.#inFlight -= 1;
    this.#settle(line.iteration, iteration);
  }

  /** Writes down what is known by now. Call it some twenty times a second. @param runMs now, on the run's time line */
  advance(runMs: number): void {
    for (const tick of this.#matcher.take(runMs - this.#options.offsetMs)) this.#matched(tick);
  }

  /** From now on what ends without an answer was cut off. To be called when k6 is told to leave. @param runMs now, on the run's time line */
  stop(runMs: number): void {
    this.#stoppedMs = runMs;
  }

  /**
   * Writes down the rest: what is due and was never sent is dropped, what has no end is interrupted.
   * What came due just before k6 was told to stop may have met a k6 that was leaving already, so it counts as dropped only if every
   * virtual user was busy.
   */
  finish(runMs: number): void {
    const stoppedMs = this.#stoppedMs;
    const isFull = this.#inFlight >= this.#mostInFlight;
    const lastMs = stoppedMs === undefined ? runMs : isFull ? stoppedMs : Number.NEGATIVE_INFINITY;
    for (const tick of this.#matcher.finish(lastMs - this.#options.offsetMs)) this.#matched(tick);
    for (const iteration of this.#open.values()) {
      if (!iteration.tick) continue;
      this.#inFlight -= 1;
      this.#write(iteration, { endMs: runMs, outcome: 'interrupted' });
    }
    this.#open.clear();
  }

  /** How many requests there were, the dropped ones included. */
  get requests(): number {
    return this.#requests;
  }

  /** @param nowMs of any one clock */
  progress(nowMs: number): LoadProgress {
    return this.#tally.progress(nowMs, this.#inFlight);
  }

  #matched(tick: Tick): void {
    if (tick.iteration === null) {
      this.#drop(tick);
      return;
    }
    const iteration = this.#open.get(tick.iteration)!;
    iteration.tick = tick;
    this.#settle(tick.iteration, iteration);
  }

  #settle(key: number, iteration: Iteration): void {
    const { tick, end } = iteration;
    if (!tick || !end) return;
    this.#open.delete(key);
    const endMs = end.atMs + this.#options.offsetMs;
    // A k6 that leaves cancels what is in flight, and its script may still come to say so.
    const isCut = this.#stoppedMs !== undefined && endMs >= this.#stoppedMs && end.status === 0;
    this.#write(iteration, { endMs, outcome: isCut ? 'interrupted' : outcomeOfAnswer(end) });
  }

  #write({ tick, startMs, promptTokens, end }: Iteration, known: Pick<RequestRecord, 'endMs' | 'outcome'>): void {
    const { offsetMs } = this.#options;
    const place = this.#placed(tick!);
    const sentMs = known.outcome === 'dropped' ? null : rounded(startMs + offsetMs);
    const { status = 0, outputTokens = 0, upstream = '', firstByteMs = null } = end ?? {};
    const firstTokenMs = firstByteMs === null ? null : rounded(firstByteMs + offsetMs);
    if (firstTokenMs !== null) this.#tally.firstToken(firstTokenMs - place.scheduledMs, known.endMs);
    this.#append({ ...place, sentMs, firstTokenMs, promptTokens, status, outputTokens, upstream, ...known });
  }

  #drop(tick: Tick): void {
    this.#requests += 1;
    const place = this.#placed(tick);
    const nothing = { sentMs: null, firstTokenMs: null, promptTokens: 0, status: 0, outputTokens: 0, upstream: '' };
    this.#append({ ...place, ...nothing, endMs: place.scheduledMs, outcome: 'dropped' });
  }

  #placed({ index, atMs }: Tick): Pick<RequestRecord, 'index' | 'scheduledMs' | 'stage'> {
    const scheduledMs = rounded(atMs + this.#options.offsetMs);
    return { index, scheduledMs, stage: segmentAt(this.#options.plan.segments, scheduledMs)?.name ?? '' };
  }

  #append(record: Omit<RequestRecord, 'gaps'>): void {
    const whole = { ...record, endMs: rounded(record.endMs), gaps: [] };
    this.#options.journal.append(whole);
    this.#tally.settled(whole, record.endMs);
  }
}

function rounded(ms: number): number {
  return Number(ms.toFixed(3));
}
