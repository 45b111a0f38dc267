import type { TimedEvent } from '../../harness/history.ts';
import { errorKind, isFailure, type Requests } from '../../harness/requests.ts';
import { Cells, knowRequestsIn, requestsIn, type Window } from '../../harness/windows.ts';
import { rounded } from '../rounding.ts';
import type { Columns } from '../store/requests/chunk-columns.ts';
import { StoredRequests } from '../store/requests/stored-requests.ts';
import type { RunDocument, WindowResult } from '../store/run-document.ts';
import { DELIVERY, DeliveryCounter } from './delivery.ts';
import { type Folding, folded } from './folds/folding.ts';
import { latenciesIn } from './folds/latencies.ts';
import { LATENESS, LateCounter } from './folds/lateness.ts';
import { OUTCOMES, type OutcomeCount, OutcomeCounter, totalOf } from './folds/outcomes.ts';
import { isWorst, knowWorst } from './measure.ts';
import { GapCollector, knowSamples, LATENCIES, type LatencyMetric, quantilesOf, ValueCollector } from './samples.ts';

/**
 * Counts of the load, without the warm-up. `offered` includes dropped arrivals; interrupted requests count only in `sent`.
 * `lateMsP99` is the delay between scheduled and actual sending, caused by the generator; null where that does not report when
 * requests were due.
 */
export function loadCounts(engine: string, records: Requests, events: readonly TimedEvent[]): RunDocument['load'] {
  return folded(loadFold(engine, events), records);
}

/** Fold of {@link loadCounts}. */
export function loadFold(engine: string, events: readonly TimedEvent[]): Folding<RunDocument['load']> {
  const [late, outcomes, extras, prompts] = [
    new ValueCollector(),
    new OutcomeCounter(),
    new Extras(),
    new PromptCounts(),
  ];
  let sent = 0;
  const visit = (columns: Columns) => {
    const [scheduledMs, sentMs] = [columns.values('scheduledMs'), columns.values('sentMs')];
    for (let row = 0; row < columns.rows; row += 1) {
      // Of one that was never sent it is NaN.
      const lateMs = sentMs[row]! - scheduledMs[row]!;
      if (!(scheduledMs[row]! >= 0) || Number.isNaN(lateMs)) continue;
      sent += 1;
      late.add(lateMs);
    }
    const isLoad = (row: number) => scheduledMs[row]! >= 0;
    for (const [from, to] of stretches(columns.rows, isLoad)) {
      outcomes.addRows(columns, from, to);
      extras.addRows(columns, from, to);
      prompts.addRows(columns, from, to);
    }
  };
  const result = () => {
    const usage = events.find(event => event.type === 'load')?.summary;
    const counts = outcomes.counts();
    return {
      engine,
      offered: totalOf(counts),
      sent,
      completed: totalOf(counts, ({ outcome }) => outcome === 'ok'),
      failed: totalOf(counts, isFailure),
      dropped: totalOf(counts, isDropped),
      ...extras.optional(counts),
      ...prompts.result(),
      lateMsP99: usage?.lateness === 'unknown' ? null : rounded(late.samples().at(0.99)),
      ...(usage?.connections && { connections: usage.connections }),
      cpuCores: usage && usage.wallMs > 0 ? rounded(usage.cpuMs / usage.wallMs) : null,
    };
  };
  return { visit, result };
}

/** Stretches of rows that pass a test. */
function* stretches(rows: number, test: (row: number) => boolean): Generator<[from: number, to: number]> {
  for (let row = 0; row < rows; row += 1) {
    const from = row;
    while (row < rows && test(row)) row += 1;
    if (row > from) yield [from, row];
  }
}

/**
 * Results of windows, from one look at each request: counts, errors by kind in alphabetical order, and quantiles. Requests that are in the
 * same windows are counted once, together.
 *
 * ```
 *            ├─baseline─┼─fault:kill─┼─recovery:kill─┤
 *            ├─────────────────whole─────────────────┤
 * parts           1           2              3
 * ```
 */
export function windowResults(windows: readonly Window[], records: Requests): WindowResult[] {
  return folded(windowFold(windows, records), records);
}

