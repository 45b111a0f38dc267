import type { TimedEvent } from '../../harness/history.ts';
import {
  attemptsOf,
  errorKind,
  isFailure,
  latencyMs,
  type RequestRecord,
  type Requests,
  timePerOutputTokenMs,
  timeToFirstTokenMs,
} from '../../harness/requests.ts';
import { Cells, requestsIn, type Window } from '../../harness/windows.ts';
import { rounded } from '../rounding.ts';
import type { RunDocument, WindowResult } from '../store/run-document.ts';
import { DELIVERY, DeliveryCounter } from './delivery.ts';
import { type Folding, folded } from './folds/folding.ts';
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
  const inLoad = (visit: (record: RequestRecord) => void) => (record: RequestRecord) => {
    if (record.scheduledMs >= 0) visit(record);
  };
  const send = ({ scheduledMs, sentMs }: RequestRecord) => {
    if (sentMs === null) return;
    sent += 1;
    late.add(sentMs - scheduledMs);
  };
  const count = (record: RequestRecord) => {
    outcomes.add(record);
    extras.add(record);
    prompts.add(record);
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
  return { visits: [count, send].map(inLoad), result };
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
  const parts = new Map<string, { readonly isIn: readonly boolean[]; readonly fold: WindowFold }>();
  const partOf = (isIn: readonly boolean[]) => {
    const key = isIn.join();
    const part = parts.get(key) ?? { isIn, fold: new WindowFold() };
    parts.set(key, part);
    return part;
  };
  // Each small enough that an engine compiles it as a whole.
  const visiting = (visit: (fold: WindowFold, record: RequestRecord) => void) => {
    const cells = new Cells(windows);
    let fold = new WindowFold();
    return (record: RequestRecord) => {
      if (!cells.has(record)) ({ fold } = partOf(cells.enter(record)));
      visit(fold, record);
    };
  };
  const visits = [
    visiting((fold, record) => fold.count(record)),
    visiting((fold, record) => fold.addValues(record)),
    visiting((fold, record) => fold.addGaps(record)),
  ];
  const result = () =>
    windows.map((window, index) => {
      const fold = new WindowFold();
      for (const part of parts.values()) if (part.isIn[index]) fold.merge(part.fold);
      return fold.result(window, records);
    });
  return { visits, result };
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

  count(record: RequestRecord): void {
    this.#outcomes.add(record);
    this.#extras.add(record);
    this.#late.add(record);
    this.#delivery.add(record);
  }

  addGaps({ gaps }: RequestRecord): void {
    this.#gaps.add(gaps);
  }

  addValues(record: RequestRecord): void {
    const ttft = timeToFirstTokenMs(record);
    const latency = latencyMs(record);
    const tpot = timePerOutputTokenMs(record);
    if (ttft === null) this.#without.ttft += 1;
    else this.#values.ttft.add(ttft);
    if (latency === null) this.#without.latency += 1;
    else this.#values.latency.add(latency);
    if (tpot !== null) this.#values.tpot.add(tpot);
    if (ttft === null || latency === null)
      for (const [metric, worst] of this.#worst) if (isWorst(metric, record)) worst.add(record);
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

  add(record: RequestRecord): void {
    const { attempts } = record;
    if (record.resent) this.#resent += 1;
    this.#attempts += attempts ?? attemptsOf(record);
    this.#isRetried ||= attempts !== undefined;
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

  add({ promptTokens, usedPromptTokens, cachedPromptTokens }: RequestRecord): void {
    if (usedPromptTokens === undefined) return;
    this.#requests += 1;
    this.#planned += promptTokens;
    this.#counted += usedPromptTokens;
    this.#cached += cachedPromptTokens ?? 0;
    this.#knowsCache ||= cachedPromptTokens !== undefined;
  }

  result(): Pick<RunDocument['load'], 'promptTokens'> {
    if (this.#requests === 0) return {};
    const counts = { requests: this.#requests, planned: this.#planned, counted: this.#counted };
    return { promptTokens: { ...counts, ...(this.#knowsCache && { cached: this.#cached }) } };
  }
}
