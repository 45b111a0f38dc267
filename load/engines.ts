import type { LoadEngine } from '../harness/contracts.ts';
import type { LoadPlan } from '../harness/plan.ts';
import { autocannonEngine, MAX_PROBE_MS } from './autocannon/engine.ts';
import { k6Engine } from './k6/engine.ts';
import { supportsTarget } from './k6/script/plan.ts';
import { streamEngine } from './stream/engine.ts';

/** Load engines by the name that a scenario uses. */
export const engines: Readonly<Record<EngineName, LoadEngine>> = {
  stream: streamEngine,
  k6: k6Engine(),
  autocannon: autocannonEngine,
};

/** Values of `load.engine`; `auto` is resolved when a scenario is compiled. */
export const ENGINE_NAMES = ['stream', 'k6', 'autocannon', 'auto'] as const;

/** One of {@link ENGINE_NAMES}. */
export type EngineChoice = (typeof ENGINE_NAMES)[number];

/** Name of an engine. */
export type EngineName = Exclude<EngineChoice, 'auto'>;

/** Part of a plan that its engine does not support. */
export interface Unsupported {
  readonly field: string;
  readonly expected: string;
  readonly found: unknown;
}

/** Capabilities of an engine. Every engine sends chat and plain HTTP. */
export interface Capabilities {
  readonly arrivals: readonly string[];
  /** Latencies of chat that it measures; an SLO on another would never be more than inconclusive. */
  readonly latencies: readonly string[];
  /** Meaning of its stages: arrivals (or users) of the plan, or connections that send as fast as responses arrive. */
  readonly loop: 'arrivals' | 'connections';
  /** Clients with connections of their own, retries, timeouts or several classes. */
  readonly clients: boolean;
  readonly sessions: boolean;
  /** Lengths and times of a recorded trace. */
  readonly trace: boolean;
  /** Partitions of its load: for several processes on one machine, and for several runs. */
  readonly workers: boolean;
  readonly segments: boolean;
  /** Whether it supports a target whose name differs from the address that it connects to, behind the fault proxy. */
  readonly targets: (target: URL) => boolean;
  readonly maxDurationMs: number;
  /** Other parts of a plan that it does not support. */
  readonly unsupported: (plan: LoadPlan) => readonly Unsupported[];
}

const STREAM: Capabilities = {
  arrivals: ['constant', 'poisson', 'gamma', 'trace', 'closed'],
  latencies: ['ttft', 'itl', 'tpot', 'latency'],
  loop: 'arrivals',
  clients: true,
  sessions: true,
  trace: true,
  workers: true,
  segments: true,
  targets: () => true,
  maxDurationMs: Number.POSITIVE_INFINITY,
  unsupported: () => [],
};

const K6: Capabilities = {
  ...STREAM,
  arrivals: ['constant', 'closed'],
  latencies: ['latency'],
  clients: false,
  sessions: false,
  trace: false,
  // A single k6 uses all cores.
  workers: false,
  targets: supportsTarget,
};

/** Capabilities of each engine. */
export const CAPABILITIES: Readonly<Record<EngineName, Capabilities>> = {
  stream: STREAM,
  k6: K6,
  autocannon: {
    ...K6,
    // The defaults of a scenario, which have no effect on connections.
    arrivals: ['constant', 'poisson'],
    loop: 'connections',
    segments: false,
    targets: ({ protocol }) => protocol === 'http:',
    maxDurationMs: MAX_PROBE_MS,
    unsupported: unsupportedByAutocannon,
  },
};

/** Whether stages of an engine have no rates, since its connections form a closed loop. */
export function needsConnections(engine: EngineChoice): boolean {
  return engine !== 'auto' && CAPABILITIES[engine].loop === 'connections';
}

/** Minimum timeout of autocannon, which is for the complete response. */
const MIN_TIMEOUT_MS = 1000;

/** What autocannon would measure wrongly; see `autocannon/probe.ts`. */
function unsupportedByAutocannon({ workload, idleTimeoutMs }: LoadPlan): Unsupported[] {
  const unsupported: Unsupported[] = [];
  if (workload.kind === 'http' && workload.method === 'HEAD')
    unsupported.push({ field: 'load.workload.method', expected: 'a method other than HEAD', found: 'HEAD' });
  if (idleTimeoutMs < MIN_TIMEOUT_MS)
    unsupported.push({ field: 'load.idleTimeout', expected: 'at least 1 s', found: `${idleTimeoutMs} ms` });
  return unsupported;
}
