import type { LoadEngine } from '../harness/contracts.ts';
import type { LoadPlan } from '../harness/plan.ts';
import { autocannonEngine, MAX_PROBE_MS } from './autocannon/engine.ts';
import { k6Engine } from './k6/engine.ts';
import { supportsTarget } from './k6/script/plan.ts';
import { streamEngine } from './stream/engine.ts';

/** The engines, by the name that a scenario gives them. */
export const engines: Readonly<Record<EngineName, LoadEngine>> = {
  stream: streamEngine,
  k6: k6Engine(),
  autocannon: autocannonEngine,
};

/** Name of an engine. */
export type EngineName = 'stream' | 'k6' | 'autocannon';

/** What a scenario can say of its engine; `auto` is settled when it is compiled. */
export const ENGINE_NAMES = ['stream', 'k6', 'autocannon', 'auto'] as const;

/** One of {@link ENGINE_NAMES}. */
export type EngineChoice = (typeof ENGINE_NAMES)[number];

/** A part of a plan that its engine cannot carry out. */
export interface Unsupported {
  readonly field: string;
  readonly expected: string;
  readonly found: unknown;
}

/** What an engine can do; a scenario that asks for more is refused with the name of the field. */
export interface Capabilities {
  readonly arrivals: readonly string[];
  readonly workloads: readonly string[];
  /** Latencies of chat that it measures; `max(ttft)` without any would never be more than inconclusive. */
  readonly latencies: readonly string[];
  /** What its stages are for: arrivals (or users) of the plan, or connections that send as fast as they are answered. */
  readonly loop: 'arrivals' | 'connections';
  /** Clients that retry, leave, or are of several classes. */
  readonly clients: boolean;
  readonly sessions: boolean;
  /** Lengths and times of a recorded trace. */
  readonly trace: boolean;
  /** Who can have a partition of its load: processes of one machine, and runs. */
  readonly workers: boolean;
  readonly segments: boolean;
  /** Whether it can drive a target that is known by another name than where it listens, behind the fault proxy; or which. */
  readonly targets: true | ((target: URL) => boolean);
  readonly maxDurationMs: number;
  /** What else of a plan it cannot carry out. */
  readonly unsupported: (plan: LoadPlan) => readonly Unsupported[];
}

/** What an engine of somebody else's makes can do at least. */
const SIMPLE = {
  clients: false,
  sessions: false,
  trace: false,
  workers: false,
  segments: false,
  targets: true,
  unsupported: () => [],
} as const;

/** What each engine can do. */
export const CAPABILITIES: Readonly<Record<EngineName, Capabilities>> = {
  stream: {
    arrivals: ['constant', 'poisson', 'gamma', 'trace', 'closed'],
    workloads: ['chat', 'http'],
    latencies: ['ttft', 'itl', 'latency'],
    loop: 'arrivals',
    clients: true,
    sessions: true,
    trace: true,
    workers: true,
    segments: true,
    targets: true,
    maxDurationMs: Number.POSITIVE_INFINITY,
    unsupported: () => [],
  },
  k6: {
    ...SIMPLE,
    arrivals: ['constant', 'closed'],
    workloads: ['chat', 'http'],
    latencies: ['latency'],
    loop: 'arrivals',
    // Its virtual users run on all cores of a machine as it is.
    segments: true,
    targets: supportsTarget,
    maxDurationMs: Number.POSITIVE_INFINITY,
  },
  autocannon: {
    ...SIMPLE,
    // Those that a scenario has when it says nothing; connections wait for none.
    arrivals: ['constant', 'poisson'],
    workloads: ['chat', 'http'],
    latencies: ['latency'],
    loop: 'connections',
    targets: ({ protocol }) => protocol === 'http:',
    maxDurationMs: MAX_PROBE_MS,
    unsupported: unsupportedByAutocannon,
  },
};

/** Whether an engine's stages have no rates, but are for connections in a closed loop. */
export function needsConnections(engine: EngineChoice): boolean {
  return engine !== 'auto' && CAPABILITIES[engine].loop === 'connections';
}

/** autocannon's timeout, which is for the whole answer, is a second at least. */
const MIN_TIMEOUT_MS = 1000;

/** What a probe would judge wrongly; see `autocannon/probe.ts`. */
function unsupportedByAutocannon({ workload, idleTimeoutMs }: LoadPlan): Unsupported[] {
  const method = workload.kind === 'http' ? workload.method : 'POST';
  return [
    ...(method === 'HEAD' ? [{ field: 'load.workload.method', expected: 'another than HEAD', found: method }] : []),
    ...(idleTimeoutMs < MIN_TIMEOUT_MS
      ? [{ field: 'load.idleTimeout', expected: 'at least 1 s', found: `${idleTimeoutMs} ms` }]
      : []),
  ];
}