/** Fold of {@link windowResults}, after which also what SLOs ask of the windows is known. */
export function windowFold(windows: readonly Window[], records: Requests): Folding<WindowResult[]> {
  const cells = new Cells(windows);
  const parts = new Map<string, Part>();
  const selections = records instanceof StoredRequests ? windows.map(() => records.selection()) : [];
  let current: Part | undefined;
  const partOf = (isIn: readonly boolean[]) => {
    const key = isIn.join();
    const part = parts.get(key) ?? { isIn, fold: new WindowFold() };
    parts.set(key, part);
    return part;
  };
  const add = (columns: Columns, from: number, to: number) => {
    if (to === from) return;
    current!.fold.addRows(columns, from, to);
    const { at } = columns;
    if (at === undefined) selections.length = 0;
    else for (const [index, one] of selections.entries()) if (current!.isIn[index]) one.add(at + from, at + to);
  };
  const visit = (columns: Columns) => {
    const [scheduledMs, endMs] = [columns.values('scheduledMs'), columns.values('endMs')];
    let from = 0;
    for (let row = 0; row < columns.rows; row += 1) {
      if (cells.has(scheduledMs[row]!, endMs[row]!)) continue;
      add(columns, from, row);
      from = row;
      current = partOf(cells.enter({ scheduledMs: scheduledMs[row]!, endMs: endMs[row]! }));
    }
    add(columns, from, columns.rows);
  };
  const result = () =>
    windows.map((window, index) => {
      const fold = new WindowFold();
      for (const part of parts.values()) if (part.isIn[index]) fold.merge(part.fold);
      const selection = selections[index];
      if (selection) knowRequestsIn(window, records, (records as StoredRequests).only(selection));
      return fold.result(window, records);
    });
  return { visit, result };
}

/** Requests that are in the same windows. */
interface Part {
  readonly isIn: readonly boolean[];
  readonly fold: WindowFold;
}

class WindowFold {
  readonly #outcomes = new OutcomeCounter();
  readonly #extras = new Extras();
  readonly #late = new LateCounter();
  readonly #delivery = new DeliveryCounter();
  readonly #values = { latency: new ValueCollector(), ttft: new ValueCollector(), tpot: new ValueCollector() };
  readonly #gaps = new GapCollector();
  readonly #without = { ttft: 0, latency: 0 };
  readonly #worst = new Map(LATENCIES.map(metric => [metric, new OutcomeCounter()]));

