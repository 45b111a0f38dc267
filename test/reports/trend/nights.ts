import { trendOf } from '../../../reports/judge/trend/trend.ts';
import { renderTrendPages } from '../../../reports/render/trend/html.ts';
import type { HistoryRow, StoredNight } from '../../../reports/store/history-file.ts';
import { hostile } from '../suites.ts';

/** A row of a night of the suite `mine`, in virtual time. */
export function row(own: Partial<HistoryRow> = {}): HistoryRow {
  return {
    ...{ night: 'mine-1', suite: 'mine', startedAt: '2030-01-01T02:00:00.000Z', commit: 'a'.repeat(40) },
    ...{ machine: '{"cores":2}', versions: '{"node":"24"}', scenario: 'a', platform: 'virtual', seed: 42, repeat: 1 },
    ...{ runVerdict: 'pass', definition: 'd', slo: 'TTFT', window: 'whole', objective: 'p99(ttft) <= 1 s', unit: 'ms' },
    ...{ limit: 1000, value: 100, lower: 95, upper: 105, infinite: null, samples: 1000, verdict: 'pass' },
    ...own,
  };
}

/** Nights one after the other, each with these rows. */
export function nights(all: readonly (readonly Partial<HistoryRow>[])[]): StoredNight[] {
  return all.map((rows, index) => {
    const startedAt = new Date(Date.UTC(2030, 0, 1 + index, 2)).toISOString();
    const common = { night: `mine-${index}`, startedAt, commit: String(index).repeat(40) };
    return { path: `mine-${index}.parquet`, bytes: 1, rows: rows.map(own => row({ ...common, ...own })) };
  });
}

/** Value with an interval of 5 % to both sides. */
export const about = (value: number): Partial<HistoryRow> => ({ value, lower: 0.95 * value, upper: 1.05 * value });

const longRunning = Array.from({ length: 40 }, (_, night): Partial<HistoryRow>[] => [
  { ...about(night < 25 ? 100 + (night % 3) : 150), slo: hostile },
  {
    ...about(night === 30 ? 30 : 20),
    window: 'fault:kill',
    platform: 'process',
    runVerdict: night % 9 ? 'pass' : 'fail',
  },
  { objective: 'errors <= 1%', unit: '%', limit: 1, value: 0.2, lower: 0, upper: 0.5 },
  { objective: 'max(kv) <= 90%', unit: '%', limit: 90, value: 50, lower: 50, upper: 50 },
  ...(night === 39 ? [{ window: 'whole', value: null, lower: null, upper: null, infinite: 'measured' }] : []),
]);
/** Pages of forty nights with changes, a flaky scenario and a damaged file. */
export const trendPages = renderTrendPages(
  trendOf({
    nights: nights(longRunning),
    damaged: [{ file: 'x.parquet', reason: hostile }],
    pageOf: night => (night.endsWith('1') ? undefined : `../runs/${night}/index.html`),
  }),
);
