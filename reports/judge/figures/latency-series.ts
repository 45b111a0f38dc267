import type { RequestRecord } from '../../../harness/requests.ts';
import { rounded } from '../../rounding.ts';
import type { TimelineSeries } from '../../store/run-document.ts';
import { Slots } from '../folds/slots.ts';
import { GapCollector, VALUES, valueSamples } from '../samples.ts';

const NAMES = [
  ...['ttftP50Ms', 'ttftP90Ms', 'ttftP99Ms'],
  ...['latencyP50Ms', 'latencyP90Ms', 'latencyP99Ms'],
  ...['itlP50Ms', 'itlP99Ms'],
] as const;
type Series = Pick<
  TimelineSeries,
  'ttftP50Ms' | 'ttftP90Ms' | 'ttftP99Ms' | 'latencyP50Ms' | 'latencyP90Ms' | 'latencyP99Ms' | 'itlP50Ms' | 'itlP99Ms'
>;

/** Quantiles of the latencies in each slot of the timeline, from requests in scheduled order. */
export class LatencySeries {
  readonly #slotMs: number;
  readonly #slots;
  readonly #series: Record<keyof Series, (number | null)[]>;

  constructor(count: number, slotMs: number) {
    this.#slotMs = slotMs;
    const series = Object.fromEntries(NAMES.map(name => [name, new Array<number | null>(count).fill(null)]));
    this.#series = series as Record<keyof Series, (number | null)[]>;
    const create = () => ({ ttft: [] as number[], latency: [] as number[], gaps: new GapCollector() });
    this.#slots = new Slots(count, create, ({ ttft, latency, gaps }, slot) => {
      const [first, whole, between] = [valueSamples(ttft), valueSamples(latency), gaps.samples()];
      const row = {
        ...{ ttftP50Ms: first.at(0.5), ttftP90Ms: first.at(0.9), ttftP99Ms: first.at(0.99) },
        ...{ latencyP50Ms: whole.at(0.5), latencyP90Ms: whole.at(0.9), latencyP99Ms: whole.at(0.99) },
        ...{ itlP50Ms: between.at(0.5), itlP99Ms: between.at(0.99) },
      };
      for (const [name, value] of Object.entries(row)) this.#series[name as keyof Series][slot] = rounded(value);
    });
  }

  add(record: RequestRecord): void {
    const slot = this.#slots.at(Math.floor(record.scheduledMs / this.#slotMs));
    if (!slot) return;
    const [ttft, latency] = [VALUES.ttft(record), VALUES.latency(record)];
    if (ttft !== null) slot.ttft.push(ttft);
    if (latency !== null) slot.latency.push(latency);
    slot.gaps.add(record.gaps);
  }

  result(): Series {
    this.#slots.end();
    return this.#series;
  }
}
