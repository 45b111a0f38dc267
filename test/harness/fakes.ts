import type { Clock } from '../../harness/clock.ts';
import type { Fault, LoadEngine, LoadJob, LoadProgress, Platform, RunningStack } from '../../harness/contracts.ts';
import { systemNetwork } from '../../harness/host/network.ts';
import type { MetricsSource } from '../../harness/metrics.ts';
import type { FaultPlan, RunPlan } from '../../harness/plan.ts';
import { NOTHING_YET } from '../../load/worker/sum.ts';

/** Load after 100 ms of warm-up. */
export const DRIVE_MS = 400;

export function planOf(faults: readonly FaultPlan[]): RunPlan {
  const ramp = (name: string, fromMs: number, toMs: number) => ({
    name,
    fromMs,
    toMs,
    fromPerSecond: 10,
    toPerSecond: 10,
  });
  return {
    scenario: 'fake',
    why: '',
    covers: [],
    platform: 'process',
    seed: 1,
    timeScale: 1,
    load: {
      engine: 'fake',
      arrivals: 'constant',
      ramps: [ramp('warm-up', -100, 0), ramp('1', 0, DRIVE_MS)],
      workload: { name: 'w', model: 'm', promptTokens: [1, 1], outputTokens: [1, 1] },
      maxInFlight: 1,
      connectTimeoutMs: 1,
      idleTimeoutMs: 1,
    },
    faults,
    slos: [],
    stack: {},
    arrivals: { count: 0, sha256: '' },
    replay: '',
  };
}

/** Calls of the fakes, in order. */
export type Journal = string[];

export function fakePlatform(journal: Journal, failure?: Error): Platform<null> {
  return {
    kind: 'fake',
    async up() {
      if (failure) throw failure;
      journal.push('up');
      return {
        network: systemNetwork,
        entryCertificate: undefined,
        entries: ['http://127.0.0.1:1'],
        authorization: '',
        proxyApiUrl: '',
        links: [],
        replicas: [],
        versions: {},
        probe: async () => ({ sentMs: 0, ttfbMs: 1 }),
        trace: () => Promise.reject(new Error('not traced')),
        protect: pid => journal.push(`protect ${pid}`),
        [Symbol.asyncDispose]: async () => void journal.push('down'),
      } satisfies RunningStack;
    },
  };
}

interface FakeLoadOptions {
  readonly warmUp?: LoadProgress['warmUp'];
  readonly notes?: LoadProgress['notes'] & {};
  readonly dies?: Error;
  /** When the last request ends, from the start. */
  readonly endsMs?: number;
}

export function fakeLoad(
  journal: Journal,
  clock: Clock,
  { warmUp = { completed: 9, failures: {} }, notes = [], dies, endsMs = DRIVE_MS }: FakeLoadOptions = {},
): LoadEngine {
  return {
    name: 'fake',
    async start(_job: LoadJob, chooseStart: () => number) {
      const startAtMs = chooseStart();
      const summary = { cpuMs: 1, wallMs: 2, peakRssBytes: 3 };
      const { promise: done, resolve, reject } = Promise.withResolvers<typeof summary>();
      const end = () => (dies ? reject(dies) : resolve(summary));
      void clock.sleep(startAtMs - clock.nowMs() + (dies ? 50 : endsMs)).then(end);
      return {
        pids: [77],
        startAtMs,
        done,
        progress: () => ({ ...NOTHING_YET, warmUp, notes }),
        stop() {
          journal.push('load stopped');
          resolve(summary);
        },
        [Symbol.asyncDispose]: async () => {},
      };
    },
  };
}

export function fakeFault(journal: Journal, clock: Clock, change: Partial<Fault> = {}): Fault {
  const step = (name: string) => async () => {
    journal.push(name);
    return { atMs: clock.nowMs(), evidence: name };
  };
  return {
    inject: async () => void journal.push('inject'),
    verifyEffect: step('verifyEffect'),
    heal: async () => void journal.push('heal'),
    verifyHealed: step('verifyHealed'),
    ...change,
  };
}

/** Records a round of samples at its start and another at its end. */
export function fakeMetrics(journal: Journal): MetricsSource {
  return {
    start({ stack, clock, record, startAtMs }) {
      journal.push(`sampling ${stack.entries}`);
      const round = (atMs: number) => record(atMs, { 'inference-1': { queue: Math.round(startAtMs - atMs) } });
      round(clock.nowMs());
      return {
        async [Symbol.asyncDispose]() {
          round(startAtMs + 5);
          journal.push('sampling ended');
        },
      };
    },
  };
}
