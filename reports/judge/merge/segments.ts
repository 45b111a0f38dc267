import { isDeepStrictEqual } from 'node:util';
import { SquallError } from '../../../harness/errors.ts';
import type { TimedEvent } from '../../../harness/history.ts';
import type { RunPlan, Workload } from '../../../harness/plan.ts';
import { inOrder, type Requests } from '../../../harness/requests.ts';

/** Stored run of one segment. */
export interface Part {
  /** Id of the run. */
  readonly run: string;
  readonly plan: RunPlan;
  readonly events: readonly TimedEvent[];
  readonly records: Requests;
}

/** Plan of the whole load, as a single run of it would have. */
export function wholePlan({ segment, load, arrivals, replay, ...plan }: RunPlan): RunPlan {
  // The number of processes may differ by machine.
  const { workers: _workers, ...whole } = load;
  return {
    ...plan,
    load: whole,
    arrivals: segment?.whole ?? arrivals,
    replay: replay.replace(/ --segment \d+\/\d+/, '').replace(/ --workers \d+/, ''),
  };
}

/**
 * Part of the plan that all segments of one load must share: {@link wholePlan} without what depends on the machine, which is the
 * command, the text of the scenario, and the paths of trace and prompts, whose contents have their own hashes.
 */
function commonPlan(plan: RunPlan): Omit<RunPlan, 'replay' | 'source'> {
  const { replay: _replay, source: _source, ...whole } = wholePlan(plan);
  const { trace, clients, workload } = whole.load;
  const load = {
    ...whole.load,
    workload: withoutPath(workload),
    ...(trace && { trace: { ...trace, file: '' } }),
    ...(clients && {
      clients: { ...clients, classes: clients.classes.map(own => ({ ...own, workload: withoutPath(own.workload) })) },
    }),
  };
  return { ...whole, load };
}

function withoutPath(workload: Workload): Workload {
  if (workload.kind === 'http' || !workload.prompts) return workload;
  return { ...workload, prompts: { ...workload.prompts, file: '' } };
}

/**
 * Requires that runs are all segments of one load, each exactly once.
 * @returns the runs in order of their segments
 * @throws SquallError `NOT_A_SEGMENT`, `DIFFERENT_PLANS`, `SEGMENT_TWICE`, `SEGMENT_MISSING` or `FOREIGN_RECORD`, naming the runs
 */
export function requireComplete(parts: readonly Part[]): Part[] {
  const whole = parts.find(({ plan }) => plan.segment === undefined);
  if (whole) throw mismatch('NOT_A_SEGMENT', `${whole.run} ran the whole load`);
  requireSamePlan(parts);
  const { of } = parts[0]!.plan.segment!;
  const byIndex = new Map<number, Part>();
  for (const part of parts) {
    const { index } = part.plan.segment!;
    const before = byIndex.get(index);
    if (before) throw mismatch('SEGMENT_TWICE', `${before.run} and ${part.run} are both segment ${index} of ${of}`);
    byIndex.set(index, part);
    requireOwnRecords(part);
  }
  const missing = Array.from({ length: of }, (_, i) => i + 1).filter(index => !byIndex.has(index));
  if (missing.length > 0)
    throw mismatch(
      'SEGMENT_MISSING',
      `${missing.length} of ${of} segments ${missing.length === 1 ? 'is' : 'are'} missing: ${missing.map(index => `${index}/${of}`).join(', ')}`,
    );
  return [...byIndex.values()].sort((a, b) => a.plan.segment!.index - b.plan.segment!.index);
}

function requireSamePlan([first, ...others]: readonly Part[]): void {
  const a = commonPlan(first!.plan);
  for (const other of others) {
    if (other.plan.segment!.of !== first!.plan.segment!.of)
      throw mismatch(
        'DIFFERENT_PLANS',
        `${first!.run} is one of ${first!.plan.segment!.of} segments, ${other.run} one of ${other.plan.segment!.of}`,
      );
    const b = commonPlan(other.plan);
    const keys = (Object.keys({ ...a, ...b }) as (keyof typeof a)[]).filter(key => !isDeepStrictEqual(a[key], b[key]));
    if (keys.length > 0)
      throw mismatch('DIFFERENT_PLANS', `${first!.run} and ${other.run} differ in ${keys.join(', ')}`);
  }
}

/** Requires that a segment's records belong to its partition, each exactly once. */
function requireOwnRecords({ run, plan, records }: Part): void {
  const { index, of } = plan.segment!;
  const foreign = records.find(record => record.index % of !== index - 1);
  if (foreign)
    throw mismatch(
      'FOREIGN_RECORD',
      `${run} (segment ${index} of ${of}) has a record of arrival ${foreign.index} of another segment`,
    );
  let before = -1;
  let isTwice = false;
  inOrder(records).forEach(({ index }) => {
    isTwice ||= index === before;
    before = index;
  });
  if (isTwice)
    throw mismatch('FOREIGN_RECORD', `${run} (segment ${index} of ${of}) has two records of the same arrival`);
}

function mismatch(code: string, what: string): SquallError {
  return new SquallError('option', code, `Expected all segments of one load, each exactly once, but ${what}`, {
    next: 'Pass the run directories of `squall run … --segment 1/n` to `n/n`, all with the same scenario, seed and options.',
  });
}
