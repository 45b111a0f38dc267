import { type FaultPlan, loadEndMs, type RunPlan } from '../../../../harness/plan.ts';
import type {
  EventRow,
  FaultResult,
  RenderInput,
  RunDocument,
  SloResult,
} from '../../../../reports/store/run-document.ts';
import { curvesOf, notableOf, simulate, timelineOf, windowOf } from './simulated-run.ts';

const FAULTS: readonly FaultPlan[] = [
  {
    id: 'slow-link',
    kind: 'latency',
    target: 'gateway→inference-1',
    atMs: 12_000,
    forMs: 8000,
    parameters: { latencyMs: 200, jitterMs: 50 },
  },
  { id: 'kill', kind: 'kill', target: 'inference-2', atMs: 24_000, forMs: null, parameters: {} },
];

/** Plan of the simulated run: 45 s, ramps to 40/s and 60/s, a slow link and a killed replica. */
export const plan: RunPlan = {
  scenario: 'node-loss',
  why: 'An inference node dies under ramped load while one link is slow. TTFT must stay within 800 ms, and fewer than 1% of requests may fail.',
  covers: [
    'A2.9 Load balancing over inference replicas',
    'A6.1 Process level: supervisor restarts with backoff.',
    'OWN-7',
  ],
  platform: 'process',
  seed: 42,
  timeScale: 20,
  load: {
    engine: 'stream',
    arrivals: 'poisson',
    ramps: [
      { name: 'ramp', fromMs: 0, toMs: 10_000, fromPerSecond: 0, toPerSecond: 40 },
      { name: 'climb', fromMs: 10_000, toMs: 20_000, fromPerSecond: 40, toPerSecond: 60 },
      { name: 'hold', fromMs: 20_000, toMs: 45_000, fromPerSecond: 60, toPerSecond: 60 },
    ],
    workload: { name: 'chat-short', model: 'qwen3-8b-fp8-h100', promptTokens: [64, 512], outputTokens: [24, 96] },
    maxInFlight: 512,
    connectTimeoutMs: 2000,
    idleTimeoutMs: 10_000,
  },
  faults: FAULTS,
  slos: [],
  stack: { gateway: { replicas: 2 }, inference: { replicas: 3 } },
  arrivals: { count: 2193, sha256: '8f1c2a7be0d94653b1a0c9d7e6f5443322110fedcba98765432100ffeeddccbb' },
  replay: 'npx squall run node-loss --seed 42',
};

const FAULT_RESULTS: readonly FaultResult[] = [
  {
    id: 'slow-link',
    kind: 'latency',
    target: 'gateway→inference-1',
    parameters: { latencyMs: 200, jitterMs: 50 },
    injectedAtMs: 12_004,
    effectiveAtMs: 12_231,
    evidence: 'A probe through the link took 214 ms, at most 12 ms before; after healing it took 1.9 ms.',
    healedAtMs: 20_118,
    healVerified: true,
  },
  {
    id: 'kill',
    kind: 'kill',
    target: 'inference-2',
    parameters: {},
    injectedAtMs: 24_002,
    effectiveAtMs: 24_019,
    evidence: 'Process 41877 has exited and its port refuses connections; ready again as process 42103.',
    healedAtMs: 31_240,
    healVerified: true,
  },
];

const SLOS: readonly SloResult[] = [
  {
    name: 'TTFT during node loss',
    window: 'fault:kill',
    objective: 'p99(ttft) <= 800 ms',
    measured: 412.3,
    unit: 'ms',
    confidence: { level: 0.95, lower: 380.1, upper: 455 },
    samples: 427,
    verdict: 'pass',
    reason: 'The whole interval of p99(ttft) meets the objective.',
  },
  {
    name: 'error rate',
    window: 'whole',
    objective: 'errors <= 1%',
    measured: 0.23,
    unit: '%',
    confidence: { level: 0.95, lower: 0.09, upper: 0.48 },
    samples: 2193,
    verdict: 'pass',
    reason: 'The whole interval of errors meets the objective.',
  },
  {
    name: 'recovery from node loss',
    window: 'recovery:kill',
    objective: 'recovery(kill) <= 10 s',
    measured: 1920,
    unit: 'ms',
    confidence: { level: 0.95, lower: null, upper: null },
    samples: 1,
    verdict: 'pass',
    reason: 'Back to normal 1.92 s after the onset, to within 1 s.',
  },
];

