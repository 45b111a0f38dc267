import type { FailurePoint, TimelineSeries } from '../../../../reports/store/run-document.ts';

/** Timeline of a run that ended before its load. */
export const NO_SAMPLES: TimelineSeries = {
  slotMs: 1000,
  ttftP50Ms: [],
  ttftP90Ms: [],
  ttftP99Ms: [],
  latencyP50Ms: [],
  latencyP90Ms: [],
  latencyP99Ms: [],
  itlP50Ms: [],
  itlP99Ms: [],
  offered: [],
  sent: [],
  completed: [],
  tokens: [],
  inFlight: [],
  failures: [],
  ready: {},
};
/** What is shown beside a timeline, of a run without requests. */
export const NOTHING = { distributions: [], notable: { failed: [], failures: 0, slowestFirst: [], slowest: [] } };
/** Failures from 24 s to 31 s, 14 to 16 a second, of two kinds, and drops from 26 s to 30 s. */
export const MANY_FAILURES: readonly FailurePoint[] = Array.from({ length: 7 }, (_, second) => [
  ...Array.from({ length: 14 + (second % 3) }, (_, i) => ({
    atMs: 24_010 + second * 1000 + i * 60,
    kind: i % 3 === 0 ? 'http-503' : 'reset',
  })),
  ...(second >= 2 && second < 6
    ? Array.from({ length: 13 }, (_, i) => ({ atMs: 24_950 + second * 1000 + i, kind: 'dropped' }))
    : []),
]).flat();
/** Quantiles without samples. */
export const NO_QUANTILES = { p50: null, p90: null, p95: null, p99: null, p999: null, max: null };
/** Counts of a load that sent nothing. */
export const NO_LOAD = {
  engine: 'stream',
  offered: 0,
  sent: 0,
  completed: 0,
  failed: 0,
  dropped: 0,
  lateMsP99: null,
  cpuCores: null,
};
