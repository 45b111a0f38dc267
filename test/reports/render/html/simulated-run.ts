import { arrivalTimes, type Ramp } from '../../../../harness/arrivals/arrivals.ts';
import type { FaultPlan } from '../../../../harness/plan.ts';
import { type Random, seededRandom } from '../../../../harness/random.ts';
import { distributionsOf } from '../../../../reports/judge/figures/distributions.ts';
import { notableRequests } from '../../../../reports/judge/figures/notable-requests.ts';
import type {
  DistributionCurve,
  NotableRequests,
  Quantiles,
  TimelineSeries,
  WindowResult,
} from '../../../../reports/store/run-document.ts';
import { requestOf } from '../../runs.ts';

/** Request of a simulated run, as far as a report shows it. */
export interface Sample {
  readonly atMs: number;
  readonly ttftMs: number | null;
  readonly latencyMs: number | null;
  readonly error: string | null;
}

/** Requests to a gateway with three replicas: slower at a higher rate, and during faults. */
export function simulate(segments: readonly Ramp[], faults: readonly FaultPlan[], seed = 42): Sample[] {
  const random = seededRandom(seed);
  const active = (id: string, atMs: number) => {
    const fault = faults.find(fault => fault.id === id);
    return fault !== undefined && atMs >= fault.atMs && atMs < fault.atMs + (fault.forMs ?? 7000);
  };
  return [...arrivalTimes(segments, 'poisson', random.stream('arrivals'))].map(atMs => {
    const killed = active('kill', atMs);
    let ttftMs = 62 + random.exponential(16) + atMs / 3000;
    if (active('slow-link', atMs) && random.next() < 1 / 3) ttftMs += 200 + 50 * random.normal();
    if (killed) ttftMs += random.exponential(45) + (random.next() < 0.12 ? 180 + random.exponential(60) : 0);
    const error = killed && random.next() < 0.013 ? random.pick(['reset', 'reset', 'http-503']) : null;
    return error === null
      ? { atMs, ttftMs, latencyMs: ttftMs + generation(random), error }
      : { atMs, ttftMs: null, latencyMs: null, error };
  });
}

function generation(random: Random): number {
  return random.integer(24, 96) * (7 + random.exponential(0.6));
}

/** Counts and quantiles of the samples in [fromMs, toMs). */
export function windowOf(name: string, fromMs: number, toMs: number, samples: readonly Sample[]): WindowResult {
  const inside = samples.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  const errors: Record<string, number> = {};
  for (const { error } of inside) if (error !== null) errors[error] = (errors[error] ?? 0) + 1;
  const gaps = inside.length === 0 ? [] : [6.9, 7.1, 7.3, 7.4, 7.6, 8.1, 9.4, 14.2];
  return {
    name,
    fromMs,
    toMs,
    requests: inside.length,
    failed: inside.filter(({ error }) => error !== null).length,
    dropped: 0,
    errors,
    latencyMs: quantiles(inside.map(sample => sample.latencyMs)),
    ttftMs: quantiles(inside.map(sample => sample.ttftMs)),
    itlMs: quantiles(gaps),
    tpotMs: quantiles(gaps.map(gap => gap / 1.1)),
    without: {
      ttft: inside.filter(({ ttftMs }) => ttftMs === null).length,
      latency: inside.filter(({ latencyMs }) => latencyMs === null).length,
    },
  };
}

/** Nearest-rank quantiles; all null without values. */
export function quantiles(values: readonly (number | null)[]): Quantiles {
  const sorted = values.filter(value => value !== null).sort((a, b) => a - b);
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? null;
  return { p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), p999: at(0.999), max: sorted.at(-1) ?? null };
}

/** Time series of the samples by second, up to `endMs`. */
export function timelineOf(samples: readonly Sample[], endMs: number): TimelineSeries {
  const seconds = Array.from({ length: Math.ceil(endMs / 1000) }, (_, second) =>
    samples.filter(({ atMs }) => atMs >= second * 1000 && atMs < (second + 1) * 1000),
  );
  const ttft = seconds.map(inside => quantiles(inside.map(sample => sample.ttftMs)));
  const latency = seconds.map(inside => quantiles(inside.map(sample => sample.latencyMs)));
  const count = (keep: (sample: Sample) => boolean) => seconds.map(inside => inside.filter(keep).length);
  return {
    slotMs: 1000,
    ttftP50Ms: ttft.map(({ p50 }) => p50),
    ttftP90Ms: ttft.map(({ p90 }) => p90),
    ttftP99Ms: ttft.map(({ p99 }) => p99),
    latencyP50Ms: latency.map(({ p50 }) => p50),
    latencyP90Ms: latency.map(({ p90 }) => p90),
    latencyP99Ms: latency.map(({ p99 }) => p99),
    itlP50Ms: latency.map(({ p50 }) => (p50 === null ? null : 7)),
    itlP99Ms: latency.map(({ p50 }) => (p50 === null ? null : 14)),
    offered: count(() => true),
    sent: count(() => true),
    completed: count(({ error }) => error === null),
    tokens: count(({ error }) => error === null).map(rate => rate * 60),
    inFlight: count(() => true).map(rate => Math.round(rate / 2)),
    failures: samples.flatMap(({ atMs, error }) => (error === null ? [] : [{ atMs, kind: error }])),
    ready: {
      gateway: seconds.map(() => 2),
      inference: seconds.map((_, second) => (second >= 24 && second < 31 ? 2 : 3)),
    },
  };
}

const recordsOf = (samples: readonly Sample[]) =>
  samples.map(({ atMs, ttftMs, latencyMs, error }, index) =>
    requestOf(index, atMs, {
      outcome: error === null ? 'ok' : error === 'reset' ? 'reset' : 'http-status',
      status: error === 'http-503' ? 503 : error === null ? 200 : 0,
      ttftMs,
      latencyMs: latencyMs ?? 30,
      more: { upstream: `inference-${1 + (index % 3)}` },
    }),
  );

/** Percentile curves of the samples: of what came before the faults, of the second fault, and of all. */
export function curvesOf(samples: readonly Sample[]): DistributionCurve[] {
  const windows = [
    { name: 'baseline', fromMs: 0, toMs: 12_000 },
    { name: 'fault:kill', fromMs: 24_000, toMs: 31_000 },
    { name: 'whole', fromMs: 0, toMs: 45_000 },
  ];
  return distributionsOf(windows, recordsOf(samples));
}

/** Requests that are listed one by one. */
export function notableOf(samples: readonly Sample[]): NotableRequests {
  return notableRequests(recordsOf(samples), () => 'node-loss-20260504-102107-1f2e');
}
