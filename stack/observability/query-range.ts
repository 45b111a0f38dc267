import type { TimedEvent } from '../../harness/history.ts';
import { type Readings, SAMPLE_INTERVAL_MS } from '../../harness/metrics.ts';
import { postForm } from './prometheus-api.ts';
import { KEPT_SERIES, readingsOf } from './series.ts';

/** A round of samples, as the history holds it. */
export type SampleEvent = Extract<TimedEvent, { readonly type: 'sample' }>;

/** What {@link readSamples} reads. */
export interface SampleQuery {
  /** Base URL of the Prometheus. */
  readonly url: string;
  /** Wall-clock time of the run's time zero, in ms since the epoch: Prometheus knows no other clock. */
  readonly zeroEpochMs: number;
  /** First and last round, in ms on the run's time line, both included. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Between two rounds. @default 1000 */
  readonly stepMs?: number;
  readonly signal: AbortSignal;
  /** Longest wait for each answer, in ms. @default 10000 */
  readonly limitMs?: number;
}

/** Points of one series that Prometheus answers at most (its own limit is 11,000). */
const MOST_POINTS = 10_000;
/** Every kept series in one query. A colon is an ordinary character of a name. */
const QUERY = `{replica!="",__name__=~"${Object.keys(KEPT_SERIES).join('|')}"}`;

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** Seconds since the epoch, and the value as text. */
  readonly values: readonly (readonly [number, string])[];
}

/**
 * Reads the same samples that the scraper takes out of a Prometheus that scraped the stack, as events of the history: one a
 * step for all replicas, which the label `replica` names. A replica whose scrape failed is missing, because Prometheus marks its
 * series as stale; otherwise a reading is as old as the last scrape at its instant.
 * @throws SquallError `PROMETHEUS_UNREACHABLE`, `PROMETHEUS_REFUSED` or `PROMETHEUS_ANSWER`; the signal's reason on abort
 */
export async function readSamples(query: SampleQuery): Promise<SampleEvent[]> {
  const { url, zeroEpochMs, fromMs, toMs, stepMs = SAMPLE_INTERVAL_MS, signal, limitMs = 10_000 } = query;
  const events: SampleEvent[] = [];
  for (let startMs = fromMs; startMs <= toMs; startMs += MOST_POINTS * stepMs) {
    const endMs = Math.min(toMs, startMs + (MOST_POINTS - 1) * stepMs);
    const seconds = (ms: number) => String((zeroEpochMs + ms) / 1000);
    const form = { query: QUERY, start: seconds(startMs), end: seconds(endMs), step: String(stepMs / 1000) };
    const { result } = await postForm<{ result: readonly Series[] }>(`${url}/api/v1/query_range`, form, {
      signal,
      limitMs,
    });
    events.push(...roundsOf(result, { startMs, endMs, stepMs, zeroEpochMs }));
  }
  return events;
}

interface Steps {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly zeroEpochMs: number;
}

/** One event a step, also where nothing was told. */
function roundsOf(series: readonly Series[], { startMs, endMs, stepMs, zeroEpochMs }: Steps): SampleEvent[] {
  const count = Math.floor((endMs - startMs) / stepMs + 1e-6) + 1;
  const rounds = Array.from({ length: count }, () => new Map<string, { name: string; value: number }[]>());
  for (const { metric, values } of series) {
    const { __name__: name = '', replica = '' } = metric;
    for (const [second, text] of values) {
      const round = rounds[Math.round((second * 1000 - zeroEpochMs - startMs) / stepMs)];
      const value = Number(text);
      if (!round || !Number.isFinite(value)) continue;
      round.set(replica, [...(round.get(replica) ?? []), { name, value }]);
    }
  }
  return rounds.map((told, index): SampleEvent => {
    const atMs = Number((startMs + index * stepMs).toFixed(3));
    const readings = [...told]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, samples]) => [name, readingsOf(samples)]);
    return { atMs, type: 'sample', seenMs: atMs, readings: Object.fromEntries(readings) as Record<string, Readings> };
  });
}
