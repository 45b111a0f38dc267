import type { TimedEvent } from '../../../../harness/history.ts';
import type { RunPlan } from '../../../../harness/plan.ts';
import type { RequestRecord } from '../../../../harness/requests.ts';
import { factsOf } from '../../../../reports/judge/fold.ts';
import { judgeSlo } from '../../../../reports/judge/slo.ts';
import { planOf, requestOf } from '../../runs.ts';

/** Delays in ms of a scripted stack, each from the instant before it; undefined for what never happens. */
export interface Delays {
  /** From the step until the metric exceeds its target. */
  readonly rise: number;
  readonly decide: number | undefined;
  readonly start: number;
  readonly load: number | undefined;
  readonly serve: number | undefined;
  /** From the first response of the new replica until responses are fast again. */
  readonly calm: number | undefined;
}

export const STEP_MS = 60_000;
export const FALL_MS = 240_000;
/** Where replica 4 is told to end; it has stopped 500 ms later. */
export const DRAIN_MS = FALL_MS + 15_000;
const END_MS = 300_000;
/** Interval of scrapes and of syncs, and how much older what a sync sees is. */
export const SYNC_MS = 15_000;
export const SCRAPE_AGE_MS = 4000;
const PROBE_MS = 60;
/** Time between two arrivals. */
export const GAP_MS = 100;

export const DELAYS: Delays = { rise: 3000, decide: 15_000, start: 40, load: 30_000, serve: 25, calm: 12_000 };

/** Instants that the delays lead to. */
export interface Instants {
  readonly risenMs: number;
  /** Scrape that the first sync used that saw it. */
  readonly scrapedMs: number;
  readonly syncMs: number;
  readonly decidedMs: number;
  readonly startedMs: number;
  readonly readyMs: number;
  readonly servedMs: number;
  readonly calmMs: number;
}

/** A sync uses the scrape {@link SCRAPE_AGE_MS} before; there is one every {@link SYNC_MS}, and a decision needs `decide` more. */
export function instantsOf(delays: Delays): Instants {
  const never = Number.POSITIVE_INFINITY;
  const risenMs = STEP_MS + delays.rise;
  const syncMs = Math.ceil((risenMs + SCRAPE_AGE_MS) / SYNC_MS) * SYNC_MS;
  const scrapedMs = syncMs - SCRAPE_AGE_MS;
  const decidedMs = syncMs + (delays.decide ?? never);
  const startedMs = decidedMs + delays.start;
  const readyMs = startedMs + (delays.load ?? never);
  const servedMs = readyMs + (delays.serve ?? never);
  const calmMs = servedMs + (delays.calm ?? never);
  return { risenMs, scrapedMs, syncMs, decidedMs, startedMs, readyMs, servedMs, calmMs };
}

/** Plan of a load of 10/s with a step up at 60 s and down at 240 s, and the objective that the step breaks. */
export function scriptedPlan(changes: Partial<RunPlan> = {}): RunPlan {
  const { load } = planOf();
  const stage = (name: string, fromMs: number, toMs: number, perSecond: number) => ({
    ...{ name, fromMs, toMs, fromPerSecond: perSecond, toPerSecond: perSecond },
  });
  return planOf({
    platform: 'virtual',
    load: {
      ...load,
      ramps: [
        stage('warm-up', -2000, 0, 10),
        stage('before', 0, STEP_MS, 10),
        stage('peak', STEP_MS, FALL_MS, 40),
        stage('after', FALL_MS, END_MS, 10),
      ],
    },
    stack: { autoscaler: { hpa: {} }, inference: { pricePerHour: 3.6 } },
    slos: [{ name: 'ttft', window: 'whole', objective: 'p99(ttft) <= 500 ms' }],
    ...changes,
  });
}

