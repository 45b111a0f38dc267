import { digestArrivals } from '../../harness/arrivals.ts';
import type { ChatWorkload, LoadPlan, RunPlan, Workload } from '../../harness/plan.ts';
import { shareOfSegment } from '../../harness/segment.ts';
import { badScenario } from '../bad-scenario.ts';
import { announcedTimes, isClosed } from './schedule.ts';

/** Among how many a load is shared: processes of this machine, and runs. */
export interface Sharers {
  readonly workers?: number;
  /** `index` from 1. */
  readonly segment?: { readonly index: number; readonly of: number };
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

/** What a plan announces of its schedule: the arrivals of the run, and of the whole load where it drives a segment. */
export function scheduledIn(
  load: LoadPlan,
  seed: number,
  segment: Sharers['segment'],
): Pick<RunPlan, 'arrivals' | 'segment'> {
  const whole = isClosed(load.arrivals) ? null : digestArrivals(announcedTimes(load, seed));
  if (!segment || !whole) return { arrivals: whole };
  const own = digestArrivals(announcedTimes(load, seed, shareOfSegment(segment)));
  return { arrivals: own, segment: { ...segment, whole } };
}
