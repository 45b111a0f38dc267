import { mostUsers } from '../../harness/arrivals/closed.ts';
import type { ArrivalProcess, RateSegment } from '../../harness/arrivals.ts';
import type { LoadPlan } from '../../harness/plan.ts';
import { parseDurationMs } from '../../harness/quantity.ts';
import { badScenario } from '../bad-scenario.ts';
import { compileClients } from './compile-clients.ts';
import { compileStages } from './compile-stages.ts';
import { type CompiledTrace, compileTrace } from './compile-trace.ts';
import { compileWorkload } from './compile-workload.ts';
import { rangeMs } from './range.ts';
import { isClosed, isReplay } from './schedule.ts';
import type { ResolvedLoad } from './schema.ts';

/** What a load stands in. */
export interface CompileLoad {
  readonly engine: string;
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
  const trace = load.trace && compileTrace(load.trace, folder);
  const stages = isReplay(arrivals)
    ? replayStages(load, trace)
    : compileStages(requireStages(load), isClosed(arrivals));
  const context = { model: load.model ?? model, hasTrace: trace !== undefined, isReplay: isReplay(arrivals) };
  const workload = compileWorkload(load.workload, context);
  const clients = load.clients && compileClients(load.clients, workload, context);
  const most = mostUsers(stages);
  if (most > load.maxInFlight) throw badScenario('load.maxInFlight', `at least the ${most} users`, load.maxInFlight);
  const plan: LoadPlan = {
    engine,
    arrivals,
    segments: [warmUpOf(load, stages, isClosed(arrivals)), ...stages],
    workload,
    ...(trace && { trace: trace.plan }),
    ...(clients && { clients }),
    maxInFlight: load.maxInFlight,
    connectTimeoutMs: parseDurationMs(load.connectTimeout, 'load.connectTimeout'),
    idleTimeoutMs: parseDurationMs(load.idleTimeout, 'load.idleTimeout'),
  };
  if (engine !== 'stream') requireSimple(plan, engine);
  return plan;
}

function compileArrivals(arrivals: ResolvedLoad['arrivals']): ArrivalProcess {
  if (arrivals === 'trace') return { kind: 'trace' };
  if (arrivals === 'closed') return { kind: 'closed', thinkTimeMs: [500, 2000] };
  if (typeof arrivals === 'string' || arrivals.kind === 'gamma') return arrivals;
  return { kind: 'closed', thinkTimeMs: rangeMs(arrivals.thinkTime, 'load.arrivals.thinkTime') };
}

function requireStages({ stages }: ResolvedLoad): NonNullable<ResolvedLoad['stages']> {
  if (!stages) throw badScenario('load.stages', 'a list of stages', stages);
  return stages;
}

/** The trace decides when each request comes; its stage says how long it lasts, and its mean rate. */
function replayStages(load: ResolvedLoad, trace: CompiledTrace | undefined): RateSegment[] {
  if (!trace) throw badScenario('load.trace', 'given, for arrivals are those of a trace', load.trace);
  if (load.stages) throw badScenario('load.stages', 'left out, for the trace has its own', load.stages);
  const perSecond = trace.rows / (trace.forMs / 1000);
  return [{ name: 'trace', fromMs: 0, toMs: trace.forMs, fromPerSecond: perSecond, toPerSecond: perSecond }];
}

function warmUpOf(load: ResolvedLoad, [first]: readonly RateSegment[], closed: boolean): RateSegment {
  const forMs = parseDurationMs(load.warmUp, 'load.warmUp');
  if (forMs === 0)
    throw badScenario(
      'load.warmUp',
      'a duration greater than 0, for no steady state can be seen without one',
      load.warmUp,
    );
  const { fromPerSecond, toPerSecond, fromUsers = 0, toUsers = 0 } = first!;
  const users = Math.max(fromUsers, Math.ceil(toUsers / 2), 1);
  const perSecond = closed ? 0 : Math.max(fromPerSecond, toPerSecond / 2, 1);
  return {
    name: 'warm-up',
    fromMs: -forMs,
    toMs: 0,
    fromPerSecond: perSecond,
    toPerSecond: perSecond,
    ...(closed && { fromUsers: users, toUsers: users }),
  };
}

/** Other engines drive rates; what needs our own client is refused rather than left out in silence. */
function requireSimple({ arrivals, workload, clients }: LoadPlan, engine: string): void {
  const refuse = (field: string, found: unknown) =>
    badScenario(field, `left to the engine \`stream\`, for \`${engine}\` cannot do it`, found);
  if (typeof arrivals !== 'string') throw refuse('load.arrivals', arrivals);
  if (clients) throw refuse('load.clients', clients);
  if (workload.kind !== 'http' && workload.sessions) throw refuse('load.workload.sessions', workload.sessions);
}