/** What the stack leaves: replicas 1 to 3 from the start, and 4 by the step. */
export function scriptedEvents(plan: RunPlan, delays: Delays = DELAYS): TimedEvent[] {
  const { syncMs, decidedMs, startedMs, readyMs } = instantsOf(delays);
  const replica = (
    name: string,
    state: 'starting' | 'ready' | 'stopped',
    atMs: number,
    more: { readonly withinMs?: number } = {},
  ): TimedEvent => ({ type: 'replica', replica: name, service: 'inference', state, atMs, ...more });
  const syncs = Array.from({ length: END_MS / SYNC_MS }, (_, index) => index * SYNC_MS).map(atMs => {
    const current = atMs > decidedMs && atMs <= DRAIN_MS ? 4 : 3;
    const proposal = atMs >= syncMs && atMs <= FALL_MS ? 4 : 3;
    const counts = { current, proposal, desired: proposal, sampleAgeMs: SCRAPE_AGE_MS };
    return { type: 'decision', deployment: 'inference', ...counts, reason: `${current}: queue 7 / 5`, atMs } as const;
  });
  const scale = (atMs: number, from: number, to: number) =>
    ({ type: 'scale', deployment: 'inference', from, to, reason: 'queue 7 / 5', atMs }) as const;
  const events: TimedEvent[] = [
    { type: 'plan', plan, environment: { id: 'run-1', startedAt: '', machine: {}, versions: {} }, atMs: -5000 },
    ...[1, 2, 3].flatMap(n => [
      replica(`inference-${n}`, 'starting', -4000),
      replica(`inference-${n}`, 'ready', -3000),
    ]),
    { type: 'start', inMs: 3000, atMs: -3000 },
    ...syncs,
    scale(decidedMs, 3, 4),
    replica('inference-4', 'starting', startedMs),
    replica('inference-4', 'ready', readyMs, { withinMs: PROBE_MS }),
    scale(DRAIN_MS, 4, 3),
    replica('inference-4', 'stopped', DRAIN_MS + 500),
    { type: 'phase', phase: 'down', atMs: END_MS + 1000 },
    { type: 'phase', phase: 'done', atMs: END_MS + 2000 },
  ];
  return events.filter(({ atMs }) => Number.isFinite(atMs));
}

/** Requests of the stack: slow from the step until it is calm again; the new replica serves some from its first response on. */
export function scriptedRecords(delays: Delays = DELAYS): RequestRecord[] {
  const { servedMs, calmMs } = instantsOf(delays);
  const count = (END_MS + 2000) / GAP_MS;
  return Array.from({ length: count }, (_, index) => {
    const atMs = index * GAP_MS - 2000;
    const isSlow = atMs >= STEP_MS && atMs < calmMs && atMs < FALL_MS;
    const ttftMs = isSlow ? 900 : 100;
    const upstream = atMs >= servedMs && atMs < FALL_MS && index % 4 === 0 ? 'inference-4' : 'inference-1';
    return requestOf(index, atMs, { ttftMs, latencyMs: ttftMs + 400, more: { upstream } });
  });
}

/** What a judgement can be given instead of what is scripted. */
export interface Case {
  readonly delays?: Delays;
  readonly plan?: Partial<RunPlan>;
  readonly window?: string;
  readonly records?: readonly RequestRecord[];
  readonly without?: (event: TimedEvent) => boolean;
  readonly extra?: readonly TimedEvent[];
}

/** Facts of a scripted run. */
export function scriptedFacts({ delays = DELAYS, plan: changes, records, without, extra = [] }: Case = {}) {
  const plan = scriptedPlan(changes);
  const events = [...scriptedEvents(plan, delays).filter(event => !without?.(event)), ...extra];
  const facts = factsOf(plan, events, records ?? scriptedRecords(delays));
  return { ...facts, records: [...facts.records] };
}

/** Result of an objective on a scripted run. */
export function judged(objective: string, one: Case = {}) {
  return judgeSlo({ name: 'slo', window: one.window ?? 'whole', objective }, scriptedFacts(one));
}
