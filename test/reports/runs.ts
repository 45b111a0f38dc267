import type { RunEvent, TimedEvent } from '../../harness/history.ts';
import type { FaultPlan, RunPlan } from '../../harness/plan.ts';
import { gapBucket, type Outcome, type RequestRecord } from '../../harness/requests.ts';

/** Plan of 60 s at a steady rate after 2 s of warm-up, without faults; `changes` replace parts of it. */
export function planOf(changes: Partial<RunPlan> = {}): RunPlan {
  return {
    scenario: 'example',
    why: 'To test the judge.',
    covers: [],
    platform: 'process',
    seed: 1,
    timeScale: 1,
    load: {
      engine: 'stream',
      arrivals: 'constant',
      ramps: [
        { name: 'warm-up', fromMs: -2000, toMs: 0, fromPerSecond: 10, toPerSecond: 10 },
        { name: 'steady', fromMs: 0, toMs: 60_000, fromPerSecond: 10, toPerSecond: 10 },
      ],
      workload: { name: 'chat', model: 'm', promptTokens: [1, 2], outputTokens: [1, 2] },
      maxInFlight: 100,
      connectTimeoutMs: 1000,
      idleTimeoutMs: 1000,
    },
    faults: [],
    slos: [{ name: 'errors stay rare', window: 'whole', objective: 'errors <= 1%' }],
    stack: {},
    arrivals: { count: 0, sha256: '' },
    replay: 'npx squall run example --seed 1',
    ...changes,
  };
}

/** A fault at 20 s for 10 s. */
export const KILL: FaultPlan = {
  id: 'kill',
  kind: 'kill',
  target: 'inference-1',
  atMs: 20_000,
  forMs: 10_000,
  parameters: {},
};

/** History of a plan: opening, phases, `events`, end. */
export function historyOf(plan: RunPlan, ...events: readonly TimedEvent[]): TimedEvent[] {
  const environment = {
    id: 'run-1',
    startedAt: '2026-01-02T03:04:05.678Z',
    machine: { cores: 2 },
    versions: { node: '24' },
  };
  const open: TimedEvent[] = [
    { atMs: -5000, type: 'plan', plan, environment },
    { atMs: -3000, type: 'start', inMs: 3000 },
    { atMs: 0, type: 'phase', phase: 'load' },
  ];
  const close: TimedEvent[] = [
    { atMs: 60_000, type: 'phase', phase: 'drain' },
    { atMs: 61_000, type: 'phase', phase: 'done' },
  ];
  return [...open, ...events, ...close];
}

/** Events of {@link KILL}, whose injection begins at 20 s, with the given onset and recovery; null for one that was not observed. */
export function killed(effectiveAtMs: number | null = 20_100, healedAtMs: number | null = 30_000): TimedEvent[] {
  const beginMs = Math.min(20_000, effectiveAtMs ?? 20_000);
  const step = (name: Extract<RunEvent, { type: 'fault' }>['step'], atMs: number): TimedEvent => ({
    atMs,
    type: 'fault',
    id: 'kill',
    step: name,
    evidence: name === 'inject' ? '' : `${name} seen.`,
  });
  return [
    step('inject', beginMs),
    step('injected', beginMs + 50),
    ...(effectiveAtMs === null ? [step('no-effect', 25_000)] : [step('effective', effectiveAtMs)]),
    ...(healedAtMs === null ? [step('not-healed', 50_000)] : [step('healed', healedAtMs)]),
  ];
}

/** Record of one request; by default it completes, with its first token after 100 ms and its end after 500 ms. */
export function requestOf(index: number, scheduledMs: number, changes: RequestChanges = {}): RequestRecord {
  const {
    outcome = 'ok',
    ttftMs = outcome === 'ok' ? 100 : null,
    latencyMs = 500,
    gapsMs = [10, 20],
    status,
  } = changes;
  return {
    index,
    scheduledMs,
    sentMs: outcome === 'dropped' ? null : scheduledMs + (changes.lateMs ?? 0),
    firstTokenMs: ttftMs === null ? null : scheduledMs + ttftMs,
    endMs: scheduledMs + latencyMs,
    outcome,
    status: status ?? (outcome === 'ok' ? 200 : 0),
    promptTokens: 1,
    outputTokens: 2,
    stage: scheduledMs < 0 ? 'warm-up' : 'steady',
    upstream: '',
    gaps: outcome === 'ok' ? gapsMs.flatMap(ms => [gapBucket(ms), 1]) : [],
    ...(changes.attempts !== undefined && { attempts: changes.attempts }),
    ...(changes.attemptsMs && { attemptsMs: changes.attemptsMs }),
    ...(changes.class !== undefined && { class: changes.class }),
    ...(changes.turn !== undefined && { session: 0, turn: changes.turn }),
    ...changes.more,
  };
}

/** Deviations from the default of {@link requestOf}. */
export interface RequestChanges {
  readonly outcome?: Outcome;
  readonly ttftMs?: number | null;
  readonly latencyMs?: number;
  readonly gapsMs?: readonly number[];
  readonly status?: number;
  readonly lateMs?: number;
  readonly attempts?: number;
  readonly attemptsMs?: readonly number[];
  readonly class?: string;
  readonly turn?: number;
  /** Fields of the record, as they are. */
  readonly more?: Partial<RequestRecord>;
}

/** Evenly spaced arrivals, 10/s from −2 s to 60 s; `change` decides the outcome of each by its time. */
export function steadyLoad(
  change: (scheduledMs: number, index: number) => RequestChanges = () => ({}),
): RequestRecord[] {
  return Array.from({ length: 620 }, (_, i) => requestOf(i, i * 100 - 2000, change(i * 100 - 2000, i)));
}