  addRows(columns: Columns, from: number, to: number): void {
    this.#outcomes.addRows(columns, from, to);
    this.#extras.addRows(columns, from, to);
    this.#late.addRows(columns, from, to);
    this.#delivery.addRows(columns, from, to);
    this.#gaps.addRows(columns, from, to);
    const values = latenciesIn(columns);
    for (const metric of ['ttft', 'latency', 'tpot'] as const) this.#values[metric].addRows(values[metric], from, to);
    const { ttft, latency } = values;
    for (let row = from; row < to; row += 1) {
      // NaN where one of them is.
      if (!Number.isNaN(ttft[row]! + latency[row]!)) continue;
      if (Number.isNaN(ttft[row])) this.#without.ttft += 1;
      if (Number.isNaN(latency[row])) this.#without.latency += 1;
      const record = columns.record(row);
      for (const [metric, worst] of this.#worst) if (isWorst(metric, record)) worst.add(record);
    }
  }

  merge(other: WindowFold): void {
    this.#outcomes.merge(other.#outcomes);
    this.#extras.merge(other.#extras);
    this.#late.merge(other.#late);
    this.#delivery.merge(other.#delivery);
    for (const metric of ['latency', 'ttft', 'tpot'] as const) this.#values[metric].merge(other.#values[metric]);
    this.#gaps.merge(other.#gaps);
    this.#without.ttft += other.#without.ttft;
    this.#without.latency += other.#without.latency;
    for (const [metric, worst] of this.#worst) worst.merge(other.#worst.get(metric)!);
  }

  result(window: Window, records: Requests): WindowResult {
    const { name, fromMs, toMs } = window;
    const requestsOfWindow = requestsIn(window, records);
    const outcomes = this.#outcomes.counts();
    const delivery = this.#delivery.delivery();
    const { tokensPerRead } = delivery;
    // SLOs, gates and curves look at them again.
    DELIVERY.set(requestsOfWindow, delivery);
    OUTCOMES.set(requestsOfWindow, outcomes);
    LATENESS.set(requestsOfWindow, this.#late);
    for (const [metric, worst] of this.#worst) knowWorst(metric, requestsOfWindow, worst.counts());
    const quantiles = (metric: LatencyMetric) => {
      const samples = metric === 'itl' ? this.#gaps.samples() : this.#values[metric].samples();
      knowSamples(metric, requestsOfWindow, samples);
      return quantilesOf(samples);
    };
    return {
      ...{ name, fromMs: rounded(fromMs), toMs: rounded(toMs), requests: totalOf(outcomes) },
      ...{ failed: totalOf(outcomes, isFailure), dropped: totalOf(outcomes, isDropped) },
      ...this.#extras.optional(outcomes),
      errors: errorsIn(outcomes),
      latencyMs: quantiles('latency'),
      ttftMs: quantiles('ttft'),
      itlMs: quantiles('itl'),
      tpotMs: quantiles('tpot'),
      without: { ...this.#without },
      ...(tokensPerRead !== null && { tokensPerRead: rounded(tokensPerRead) }),
    };
  }
}

function isDropped({ outcome }: OutcomeCount): boolean {
  return outcome === 'dropped';
}

/** Failures by kind, in alphabetical order. */
function errorsIn(outcomes: readonly OutcomeCount[]): Record<string, number> {
  const kinds = Map.groupBy(outcomes.filter(isFailure), errorKind);
  return Object.fromEntries([...kinds].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, of]) => [kind, totalOf(of)]));
}

/** What only some runs have: requests that were sent again, and attempts of clients that retry. */
class Extras {
  #resent = 0;
  #attempts = 0;
  #isRetried = false;

  addRows(columns: Columns, from: number, to: number): void {
    const [resent, attempts, sentMs] = [columns.values('resent'), columns.values('attempts'), columns.values('sentMs')];
    for (let row = from; row < to; row += 1) {
      if (resent[row] === 1) this.#resent += 1;
      if (!Number.isNaN(attempts[row])) {
        this.#attempts += attempts[row]!;
        this.#isRetried = true;
      } else if (!Number.isNaN(sentMs[row])) this.#attempts += 1;
    }
  }

  merge(other: Extras): void {
    this.#resent += other.#resent;
    this.#attempts += other.#attempts;
    this.#isRetried ||= other.#isRetried;
  }

  /** Abandoned and resent requests, and attempts where clients retry. */
  optional(outcomes: readonly OutcomeCount[]): Pick<WindowResult, 'abandoned' | 'resent' | 'attempts'> {
    const abandoned = totalOf(outcomes, ({ outcome }) => outcome === 'abandoned');
    return {
      ...(abandoned > 0 && { abandoned }),
      ...(this.#resent > 0 && { resent: this.#resent }),
      ...(this.#isRetried && { attempts: this.#attempts }),
    };
  }
}

/** Tokens of the prompts of which the server told its own count. */
class PromptCounts {
  #requests = 0;
  #planned = 0;
  #counted = 0;
  #cached = 0;
  #knowsCache = false;

  addRows(columns: Columns, from: number, to: number): void {
    const [planned, used] = [columns.values('promptTokens'), columns.values('usedPromptTokens')];
    const cached = columns.values('cachedPromptTokens');
    for (let row = from; row < to; row += 1) {
      if (Number.isNaN(used[row])) continue;
      this.#requests += 1;
      this.#planned += planned[row]!;
      this.#counted += used[row]!;
      this.#cached += cached[row]! || 0;
      this.#knowsCache ||= !Number.isNaN(cached[row]);
    }
  }

  result(): Pick<RunDocument['load'], 'promptTokens'> {
    if (this.#requests === 0) return {};
    const counts = { requests: this.#requests, planned: this.#planned, counted: this.#counted };
    return { promptTokens: { ...counts, ...(this.#knowsCache && { cached: this.#cached }) } };
  }
}
