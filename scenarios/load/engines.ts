import type { LoadEngine } from '../../harness/contracts.ts';
import type { LoadPlan, SloPlan } from '../../harness/plan.ts';
import { parseObjective } from '../../reports/objective.ts';
import { autocannonEngine, LONGEST_PROBE_MS } from './autocannon.ts';
import { hasK6 } from './k6/find.ts';
import { k6Engine } from './k6.ts';
import { streamEngine } from './stream.ts';

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

/** What an engine can do; a scenario that asks for more is refused with the name of the field. */
interface Capabilities {
  readonly arrivals: readonly string[];
  readonly workloads: readonly string[];
  /** Latencies that it measures; `max(ttft)` without any would never be more than inconclusive. */
  readonly latencies: readonly string[];
  /** Stages with a rate, or connections that send as fast as they are answered. */
  readonly loop: 'open' | 'closed';
  readonly longestMs: number;
}

const CAN: Readonly<Record<EngineName, Capabilities>> = {
  stream: {
    arrivals: ['constant', 'poisson'],
    workloads: ['chat'],
    latencies: ['ttft', 'itl', 'latency'],
    loop: 'open',
    longestMs: Number.POSITIVE_INFINITY,
  },
  k6: {
    arrivals: ['constant'],
    workloads: ['chat'],
    latencies: ['latency'],
    loop: 'open',
    longestMs: Number.POSITIVE_INFINITY,
  },
  autocannon: {
    arrivals: ['constant', 'poisson'],
    workloads: ['chat'],
    latencies: ['latency'],
    loop: 'closed',
    longestMs: LONGEST_PROBE_MS,
  },
};

/** Where k6's cost for a request begins to matter more than one clock for everything, in arrivals a second. */
const HIGH_RATE_PER_SECOND = 500;

/** A part of a scenario that its engine cannot carry out. */
export interface Refusal {
  readonly field: string;
  readonly expected: string;
  readonly found: unknown;
}

/**
 * What a plan asks of an engine that it cannot do; empty when it can do everything.
 *
 * | engine | loop | arrivals | measures |
 * |---|---|---|---|
 * | stream | open | constant, poisson | first token, gaps, latency |
 * | k6 | open | constant | latency |
 * | autocannon | closed, at most 60 s | as fast as answers come | latency, not from a schedule |
 */
export function refusalsOf(engine: EngineName, load: LoadPlan, slos: readonly SloPlan[]): Refusal[] {
  const can = CAN[engine];
  const refusals: Refusal[] = [];
  const require = (met: boolean, field: string, expected: string, found: unknown) => {
    if (!met) refusals.push({ field, expected: `${expected} with the engine ${engine}`, found });
  };
  const arrivals = kindOf(load.arrivals, 'constant');
  const workload = kindOf(load.workload, 'chat');
  const durationMs = load.segments.at(-1)?.toMs ?? 0;
  require(can.arrivals.includes(arrivals), 'load.arrivals', can.arrivals.join(' or '), load.arrivals);
  require(can.workloads.includes(workload), 'load.workload', `of kind ${can.workloads.join(' or ')}`, workload);
  require(durationMs <=
    can.longestMs, 'load.stages', `at most ${can.longestMs / 1000} s long`, `${durationMs / 1000} s`);
  if (engine !== 'stream') {
    const { clients, trace } = load as { readonly clients?: unknown; readonly trace?: unknown };
    require(clients === undefined, 'load.clients', 'left out', clients);
    require(trace === undefined, 'load.trace', 'left out', trace);
  }
  if (can.loop === 'open') require(load.connections === undefined, 'load.connections', 'left out', load.connections);
  else require(load.connections !== undefined, 'load.connections', 'a number of connections', load.connections);
  for (const [index, { objective }] of slos.entries()) {
    const metric = latencyOf(objective, `slos[${index}].objective`);
    const known = metric === undefined || can.latencies.includes(metric);
    require(known, `slos[${index}].objective`, `on ${can.latencies.join(', ')}`, objective);
  }
  return refusals;
}

/** Whether an engine's stages have rates, or are for connections in a closed loop. */
export function isClosedLoop(engine: (typeof ENGINE_NAMES)[number]): boolean {
  return engine !== 'auto' && CAN[engine].loop === 'closed';
}

/**
 * What `engine: auto` means for a plan: `stream` for token streams, and for plain HTTP up to 500 arrivals a second or where k6
 * is not found or cannot do what is asked; else `k6`.
 * @param k6 whether there is one
 */
export function chooseEngine(load: LoadPlan, slos: readonly SloPlan[], k6: () => boolean = hasK6): EngineName {
  const mostPerSecond = Math.max(...load.segments.map(s => Math.max(s.fromPerSecond, s.toPerSecond)));
  const isPlain = kindOf(load.workload, 'chat') !== 'chat';
  const wantsK6 = isPlain && mostPerSecond > HIGH_RATE_PER_SECOND && refusalsOf('k6', load, slos).length === 0;
  return wantsK6 && k6() ? 'k6' : 'stream';
}

function kindOf(value: unknown, unnamed: string): string {
  if (typeof value === 'string') return value;
  return String((value as { readonly kind?: unknown }).kind ?? unnamed);
}

function latencyOf(objective: string, field: string): string | undefined {
  const parsed = parseObjective(objective, field);
  return parsed.kind === 'quantile' || parsed.kind === 'maximum' ? parsed.metric : undefined;
}
