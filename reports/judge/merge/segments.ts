import { isDeepStrictEqual } from 'node:util';
import { SquallError } from '../../../harness/errors.ts';
import type { TimedEvent } from '../../../harness/history.ts';
import type { RunPlan } from '../../../harness/plan.ts';
import type { RequestRecord } from '../../../harness/requests.ts';

/** A stored run that drove a segment. */
export interface Part {
  /** Id of the run. */
  readonly run: string;
  readonly plan: RunPlan;
  readonly events: readonly TimedEvent[];
  readonly records: readonly RequestRecord[];
}

/** The plan that all segments have in common: that of one run which drives the whole load by itself. */
export function wholePlan({ segment, load, arrivals, replay, ...plan }: RunPlan): RunPlan {
  // How many processes a segment used is that machine's affair.
  const { workers: _workers, ...whole } = load;
  return {
    ...plan,
    load: whole,
    arrivals: segment?.whole ?? arrivals,
    replay: replay.replace(/ --segment \d+\/\d+/, '').replace(/ --workers \d+/, ''),
  };
}

/**
 * What segments that belong together have in common: {@link wholePlan} but for what is of one machine, the words that started it
 * and where it keeps the trace, whose content has a hash of its own.
 */
function commonPlan(plan: RunPlan): Omit<RunPlan, 'replay'> {
  const { replay: _replay, ...whole } = wholePlan(plan);
  const { trace } = whole.load;
  return trace ? { ...whole, load: { ...whole.load, trace: { ...trace, file: '' } } } : whole;
}

/**
 * Checks that runs are all the segments of one load, each once.
 * @returns them in the order of their segments
 * @throws SquallError `NOT_A_SEGMENT`, `DIFFERENT_PLANS`, `SEGMENT_TWICE`, `SEGMENT_MISSING` or `FOREIGN_RECORD`, naming the runs
 */
export function requireComplete(parts: readonly Part[]): Part[] {
  const lone = parts.find(({ plan }) => plan.segment === undefined);
  if (lone) throw refusal('NOT_A_SEGMENT', `${lone.run} drove its load alone, so there is nothing to merge it with`);
  requireSamePlan(parts);
  const { of } = parts[0]!.plan.segment!;
  const byIndex = new Map<number, Part>();
  for (const part of parts) {
    const { index } = part.plan.segment!;
    const before = byIndex.get(index);
    if (before) throw refusal('SEGMENT_TWICE', `${before.run} and ${part.run} both are segment ${index} of ${of}`);
    byIndex.set(index, part);
    requireOwnRecords(part);
  }
  const missing = Array.from({ length: of }, (_, i) => i + 1).filter(index => !byIndex.has(index));
  if (missing.length > 0)
    throw refusal(
      'SEGMENT_MISSING',
      `Of the ${of} segments ${missing.length === 1 ? 'one is' : `${missing.length} are`} missing: ${missing.map(index => `${index}/${of}`).join(', ')}`,
    );
  return [...byIndex.values()].sort((a, b) => a.plan.segment!.index - b.plan.segment!.index);
}

function requireSamePlan([first, ...others]: readonly Part[]): void {
  const a = commonPlan(first!.plan);
  for (const other of others) {
    if (other.plan.segment!.of !== first!.plan.segment!.of)
      throw refusal(
        'DIFFERENT_PLANS',
        `${first!.run} is one of ${first!.plan.segment!.of} segments, ${other.run} one of ${other.plan.segment!.of}`,
      );
    const b = commonPlan(other.plan);
    const keys = (Object.keys({ ...a, ...b }) as (keyof typeof a)[]).filter(key => !isDeepStrictEqual(a[key], b[key]));
    if (keys.length > 0)
      throw refusal('DIFFERENT_PLANS', `${first!.run} and ${other.run} differ in ${keys.join(', ')}`);
  }
}

/** A segment's records are of its own share, each once, so that those of all together are each arrival once. */
function requireOwnRecords({ run, plan, records }: Part): void {
  const { index, of } = plan.segment!;
  const foreign = records.find(record => record.index % of !== index - 1);
  if (foreign)
    throw refusal('FOREIGN_RECORD', `${run}, segment ${index} of ${of}, has a record of arrival ${foreign.index}`);
  if (new Set(records.map(record => record.index)).size < records.length)
    throw refusal('FOREIGN_RECORD', `${run}, segment ${index} of ${of}, has two records of one arrival`);
}

function refusal(code: string, what: string): SquallError {
  return new SquallError('option', code, `Expected all segments of one load, each once. ${what}`, {
    next: 'Give the runs that `squall run … --segment 1/n` to `n/n` left, made with the same scenario, seed and options.',
  });
}
