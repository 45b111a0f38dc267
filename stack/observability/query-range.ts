import type { TimedEvent } from '../../harness/history.ts';
import type { Machine } from '../../harness/host/network.ts';
import type { Login } from '../../harness/http/login.ts';
import { type Readings, SAMPLE_INTERVAL_MS } from '../../harness/metrics.ts';
import type { ExposedSample } from './exposition.ts';
import { postForm } from './prometheus-api.ts';
import { KEPT_SERIES, readingsOf } from './series.ts';

/** Round of samples in the history. */
type SampleEvent = Extract<TimedEvent, { readonly type: 'sample' }>;

interface SampleQuery {
  readonly machine: Machine;
  /** Base URL of Prometheus. */
  readonly url: string;
  /** @default none */
  readonly login?: Login | undefined;
  /** Wall-clock time of the run's start, in ms since the epoch, as Prometheus uses wall-clock time. */
  readonly startEpochMs: number;
  /** First and last round, inclusive, in ms on the run's timeline. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Interval between rounds. @default 1000 */
  readonly stepMs?: number;
  readonly signal: AbortSignal;
  /** Timeout of each response, in ms. @default 10000 */
  readonly timeoutMs?: number;
}

/** Maximum points of one series per query (Prometheus' limit is 11,000). */
const MAX_POINTS = 10_000;
/** Selector of all kept series. A colon needs no escaping. */
const QUERY = `{replica!="",__name__=~"${Object.keys(KEPT_SERIES).join('|')}"}`;

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** Pairs of seconds since the epoch and value as text. */
  readonly values: readonly (readonly [number, string])[];
}

/**
 * Reads the samples that the scraper would take from a Prometheus that scrapes the stack, as history events: one per step, with the
 * readings of all replicas (label `replica`). A replica whose scrape failed is missing, since Prometheus marks its series as
 * stale; other readings are those of the last scrape.
 * @throws SquallError `PROMETHEUS_UNREACHABLE`, `PROMETHEUS_ERROR` or `PROMETHEUS_RESPONSE`; the signal's reason on abort
 */
export async function readSamples(query: SampleQuery): Promise<SampleEvent[]> {
  const {
    machine,
    url,
    login,
    startEpochMs,
    fromMs,
    toMs,
    stepMs = SAMPLE_INTERVAL_MS,
    signal,
    timeoutMs = 10_000,
  } = query;
  const events: SampleEvent[] = [];
  for (let startMs = fromMs; startMs <= toMs; startMs += MAX_POINTS * stepMs) {
    const endMs = Math.min(toMs, startMs + (MAX_POINTS - 1) * stepMs);
    const seconds = (ms: number) => String((startEpochMs + ms) / 1000);
    const form = { query: QUERY, start: seconds(startMs), end: seconds(endMs), step: String(stepMs / 1000) };
    const options = { machine, login, signal, timeoutMs };
    const { result } = await postForm<{ result: readonly Series[] }>(`${url}/api/v1/query_range`, form, options);
    events.push(...roundsOf(result, { startMs, endMs, stepMs, startEpochMs }));
  }
  return events;
}

type Steps = Readonly<Record<'startMs' | 'endMs' | 'stepMs' | 'startEpochMs', number>>;

/** One event per step, including steps without readings. */
function roundsOf(series: readonly Series[], { startMs, endMs, stepMs, startEpochMs }: Steps): SampleEvent[] {
  const count = Math.floor((endMs - startMs) / stepMs + 1e-6) + 1;
  const rounds = Array.from({ length: count }, () => new Map<string, ExposedSample[]>());
  for (const { metric, values } of series) {
    const { __name__: name = '', replica = '', ...others } = metric;
    const labels = Object.entries(others)
      .map(([key, value]) => `${key}="${value}"`)
      .join();
    for (const [second, text] of values) {
      const round = rounds[Math.round((second * 1000 - startEpochMs - startMs) / stepMs)];
      const value = Number(text);
      if (!round || !Number.isFinite(value)) continue;
      round.set(replica, [...(round.get(replica) ?? []), { name, labels, value }]);
    }
  }
  return rounds.map((byReplica, index): SampleEvent => {
    const atMs = Number((startMs + index * stepMs).toFixed(3));
    const readings = [...byReplica]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, samples]) => [name, readingsOf(samples)]);
    return { atMs, type: 'sample', seenMs: atMs, readings: Object.fromEntries(readings) as Record<string, Readings> };
  });
}
