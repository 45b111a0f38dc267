import type { RenderInput } from '../../../../reports/store/run-document.ts';
import { MANY_FAILURES, NO_LOAD, NO_QUANTILES, NO_SAMPLES, NOTHING } from './absent-parts.ts';
import { attackedRun } from './attacked-run.ts';
import { hostileRun, longRun } from './extreme-runs.ts';
import { changed, passingRun } from './fixture.ts';
import { JUDGED } from './judged-runs.ts';
import { measuredRun } from './measured-run.ts';
import { notedRun } from './noted-run.ts';
import { retriedRun } from './retried-run.ts';
import { DECISIONS, SCALED } from './scaled-run.ts';

/** Many drops and failures, SLOs missed and inconclusive, a latency peak, no finite upper bound. */
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
      reasons: ['error rate: The whole interval of errors misses the objective.'],
      load: { ...run.document.load, completed: 1980, failed: 160, dropped: 53 },
      slos: [
        {
          ...first!,
          measured: 3120,
          confidence: { level: 0.95, lower: 640, upper: null },
          verdict: 'inconclusive',
          reason: 'Too few samples: p99 has no upper bound below 299 requests, the window has 12.',
          samples: 12,
        },
        {
          ...errors!,
          measured: 7.3,
          confidence: { level: 0.95, lower: 6.1, upper: 8.7 },
          verdict: 'fail',
          reason: 'The whole interval of errors misses the objective.',
        },
        {
          ...recovery!,
          measured: null,
          verdict: 'fail',
          reason:
            'Not recovered when the observation ended, 21 s after the onset: recovery from the fault was not observed.',
        },
        {
          ...first!,
          name: 'availability',
          objective: 'availability >= 99.95%',
          window: 'whole',
          measured: 97.12,
          unit: '%',
          confidence: { level: 0.95, lower: 96.44, upper: 97.71 },
          verdict: 'fail',
          reason: 'The whole interval of availability misses the objective.',
        },
      ],
      faults: run.document.faults.map(fault =>
        fault.id === 'kill' ? { ...fault, healedAtMs: null, healVerified: false } : fault,
      ),
      ...SCALED,
    },
    {
      decisions: DECISIONS,
      timeline: {
        ...run.timeline,
        replicas: {
          desired: run.timeline.offered.map((_, second) => (second < 23 ? 3 : 5)),
          existing: run.timeline.offered.map((_, second) => (second < 23 ? 3 : 5)),
          ready: run.timeline.offered.map((_, second) => (second < 29 ? 3 : 5)),
        },
        ttftP99Ms: at(run.timeline.ttftP99Ms, value => value * 9).map((value, second) =>
          second === 27 ? null : value,
        ),
        failures: MANY_FAILURES,
        completed: run.timeline.completed.map((value, second) => (second >= 24 && second < 31 ? value - 24 : value)),
      },
    },
  );
}

/** Interrupted at 18 s, during the first fault. */
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
      reasons: ['The run was interrupted by SIGINT.'],
      windows: run.document.windows.slice(0, 3),
      slos: run.document.slos.map(slo => ({
        ...slo,
        measured: null,
        confidence: { ...slo.confidence, lower: null, upper: null },
        samples: 0,
        verdict: 'inconclusive',
        reason: 'The window whole has no requests.',
      })),
      faults: [
        { ...run.document.faults[0]!, healedAtMs: null, healVerified: false },
        {
          ...run.document.faults[1]!,
          injectedAtMs: null,
          effectiveAtMs: null,
          healedAtMs: null,
          evidence: '',
          healVerified: false,
        },
      ],
    },
    {
      timeline: {
        ...(Object.fromEntries(
          Object.entries(timeline).map(([name, values]) => [
            name,
            Array.isArray(values) ? values.slice(0, 18) : values,
          ]),
        ) as typeof timeline),
        failures: [],
        ready: Object.fromEntries(Object.entries(timeline.ready).map(([service, counts]) => [service, cut(counts)])),
      },
    },
  );
}

/** Aborted during startup of the stack: no windows, no SLOs, nothing sent. */
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
    { ...NOTHING, timeline: NO_SAMPLES, events: [] },
  );
}

/** Complete, but without any scheduled request. */
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
      reasons: ['error rate: No request fell into the window whole.'],
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
          tpotMs: NO_QUANTILES,
          without: { ttft: 0, latency: 0 },
        },
      ],
      slos: run.document.slos.map(slo => ({
        ...slo,
        measured: null,
        confidence: { level: 0.95, lower: null, upper: null },
        samples: 0,
        verdict: 'inconclusive',
        reason: 'No request fell into the window whole.',
      })),
    },
    {
      ...NOTHING,
      timeline: {
        ...NO_SAMPLES,
        ttftP50Ms: none,
        ttftP90Ms: none,
        ttftP99Ms: none,
        latencyP50Ms: none,
        latencyP90Ms: none,
        latencyP99Ms: none,
        itlP50Ms: none,
        itlP99Ms: none,
        offered: zero,
        sent: zero,
        completed: zero,
        tokens: zero,
        inFlight: zero,
      },
    },
  );
}

/** Many faults at once, one of them without effect, and a failed guard. */
function invalidRun(): RenderInput {
  const run = passingRun();
  const [slow] = run.document.faults;
  const crowd = Array.from({ length: 9 }, (_, index) => ({
    ...slow!,
    id: `partition-zone-${index}`,
    injectedAtMs: 14_000 + index * 900,
    effectiveAtMs: index === 4 ? null : 14_100 + index * 900,
    healedAtMs: index === 4 ? null : 30_000 + index * 1500,
  }));
  return changed(
    run,
    {
      verdict: 'invalid',
      exitCode: 2,
      reasons: [
        'Fault partition-zone-4 had no observable effect: nothing observed within 5 s.',
        'P99 send lateness 412 ms exceeds the limit of 100 ms.',
      ],
      faults: crowd,
      load: { ...run.document.load, lateMsP99: 412, cpuCores: 1.04 },
    },
    {
      events: [
        ...run.events,
        { atMs: 45_000, kind: 'invalid', text: 'generator: P99 send lateness 412 ms exceeds the limit of 100 ms.' },
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
  noted: notedRun,
  failing: failingRun,
  interrupted: interruptedRun,
  aborted: abortedRun,
  empty: emptyRun,
  invalid: invalidRun,
  hostile: hostileRun,
  long: longRun,
  judged: JUDGED.fail!,
};
