import type { RenderInput, TimelineSeries } from '../../../../reports/store/run-document.ts';
import { attackedRun } from './attacked-run.ts';
import { hostileRun, longRun } from './extreme-runs.ts';
import { changed, passingRun } from './fixture.ts';
import { measuredRun } from './measured-run.ts';
import { retriedRun } from './retried-run.ts';

const NO_SAMPLES: TimelineSeries = {
  slotMs: 1000,
  ttftP50Ms: [],
  ttftP90Ms: [],
  ttftP99Ms: [],
  latencyP50Ms: [],
  latencyP99Ms: [],
  offered: [],
  completed: [],
  failed: [],
  dropped: [],
  ready: {},
};
const NO_QUANTILES = { p50: null, p90: null, p95: null, p99: null, p999: null, max: null };
const NO_LOAD = {
  engine: 'stream',
  offered: 0,
  sent: 0,
  completed: 0,
  failed: 0,
  dropped: 0,
  lateMsP99: null,
  cpuCores: null,
};

/** Drops and failures in number, one objective missed, one undecided, a latency peak, no finite upper bound. */
export function failingRun(): RenderInput {
  const run = passingRun();
  const at = (values: readonly (number | null)[], change: (value: number) => number) =>
    values.map((value, second) => (second >= 24 && second < 31 && value !== null ? change(value) : value));
  const [first, errors, recovery] = run.document.slos;
  return changed(
    run,
    {
      verdict: 'fail',
      exitCode: 1,
      reasons: ['“errors stay rare” failed: its lower bound 6.1 % misses the objective of 1 %.'],
      load: { ...run.document.load, completed: 1980, failed: 160, dropped: 53 },
      slos: [
        {
          ...first!,
          measured: 3120,
          confidence: { level: 0.95, lower: 640, upper: null },
          verdict: 'inconclusive',
          reason: 'With 12 samples no upper bound exists at this level.',
          samples: 12,
        },
        {
          ...errors!,
          measured: 7.3,
          confidence: { level: 0.95, lower: 6.1, upper: 8.7 },
          verdict: 'fail',
          reason: 'The lower bound 6.1 % misses the objective.',
        },
        { ...recovery!, measured: null, verdict: 'fail', reason: 'The first token never came back to its baseline.' },
        {
          ...first!,
          name: 'available',
          objective: 'availability >= 99.95%',
          window: 'whole',
          measured: 97.12,
          unit: '%',
          confidence: { level: 0.95, lower: 96.44, upper: 97.71 },
          verdict: 'fail',
          reason: 'The upper bound 97.7 % misses the objective.',
        },
      ],
      faults: run.document.faults.map(fault =>
        fault.id === 'kill' ? { ...fault, healedAtMs: null, healVerified: false } : fault,
      ),
      scaling: [
        {
          trigger: 'load:hold',
          stepAtMs: 20_000,
          signalAtMs: 22_500,
          decidedAtMs: 23_000,
          startedAtMs: 23_400,
          readyAtMs: 29_400,
          firstServedAtMs: 29_900,
          restoredAtMs: 33_000,
        },
        {
          trigger: 'kill',
          stepAtMs: 24_000,
          signalAtMs: 26_000,
          decidedAtMs: null,
          startedAtMs: null,
          readyAtMs: null,
          firstServedAtMs: null,
          restoredAtMs: null,
        },
      ],
    },
    {
      timeline: {
        ...run.timeline,
        ttftP99Ms: at(run.timeline.ttftP99Ms, value => value * 9).map((value, second) =>
          second === 27 ? null : value,
        ),
        failed: run.timeline.failed.map((value, second) => (second >= 24 && second < 31 ? 14 + (second % 3) : value)),
        dropped: run.timeline.dropped.map((_, second) => (second >= 26 && second < 30 ? 13 : 0)),
        completed: run.timeline.completed.map((value, second) => (second >= 24 && second < 31 ? value - 24 : value)),
      },
    },
  );
}

