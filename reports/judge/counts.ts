import type { TimedEvent } from '../../harness/history.ts';
import { attemptsOf, errorKind, isFailure, type RequestRecord, type Requests } from '../../harness/requests.ts';
import { membershipOf, requestsIn, type Window } from '../../harness/windows.ts';
import { rounded } from '../rounding.ts';
import type { RunDocument, WindowResult } from '../store/run-document.ts';
import { DeliveryCounter, knowDelivery } from './delivery.ts';
import { GapCollector, knowSamples, type LatencyMetric, quantilesOf, VALUES, ValueCollector } from './samples.ts';

/**
 * Counts of the load, without the warm-up. `offered` includes dropped arrivals; interrupted requests count only in `sent`.
 * `lateMsP99` is the delay between scheduled and actual sending, caused by the generator; null where that does not report when
 * requests were due.
 */
export function loadCounts(engine: string, records: Requests, events: readonly TimedEvent[]): RunDocument['load'] {
  const [late, counts, prompts] = [new ValueCollector(), new Counts(), new PromptCounts()];
  let sent = 0;
  records.forEach(record => {
    const { scheduledMs, sentMs } = record;
    if (scheduledMs < 0) return;
    counts.add(record);
    prompts.add(record);
    if (sentMs === null) return;
    sent += 1;
    late.add(sentMs - scheduledMs);
  });
  const usage = events.find(event => event.type === 'load')?.summary;
  return {
    engine,
    offered: counts.requests,
    sent,
    completed: counts.completed,
    failed: counts.failed,
    dropped: counts.dropped,
    ...counts.optional(),
    ...prompts.result(),
    lateMsP99: usage?.lateness === 'unknown' ? null : rounded(late.samples().at(0.99)),
    ...(usage?.connections && { connections: usage.connections }),
    cpuCores: usage && usage.wallMs > 0 ? rounded(usage.cpuMs / usage.wallMs) : null,
  };
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
  const tests = windows.map(membershipOf);
  const parts = new Map<string, { readonly isIn: readonly boolean[]; readonly fold: WindowFold }>();
  let current: { readonly isIn: readonly boolean[]; readonly fold: WindowFold } | undefined;
  records.forEach(record => {
    const { isIn } = current ?? {};
    if (!isIn || !tests.every((test, index) => test(record) === isIn[index])) {
      const found = tests.map(test => test(record));
      const key = found.join();
      current = parts.get(key) ?? { isIn: found, fold: new WindowFold() };
      parts.set(key, current);
    }
    current!.fold.add(record);
  });
  return windows.map((window, index) => {
    const fold = new WindowFold();
    for (const part of parts.values()) if (part.isIn[index]) fold.merge(part.fold);
    return fold.result(window, records);
  });
}

class WindowFold {
  readonly #counts = new Counts();
  readonly #errors = new Map<string, number>();
  readonly #delivery = new DeliveryCounter();
  readonly #values = { latency: new ValueCollector(), ttft: new ValueCollector(), tpot: new ValueCollector() };
  readonly #gaps = new GapCollector();
  readonly #without = { ttft: 0, latency: 0 };

  add(record: RequestRecord): void {
    this.#counts.add(record);
    this.#delivery.add(record);
    if (isFailure(record)) {
      const kind = errorKind(record);
      this.#errors.set(kind, (this.#errors.get(kind) ?? 0) + 1);
    }
    const [ttft, latency, tpot] = [VALUES.ttft(record), VALUES.latency(record), VALUES.tpot(record)];
    if (ttft === null) this.#without.ttft += 1;
    else this.#values.ttft.add(ttft);
    if (latency === null) this.#without.latency += 1;
    else this.#values.latency.add(latency);
    if (tpot !== null) this.#values.tpot.add(tpot);
    this.#gaps.add(record.gaps);
  }

  merge(other: WindowFold): void {
    this.#counts.merge(other.#counts);
    this.#delivery.merge(other.#delivery);
    for (const [kind, count] of other.#errors) this.#errors.set(kind, (this.#errors.get(kind) ?? 0) + count);
    for (const metric of ['latency', 'ttft', 'tpot'] as const) this.#values[metric].merge(other.#values[metric]);
    this.#gaps.merge(other.#gaps);
    this.#without.ttft += other.#without.ttft;
    this.#without.latency += other.#without.latency;
  }

  result(window: Window, records: Requests): WindowResult {
    const { name, fromMs, toMs } = window;
    const requestsOfWindow = requestsIn(window, records);
    const { requests, failed, dropped } = this.#counts;
    const delivery = this.#delivery.delivery();
    const { tokensPerRead } = delivery;
    knowDelivery(requestsOfWindow, delivery);
    const quantiles = (metric: LatencyMetric) => {
      const samples = metric === 'itl' ? this.#gaps.samples() : this.#values[metric].samples();
      // SLOs and curves look at them again.
      knowSamples(metric, requestsOfWindow, samples);
      return quantilesOf(samples);
    };
    return {
      ...{ name, fromMs: rounded(fromMs), toMs: rounded(toMs), requests, failed, dropped },
      ...this.#counts.optional(),
      errors: Object.fromEntries([...this.#errors].sort(([a], [b]) => (a < b ? -1 : 1))),
      latencyMs: quantiles('latency'),
      ttftMs: quantiles('ttft'),
      itlMs: quantiles('itl'),
      tpotMs: quantiles('tpot'),
      without: { ...this.#without },
      ...(tokensPerRead !== null && { tokensPerRead: rounded(tokensPerRead) }),
    };
  }
}

/** Counts of requests, some of which only some runs have. */
class Counts {
  requests = 0;
  completed = 0;
  failed = 0;
  dropped = 0;
  #abandoned = 0;
  #resent = 0;
  #attempts = 0;
  #isRetried = false;

  add(record: RequestRecord): void {
    const { outcome } = record;
    this.requests += 1;
    if (outcome === 'ok') this.completed += 1;
    else if (outcome === 'dropped') this.dropped += 1;
    else if (outcome === 'abandoned') this.#abandoned += 1;
    else if (isFailure(record)) this.failed += 1;
    if (record.resent) this.#resent += 1;
    this.#attempts += attemptsOf(record);
    this.#isRetried ||= record.attempts !== undefined;
  }

  merge(other: Counts): void {
    this.requests += other.requests;
    this.completed += other.completed;
    this.failed += other.failed;
    this.dropped += other.dropped;
    this.#abandoned += other.#abandoned;
    this.#resent += other.#resent;
    this.#attempts += other.#attempts;
    this.#isRetried ||= other.#isRetried;
  }

  /** Abandoned and resent requests, and attempts where clients retry. */
  optional(): Pick<WindowResult, 'abandoned' | 'resent' | 'attempts'> {
    return {
      ...(this.#abandoned > 0 && { abandoned: this.#abandoned }),
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