const EVENTS: readonly EventRow[] = [
  { atMs: -6203.114, kind: 'phase', text: 'up' },
  { atMs: -4120.5, kind: 'replica', text: 'inference-1 starting → ready' },
  { atMs: -4098.25, kind: 'replica', text: 'inference-2 starting → ready' },
  { atMs: -4051, kind: 'replica', text: 'inference-3 starting → ready' },
  { atMs: -3000, kind: 'phase', text: 'warm-up' },
  { atMs: 0, kind: 'phase', text: 'load' },
  { atMs: 12_004, kind: 'fault', text: 'slow-link injected: latency 200 ms ± 50 ms on gateway→inference-1' },
  {
    atMs: 12_231,
    kind: 'fault',
    text: 'slow-link took effect: a probe through the link took 214 ms, at most 12 ms before',
  },
  { atMs: 20_118, kind: 'fault', text: 'slow-link recovered: a probe through the link took 1.9 ms' },
  { atMs: 24_002, kind: 'fault', text: 'kill injected: SIGKILL to the process group of inference-2' },
  { atMs: 24_019, kind: 'replica', text: 'inference-2 ready → exited (SIGKILL)' },
  { atMs: 24_020, kind: 'fault', text: 'kill took effect: process 41877 has exited and its port refuses connections' },
  { atMs: 31_240, kind: 'replica', text: 'inference-2 starting → ready' },
  { atMs: 31_240, kind: 'fault', text: 'kill recovered: inference-2 is ready as process 42103' },
  { atMs: 45_000, kind: 'phase', text: 'drain' },
  { atMs: 46_480.331, kind: 'phase', text: 'down' },
];

/** Realistic run that passes; the same for every call. */
export function passingRun(): RenderInput {
  const samples = simulate(plan.load.ramps, FAULTS);
  const failed = samples.filter(({ error }) => error !== null).length;
  const windows = [
    ['baseline', 0, 12_231],
    ['load:ramp', 0, 10_000],
    ['load:climb', 10_000, 20_000],
    ['load:hold', 20_000, 45_000],
    ['fault:slow-link', 12_231, 20_118],
    ['recovery:slow-link', 20_118, 24_019],
    ['fault:kill', 24_019, 31_240],
    ['recovery:kill', 31_240, 45_000],
    ['whole', 0, 45_000],
  ] as const;
  return {
    plan,
    timeline: timelineOf(samples, loadEndMs(plan)),
    distributions: curvesOf(samples),
    notable: notableOf(samples),
    events: EVENTS,
    decisions: [],
    document: {
      schema: 1,
      id: '20260504-102107-node-loss-42',
      scenario: 'node-loss',
      platform: 'process',
      seed: 42,
      timeScale: 20,
      verdict: 'pass',
      interrupted: false,
      exitCode: 0,
      reasons: [],
      replay: plan.replay,
      startedAt: '2026-05-04T10:21:07.412Z',
      durationMs: 53_917,
      machine: { cpu: 'AMD EPYC 7763', cpus: 16, memoryBytes: 67_430_000_000, os: 'linux 6.8.0', hostname: 'runner-7' },
      versions: { squall: '0.1.0', node: '24.21.0', toxiproxy: 'embedded' },
      load: {
        engine: 'stream',
        offered: samples.length,
        sent: samples.length,
        completed: samples.length - failed,
        failed,
        dropped: 0,
        lateMsP99: 0.84,
        cpuCores: 0.31,
      },
      warnings: [],
      windows: windows.map(([name, fromMs, toMs]) => windowOf(name, fromMs, toMs, samples)),
      slos: SLOS,
      faults: FAULT_RESULTS,
      artifacts: {
        html: 'report.html',
        document: 'run.json',
        junit: 'junit.xml',
        markdown: 'summary.md',
        events: 'events.ndjson',
        requests: 'requests.parquet',
        log: 'logs/inference-2.log',
      },
    },
  };
}

/** Run with parts of its document, and of the other input, replaced. */
export function changed(
  input: RenderInput,
  document: Partial<RunDocument>,
  rest: Partial<RenderInput> = {},
): RenderInput {
  return { ...input, ...rest, document: { ...input.document, ...document } };
}