/** Stopped by a person at 18 s, under the first fault. */
export function interruptedRun(): RenderInput {
  const run = passingRun();
  const cut = (values: readonly number[]) => values.slice(0, 18);
  const { timeline } = run;
  return changed(
    run,
    {
      verdict: 'inconclusive',
      interrupted: true,
      exitCode: 130,
      durationMs: 24_870,
      reasons: ['Stopped by SIGINT at 18 s.'],
      windows: run.document.windows.slice(0, 3),
      slos: run.document.slos.map(slo => ({
        ...slo,
        measured: null,
        confidence: { ...slo.confidence, lower: null, upper: null },
        samples: 0,
        verdict: 'inconclusive',
        reason: 'Its window never came.',
      })),
      faults: [
        { ...run.document.faults[0]!, healedAtMs: null, healVerified: false },
        {
          ...run.document.faults[1]!,
          injectedAtMs: null,
          bitAtMs: null,
          healedAtMs: null,
          evidence: '',
          healVerified: false,
        },
      ],
    },
    {
      timeline: {
        slotMs: 1000,
        ttftP50Ms: timeline.ttftP50Ms.slice(0, 18),
        ttftP90Ms: timeline.ttftP90Ms.slice(0, 18),
        ttftP99Ms: timeline.ttftP99Ms.slice(0, 18),
        latencyP50Ms: timeline.latencyP50Ms.slice(0, 18),
        latencyP99Ms: timeline.latencyP99Ms.slice(0, 18),
        offered: cut(timeline.offered),
        completed: cut(timeline.completed),
        failed: cut(timeline.failed),
        dropped: cut(timeline.dropped),
        ready: Object.fromEntries(Object.entries(timeline.ready).map(([service, counts]) => [service, cut(counts)])),
      },
    },
  );
}

/** Aborted while the stack came up: no windows, no objectives, nothing sent. */
function abortedRun(): RenderInput {
  const run = passingRun();
  return changed(
    run,
    {
      verdict: 'invalid',
      exitCode: 4,
      reasons: ['inference-3 did not become ready within 30 s.'],
      durationMs: 30_412,
      load: NO_LOAD,
      windows: [],
      slos: [],
      faults: [],
      versions: {},
      artifacts: {},
    },
    { timeline: NO_SAMPLES, events: [] },
  );
}

/** Driven, but nothing was ever due. */
function emptyRun(): RenderInput {
  const run = passingRun();
  const none = run.timeline.offered.map(() => null);
  const zero = run.timeline.offered.map(() => 0);
  return changed(
    run,
    {
      verdict: 'inconclusive',
      exitCode: 2,
      timeScale: 1,
      reasons: ['No objective has enough samples.'],
      load: NO_LOAD,
      windows: [
        {
          name: 'whole',
          fromMs: 0,
          toMs: 45_000,
          requests: 0,
          failed: 0,
          dropped: 0,
          errors: {},
          latencyMs: NO_QUANTILES,
          ttftMs: NO_QUANTILES,
          itlMs: NO_QUANTILES,
        },
      ],
      slos: run.document.slos.map(slo => ({
        ...slo,
        measured: null,
        confidence: { level: 0.95, lower: null, upper: null },
        samples: 0,
        verdict: 'inconclusive',
        reason: 'The window is empty.',
      })),
    },
    {
      timeline: {
        slotMs: 1000,
        ttftP50Ms: none,
        ttftP90Ms: none,
        ttftP99Ms: none,
        latencyP50Ms: none,
        latencyP99Ms: none,
        offered: zero,
        completed: zero,
        failed: zero,
        dropped: zero,
        ready: {},
      },
    },
  );
}

/** Many faults at once, one of which never bit, and a guard that objected. */
function invalidRun(): RenderInput {
  const run = passingRun();
  const [slow] = run.document.faults;
  const crowd = Array.from({ length: 9 }, (_, index) => ({
    ...slow!,
    id: `partition-zone-${index}`,
    injectedAtMs: 14_000 + index * 900,
    bitAtMs: index === 4 ? null : 14_100 + index * 900,
    healedAtMs: index === 4 ? null : 30_000 + index * 1500,
  }));
  return changed(
    run,
    {
      verdict: 'invalid',
      exitCode: 2,
      reasons: [
        'partition-zone-4 never bit: no probe through the link failed.',
        'The load generator was late: P99 412 ms.',
      ],
      faults: crowd,
      load: { ...run.document.load, lateMsP99: 412, cpuCores: 1.04 },
    },
    {
      events: [
        ...run.events,
        { atMs: 45_000, kind: 'invalid', text: 'The load generator was late: P99 412 ms, allowed 50 ms.' },
      ],
    },
  );
}

/** Every variant by name. */
export const VARIANTS: Readonly<Record<string, () => RenderInput>> = {
  passing: passingRun,
  measured: measuredRun,
  attacked: attackedRun,
  retried: () => retriedRun(),
  failing: failingRun,
  interrupted: interruptedRun,
  aborted: abortedRun,
  empty: emptyRun,
  invalid: invalidRun,
  hostile: hostileRun,
  long: longRun,
};
