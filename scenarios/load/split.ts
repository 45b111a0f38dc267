import { expectedArrivals } from '../../harness/arrivals/arrivals.ts';
import { type ChatWorkload, type LoadPlan, MAX_REQUESTS, type RunPlan, type Workload } from '../../harness/plan.ts';
import { partitionOfSegment } from '../../harness/segment.ts';
import { announced, isClosed } from '../../load/schedule.ts';
import { badScenario } from '../bad-scenario.ts';

/** How a load is split: over processes of this machine, and over runs. */
export interface Split {
  /** @default 1 */
  readonly workers?: number | undefined;
  /** The segment that this run generates; `index` from 1. @default the whole load */
  readonly segment?: { readonly index: number; readonly of: number } | undefined;
}

/**
 * Checks that a load can be split: each part needs at least one request in flight, and only a schedule can be partitioned. Closed
 * loops and conversations have none, since their arrivals depend on responses.
 * @throws SquallError that names the field
 */
export function requireSplittable({ maxInFlight, ...load }: LoadPlan, { workers = 1, segment }: Split): void {
  const parts = workers * (segment?.of ?? 1);
  if (maxInFlight < parts)
    throw badScenario('load.maxInFlight', `at least ${parts}, one for each of --workers and of --segment`, maxInFlight);
  if (parts === 1) return;
  const unsplittable = (field: string, expected: string, found: unknown) =>
    badScenario(field, `${expected}, since --workers and --segment can split only a schedule`, found);
  if (isClosed(load.arrivals)) throw unsplittable('load.arrivals', 'an open loop', 'closed');
  const workloads = [
    ['load', load.workload],
    ...(load.clients?.classes ?? []).map(({ workload }, index) => [`load.clients.classes[${index}]`, workload]),
  ] as [string, Workload][];
  for (const [owner, workload] of workloads)
    if (hasSessions(workload)) throw unsplittable(`${owner}.workload.sessions`, 'left out', workload.sessions);
}

function hasSessions(workload: Workload): workload is ChatWorkload {
  return workload.kind !== 'http' && workload.sessions !== undefined;
}

/**
 * The arrivals of a run as its plan announces them; for a segment also those of the whole load.
 * @throws SquallError that names the field, for more arrivals than records of them could be read again
 */
export function scheduledIn(
  load: LoadPlan,
  seed: number,
  segment: Split['segment'],
): Pick<RunPlan, 'arrivals' | 'segment'> {
  const count = load.ramps.reduce((sum, stage) => sum + expectedArrivals(stage), 0);
  if (count > MAX_REQUESTS)
    throw badScenario(
      'load.stages',
      `at most ${MAX_REQUESTS} arrivals in all, as many records as can be read again: lower a rate or shorten a stage`,
      Math.round(count),
    );
  const whole = announced(load, seed);
  if (!segment || !whole) return { arrivals: whole };
  return { arrivals: announced(load, seed, partitionOfSegment(segment)), segment: { ...segment, whole } };
}
