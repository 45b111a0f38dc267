import type { TimedEvent } from '../../harness/history.ts';
import type { FaultPlan, RunPlan } from '../../harness/plan.ts';
import { seededRandom } from '../../harness/random.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import { arrivalsOf, injects, partitionOfSegment } from '../../harness/segment.ts';
import type { Part } from '../../reports/judge/merge/segments.ts';
import { historyOf, KILL, planOf, steadyLoad } from './runs.ts';

const SLOW: FaultPlan = {
  id: 'slow',
  kind: 'latency',
  target: 'client→target',
  atMs: 5000,
  forMs: 5000,
  parameters: {},
};
const SLOS = [
  { name: 'errors', window: 'whole', objective: 'errors <= 5%' },
  { name: 'slow', window: 'fault:slow', objective: 'p95(ttft) <= 400 ms' },
  { name: 'killed', window: 'fault:kill', objective: 'p90(latency) <= 2 s' },
  { name: 'too quick', window: 'whole', objective: 'p50(ttft) <= 20 ms' },
  { name: 'back', window: 'whole', objective: 'recovery(kill) <= 20 s' },
];
export const WHOLE_PLAN = planOf({
  slos: SLOS,
  faults: [SLOW, KILL],
  arrivals: { count: 620, sha256: 'whole' },
  platform: 'external',
});
const random = seededRandom(5);
/** Lognormal latencies, some failures, a slow interval: a lost or duplicate record would change the result. */
export const RECORDS = steadyLoad(scheduledMs => {
  const ttftMs = 60 * Math.exp(0.5 * random.normal()) + (scheduledMs > 5000 && scheduledMs < 10_000 ? 250 : 0);
  const outcome = random.next() < 0.02 ? 'reset' : 'ok';
  return {
    outcome,
    ttftMs: outcome === 'ok' ? ttftMs : null,
    latencyMs: ttftMs + 300 * random.next(),
    lateMs: random.next(),
  };
});

const startAt = (afterMs: number) => new Date(Date.UTC(2026, 0, 2) + afterMs).toISOString();

/** Events of a fault; the times of different segments differ slightly. */
export function faultEvents(
  id: string,
  atMs: number,
  forMs: number,
  { bitMs = 100, healedMs = 50 } = {},
): TimedEvent[] {
  const step = (name: 'inject' | 'injected' | 'effective' | 'heal' | 'healed', ms: number) =>
    ({ atMs: ms, type: 'fault', id, step: name, evidence: name === 'inject' ? '' : `${name} seen` }) as const;
  return [
    step('inject', atMs),
    step('injected', atMs + 5),
    { ...step('effective', atMs + bitMs + 30), seenMs: atMs + bitMs },
    step('heal', atMs + forMs),
    step('healed', atMs + forMs + healedMs),
  ];
}

export const summary = (cpuMs: number): TimedEvent => ({
  atMs: 60_500,
  type: 'load',
  summary: { cpuMs, wallMs: 62_000, peakRssBytes: 1e8, requests: 50, cores: 1 },
});

/** Wall clock of a machine at its phases; it gains `jumpMs` during the load phase. */
export const clock = (jumpMs: number): TimedEvent[] => [
  { atMs: 0, type: 'phase', phase: 'load', wallMs: 1_767_323_045_000 },
  { atMs: 60_000, type: 'phase', phase: 'recover', wallMs: 1_767_323_105_000 + jumpMs },
];

export interface Changes {
  readonly plan?: Partial<RunPlan>;
  readonly zeroLateMs?: number;
  readonly extra?: readonly TimedEvent[];
  readonly without?: (event: TimedEvent) => boolean;
  readonly records?: readonly RequestRecord[];
}

/** Segment `index` of `of` of the whole run. */
export function part(
  index: number,
  of: number,
  changes: Changes = {},
): Part & { readonly records: readonly RequestRecord[] } {
  const segment = { index, of, whole: WHOLE_PLAN.arrivals! };
  const own = [
    ...arrivalsOf(
      RECORDS.map(({ scheduledMs }) => ({ atMs: scheduledMs })),
      partitionOfSegment(segment),
    ),
  ];
  const plan = {
    ...WHOLE_PLAN,
    segment,
    arrivals: { count: own.length, sha256: `segment ${index}` },
    replay: `${WHOLE_PLAN.replay} --segment ${index}/${of}`,
    ...changes.plan,
  };
  // The first onset and the last recovery determine the window of the union: they have the times of the whole run.
  const seen = { bitMs: index === 1 ? 100 : 140, healedMs: index === of ? 50 : 20 };
  const events = historyOf(
    plan,
    ...faultEvents('slow', 5000, 5000, seen),
    ...(injects(plan, KILL) ? faultEvents('kill', 20_000, 10_000) : []),
    summary(1000 * index),
    ...(changes.extra ?? []),
  );
  return {
    run: `run-${index}`,
    plan,
    events: events
      .map(event => (event.type === 'start' ? { ...event, at: startAt(changes.zeroLateMs ?? 0) } : event))
      .filter(event => !changes.without?.(event)),
    records: changes.records ?? own.map(arrival => RECORDS[arrival.index]!),
  };
}

/** All segments of the whole run. */
export const all = (of: number) => Array.from({ length: of }, (_, i) => part(i + 1, of));
