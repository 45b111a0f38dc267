import type { ArrivalProcess, Ramp } from '../../harness/arrivals/arrivals.ts';
import { maxUsers } from '../../harness/arrivals/closed.ts';
import type { LoadPlan } from '../../harness/plan.ts';
import { MAX_WAIT_MS } from '../../harness/quantity.ts';
import { type EngineChoice, needsConnections } from '../../load/engines.ts';
import { isClosed, isReplay } from '../../load/schedule.ts';
import { badScenario } from '../bad-scenario.ts';
import { compileClients } from './compile-clients.ts';
import { compileStages, type Loop } from './compile-stages.ts';
import { type CompiledTrace, compileTrace } from './compile-trace.ts';
import { compileWorkload } from './compile-workload.ts';
import type { ResolvedLoad } from './schema.ts';

/** What a load stands in. */
export interface CompileLoad {
  readonly engine: EngineChoice;
  /** What requests ask for where the scenario does not say. */
  readonly model: string;
  /** Where relative paths begin. */
  readonly folder: string;
}

/**
 * Turns the `load` section of a scenario into a plan. Reads the trace, if there is one.
 * @throws SquallError that names the field
 */
export function compileLoad(load: ResolvedLoad, { engine, model, folder }: CompileLoad): LoadPlan {
  const arrivals = compileArrivals(load.arrivals);
  const loop: Loop = needsConnections(engine) ? 'connections' : isClosed(arrivals) ? 'users' : 'rates';
  const trace = load.trace && compileTrace(load.trace, folder);
  const stages = isReplay(arrivals) ? replayStages(load, trace) : compileStages(requireStages(load), loop);
  const context = { model: load.model ?? model, hasTrace: trace !== undefined, isReplay: isReplay(arrivals) };
  const workload = compileWorkload(load.workload, context);
  const clients = load.clients && compileClients(load.clients, workload, context);
  const most = maxUsers(stages);
  if (most > load.maxInFlight) throw badScenario('load.maxInFlight', `at least the ${most} users`, load.maxInFlight);
  const ramps = [warmUpOf(load, stages, loop, isReplay(arrivals) ? trace : undefined), ...stages];
  requireWaitable(ramps, isReplay(arrivals) ? 'load.trace' : 'load.stages');
  return {
    engine,
    arrivals,
    ramps,
    workload,
    ...(trace && { trace: trace.plan }),
    ...(clients && { clients }),
    ...(load.connections !== undefined && { connections: load.connections }),
    ...(!load.keepAlive && { keepAlive: false }),
    maxInFlight: load.maxInFlight,
    connectTimeoutMs: load.connectTimeout,
    idleTimeoutMs: load.idleTimeout,
  };
}

function compileArrivals(arrivals: ResolvedLoad['arrivals']): ArrivalProcess {
  if (arrivals === 'trace') return { kind: 'trace' };
  if (arrivals === 'closed') return { kind: 'closed', thinkTimeMs: [500, 2000] };
  if (typeof arrivals === 'string' || arrivals.kind === 'gamma') return arrivals;
  return { kind: 'closed', thinkTimeMs: arrivals.thinkTime };
}

function requireStages({ stages }: ResolvedLoad): NonNullable<ResolvedLoad['stages']> {
  if (!stages) throw badScenario('load.stages', 'a list of stages', stages);
  return stages;
}

/** A mean rate of less than this (ms) is none: rows of one instant would have one of thousands a second. */
const SHORTEST_MEAN_MS = 1000;

/** The mean rate of a replay, over `leastMs` at least. */
function meanPerSecond({ rows, forMs }: CompiledTrace, leastMs: number): number {
  return rows / (Math.max(forMs, leastMs) / 1000);
}

/** The trace decides when each request comes; its stage says how long it lasts, and its mean rate. */
function replayStages(load: ResolvedLoad, trace: CompiledTrace | undefined): Ramp[] {
  if (!trace) throw badScenario('load.trace', 'given, for arrivals are those of a trace', load.trace);
  if (load.stages) throw badScenario('load.stages', 'left out, for the trace has its own', load.stages);
  const perSecond = meanPerSecond(trace, SHORTEST_MEAN_MS);
  return [{ name: 'trace', fromMs: 0, toMs: trace.forMs, fromPerSecond: perSecond, toPerSecond: perSecond }];
}

/** Each is short enough by itself, but the run waits for all of them. */
function requireWaitable(ramps: readonly Ramp[], field: string): void {
  const lastsMs = ramps.at(-1)!.toMs - ramps[0]!.fromMs;
  const [most, lasts] = [MAX_WAIT_MS, lastsMs].map(ms => `${ms / 3_600_000}h`);
  if (lastsMs > MAX_WAIT_MS)
    throw badScenario(field, `at most ${most} long with the warm-up, for a timer can wait no longer`, lasts);
}

function warmUpOf(
  { warmUp: forMs }: ResolvedLoad,
  [first]: readonly Ramp[],
  loop: Loop,
  replayed: CompiledTrace | undefined,
): Ramp {
  const { fromPerSecond, toPerSecond, fromUsers = 0, toUsers = 0 } = first!;
  const users = Math.max(fromUsers, Math.ceil(toUsers / 2), 1);
  // A trace that is shorter than the warm-up gives it as many requests as it has rows, not its rate.
  const wanted = replayed ? meanPerSecond(replayed, forMs) : Math.max(fromPerSecond, toPerSecond / 2);
  const perSecond = loop === 'rates' ? Math.max(wanted, 1) : 0;
  return {
    name: 'warm-up',
    fromMs: -forMs,
    toMs: 0,
    fromPerSecond: perSecond,
    toPerSecond: perSecond,
    ...(loop === 'users' && { fromUsers: users, toUsers: users }),
  };
}
