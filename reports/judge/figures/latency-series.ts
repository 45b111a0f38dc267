import { rounded } from '../../rounding.ts';
import type { Columns } from '../../store/requests/chunk-columns.ts';
import type { TimelineSeries } from '../../store/run-document.ts';
import { latenciesIn } from '../folds/latencies.ts';
import { Slots } from '../folds/slots.ts';
import { GapCollector, ValueCollector } from '../samples.ts';

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
    // Used again, since there are many.
    const idle: { ttft: ValueCollector; latency: ValueCollector; gaps: GapCollector }[] = [];
    const create = () =>
      idle.pop() ?? { ttft: new ValueCollector(), latency: new ValueCollector(), gaps: new GapCollector() };
    this.#slots = new Slots(count, create, (fold, slot) => {
      const { ttft, latency, gaps } = fold;
      const between = gaps.samples();
      const values = [
        ...ttft.quantiles([0.5, 0.9, 0.99]),
        ...latency.quantiles([0.5, 0.9, 0.99]),
        ...[between.at(0.5), between.at(0.99)],
      ];
      for (const [index, name] of NAMES.entries()) this.#series[name][slot] = rounded(values[index]!);
      for (const collector of [ttft, latency, gaps]) collector.clear();
      idle.push(fold);
    });
  }

  addRows(columns: Columns): void {
    const scheduledMs = columns.values('scheduledMs');
    const { ttft, latency } = latenciesIn(columns);
    for (let row = 0; row < columns.rows; ) {
      const number = Math.floor(scheduledMs[row]! / this.#slotMs);
      const from = row;
      while (row < columns.rows && Math.floor(scheduledMs[row]! / this.#slotMs) === number) row += 1;
      const slot = this.#slots.at(number, row - from);
      if (!slot) continue;
      slot.ttft.addRows(ttft, from, row);
      slot.latency.addRows(latency, from, row);
      slot.gaps.addRows(columns, from, row);
    }
  }

  result(): Series {
    this.#slots.end();
    return this.#series;
  }
}
