import { expectedArrivals } from '../../harness/arrivals/arrivals.ts';
import type { ChatWorkload, LoadPlan, RunPlan, Workload } from '../../harness/plan.ts';
import { partitionOfSegment } from '../../harness/segment.ts';
import { announced, isClosed } from '../../load/schedule.ts';
import { badScenario } from '../bad-scenario.ts';

/** Among how many a load is shared: processes of this machine, and runs. */
export interface Sharers {
  readonly workers?: number | undefined;
  /** `index` from 1. */
  readonly segment?: { readonly index: number; readonly of: number } | undefined;
}

/**
 * What a plan says of its workers. Whoever shares needs a part of the bound on requests in flight, and a schedule: what follows
 * from answers, as in closed loops and in conversations, nobody can deal out beforehand.
 * @throws SquallError that names the field
 */
export function sharedAmong(load: LoadPlan, { workers = 1, segment }: Sharers): Pick<LoadPlan, 'workers'> {
  const sharers = workers * (segment?.of ?? 1);
  if (load.maxInFlight < sharers)
    throw badScenario('load.maxInFlight', `at least ${sharers}, one for each worker of each segment`, load.maxInFlight);
  if (sharers > 1) requireSchedule(load);
  return workers === 1 ? {} : { workers };
}

function requireSchedule({ arrivals, workload, clients }: LoadPlan): void {
  const refusal = (field: string, expected: string, found: unknown) =>
    badScenario(field, `${expected}, for only a schedule can be shared by --workers and --segment`, found);
  if (isClosed(arrivals)) throw refusal('load.arrivals', 'an open loop', 'closed');
  if (hasSessions(workload)) throw refusal('load.workload.sessions', 'left out', workload.sessions);
  for (const [index, { workload: own }] of (clients?.classes ?? []).entries())
    if (hasSessions(own)) throw refusal(`load.clients.classes[${index}].workload.sessions`, 'left out', own.sessions);
}

function hasSessions(workload: Workload): workload is ChatWorkload {
  return workload.kind !== 'http' && workload.sessions !== undefined;
}

/** A thousand a second for a day. More is a slip of the pen, and would take minutes to go through before the run. */
const MAX_ARRIVALS = 1e8;

/**
 * What a plan announces of its schedule: the arrivals of the run, and of the whole load where it drives a segment.
 * @throws SquallError that names the field, where it is too long to go through
 */
export function scheduledIn(
  load: LoadPlan,
  seed: number,
  segment: Sharers['segment'],
): Pick<RunPlan, 'arrivals' | 'segment'> {
  const count = load.ramps.reduce((sum, stage) => sum + expectedArrivals(stage), 0);
  if (count > MAX_ARRIVALS) throw badScenario('load.stages', `at most ${MAX_ARRIVALS} arrivals in all`, count);
  const whole = announced(load, seed);
  if (!segment || !whole) return { arrivals: whole };
  const own = announced(load, seed, partitionOfSegment(segment));
  return { arrivals: own, segment: { ...segment, whole } };
}
