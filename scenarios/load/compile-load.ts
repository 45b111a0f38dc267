import type { ArrivalProcess, Ramp } from '../../harness/arrivals/arrivals.ts';
import { maxUsers } from '../../harness/arrivals/closed.ts';
import type { LoadPlan } from '../../harness/plan.ts';
import { MAX_WAIT_MS } from '../../harness/quantity.ts';
import { needsConnections } from '../../load/engines.ts';
import type { Environment } from '../../load/request/secrets.ts';
import { isClosed, isReplay } from '../../load/schedule.ts';
import { badScenario } from '../bad-scenario.ts';
import type { ApiBase } from '../target/base-url.ts';
import { compileClients } from './compile-clients.ts';
import { compileHeaders } from './compile-headers.ts';
import { compileStages, type LoadKind } from './compile-stages.ts';
import { type CompiledTrace, compileTrace } from './compile-trace.ts';
import { compileWorkload, requireBody } from './compile-workload.ts';
import type { ResolvedLoad } from './schema.ts';

/** What a load depends on beside its own section. */
export interface LoadContext {
  /** Model of the requests if the scenario names none. */
  readonly defaultModel: string;
  /** Base of relative paths. */
  readonly folder: string;
  /** Where the target has its APIs; undefined for a stack that Squall starts. */
  readonly base: ApiBase | undefined;
  /** Variables that headers can refer to; null where the load runs elsewhere. */
  readonly environment: Environment | null;
}

/**
 * Turns the `load` section of a scenario into a plan. Reads its trace and its prompts, if there are any.
 * @throws SquallError that names the field
 */
export function compileLoad(load: ResolvedLoad, { defaultModel, folder, base, environment }: LoadContext): LoadPlan {
  const arrivals = compileArrivals(load.arrivals);
  const kind: LoadKind = needsConnections(load.engine) ? 'connections' : isClosed(arrivals) ? 'users' : 'rates';
  const trace = load.trace && compileTrace(load.trace, folder);
  const replay = isReplay(arrivals) ? requireReplay(load, trace) : undefined;
  const stages = replay ? replayStages(replay) : compileStages(requireStages(load), kind);
  const context = {
    model: load.model ?? defaultModel,
    hasTrace: trace !== undefined,
    isReplay: replay !== undefined,
    ...{ folder, base, path: load.path, environment },
  };
  const workload = compileWorkload(load.workload, context);
  const headers = load.headers && compileHeaders(load.headers, 'load.headers', environment);
  if (load.body) requireBody(load.body, workload);
  const clients = load.clients && compileClients(load.clients, workload, context);
  const users = maxUsers(stages);
  if (users > load.maxInFlight) throw badScenario('load.maxInFlight', `at least the ${users} users`, load.maxInFlight);
  const ramps = [warmUpOf(load, stages, kind, replay), ...stages];
  requireTimeable(ramps, replay ? 'load.trace' : 'load.stages');
  return {
    engine: load.engine,
    arrivals,
    ramps,
    workload,
    ...(headers && { headers }),
    ...(load.body && { body: load.body }),
    ...(trace && { trace: trace.plan }),
    ...(clients && { clients }),
    ...(load.upstreamHeader !== undefined && { upstreamHeader: load.upstreamHeader }),
    ...(load.connections !== undefined && { connections: load.connections }),
    maxInFlight: load.maxInFlight,
    connectTimeoutMs: load.connectTimeout,
    firstTokenTimeoutMs: load.firstTokenTimeout,
    idleTimeoutMs: load.idleTimeout,
    ...(!load.streamOptions && { streamOptions: false }),
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

function requireReplay({ trace, stages }: ResolvedLoad, compiled: CompiledTrace | undefined): CompiledTrace {
  if (!compiled) throw badScenario('load.trace', 'given, since `arrivals` is `trace`', trace);
  if (stages) throw badScenario('load.stages', 'left out, since the trace decides the arrivals', stages);
  return compiled;
}

/** Minimum time over which a mean rate is taken: rows at one instant would make a rate of thousands per second. */
const MIN_MEAN_MS = 1000;

function meanPerSecond({ rows, forMs }: CompiledTrace, minMs: number): number {
  return rows / (Math.max(forMs, minMs) / 1000);
}

/** One stage for a whole replay, with the mean rate of the trace; the trace decides each arrival. */
function replayStages(trace: CompiledTrace): Ramp[] {
  const perSecond = meanPerSecond(trace, MIN_MEAN_MS);
  return [{ name: 'trace', fromMs: 0, toMs: trace.forMs, fromPerSecond: perSecond, toPerSecond: perSecond }];
}

/** Each stage fits a timer by its schema; all of them together have to fit one, too. */
function requireTimeable(ramps: readonly Ramp[], field: string): void {
  const durationMs = ramps.at(-1)!.toMs - ramps[0]!.fromMs;
  if (durationMs <= MAX_WAIT_MS) return;
  const [max, found] = [MAX_WAIT_MS, durationMs].map(ms => `${ms / 3_600_000}h`);
  throw badScenario(field, `at most ${max} long with the warm-up, the limit of a timer`, found);
}

function warmUpOf(
  { warmUp: forMs }: ResolvedLoad,
  [first]: readonly Ramp[],
  kind: LoadKind,
  replay: CompiledTrace | undefined,
): Ramp {
  const { fromPerSecond, toPerSecond, fromUsers = 0, toUsers = 0 } = first!;
  const users = Math.max(fromUsers, Math.ceil(toUsers / 2), 1);
  // The warm-up of a trace that is shorter than it gets as many requests as the trace has rows, not its rate.
  const rate = replay ? meanPerSecond(replay, forMs) : Math.max(fromPerSecond, toPerSecond / 2);
  const perSecond = kind === 'rates' ? Math.max(rate, 1) : 0;
  return {
    name: 'warm-up',
    fromMs: -forMs,
    toMs: 0,
    fromPerSecond: perSecond,
    toPerSecond: perSecond,
    ...(kind === 'users' && { fromUsers: users, toUsers: users }),
  };
}
