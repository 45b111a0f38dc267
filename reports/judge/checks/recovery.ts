import { loadEndMs } from '../../../harness/plan.ts';
import { formatMs } from '../../../harness/quantity.ts';
import type { Requests } from '../../../harness/requests.ts';
import { requestsIn, scheduledIn } from '../../../harness/windows.ts';
import { textsThat } from '../../store/requests/chunk-columns.ts';
import {
  checkOf,
  type Evidence,
  type FaultObjective,
  type Finding,
  type RunFacts,
  undecided,
  verdictOf,
} from '../check.ts';
import { eachColumns } from '../folds/folding.ts';
import { isFailureText, isOkText, latenciesIn } from '../folds/latencies.ts';
import { Slots } from '../folds/slots.ts';
import { isWorst } from '../measure.ts';
import { samplesOf, ValueCollector } from '../samples.ts';

interface RecoveryObjective extends FaultObjective {
  /** Where the time begins. @default the observed onset of the fault */
  readonly from?: 'heal';
}

/** `recovery(kill) <= 10 s`, `recovery(kill, from heal) <= 5 s`: time until clients are no longer affected by a fault. */
export const check = checkOf<RecoveryObjective>({
  kind: 'recovery',
  words: ['recovery'],
  parse(statement) {
    const [fault = '', from, ...more] = statement.required('the id of a fault').split(/\s*,\s*/);
    if (more.length > 0 || (from !== undefined && from !== 'from onset' && from !== 'from heal'))
      throw statement.badArgument([from, ...more].join(', '), '"from heal" or "from onset" after the fault');
    return { fault, ...(from === 'from heal' && { from: 'heal' as const }), ...statement.atMost('ms') };
  },
  fault: ({ fault }) => fault,
  // Its time span follows from the fault.
  window: () => 'whole',
  impossible({ fault, from, limit }, plan) {
    const planned = plan.faults.find(({ id }) => id === fault);
    if (!planned || planned.forMs === null || from === 'heal') return undefined;
    const lastsMs = Math.min(planned.forMs, loadEndMs(plan) - planned.atMs);
    if (limit >= lastsMs) return undefined;
    return `recovery within more than ${formatMs(lastsMs)}, the duration of the fault itself, from whose onset it counts (or \`recovery(${fault}, from heal)\`)`;
  },
  judge,
});

/** Length of a slot, which is the resolution of the measured time. */
export const SLOT_MS = 1000;
/** A slot may be bad above this ratio of failed requests, … */
const BAD_FAILED_RATIO = 0.05;
/** … if at least this many failed. */
const MIN_BAD_FAILED = 2;
/** Successive good slots that make a recovery; … */
const HOLD_SLOTS = 10;
/** … at least this many where the observation ends before. */
const MIN_HOLD_SLOTS = 3;
/** Minimum requests with a value in the baseline. */
const MIN_BASELINE = 20;
/** Minimum requests of a second of the baseline to be an example of what is normal. */
const MIN_EXAMPLE = 10;
/** Requests sent longer before the next fault, in ms, are judged also where they are in flight: what they suffer from is older. */
const MAX_EXPOSED_MS = 2000;

/**
 * Time for which clients are affected by a fault, from its observed onset or, with `from heal`, its observed recovery. Slots of 1 s, by
 * scheduled arrival:
 *
 * ```
 * onset                healed
 *   │ bad │ bad │ good │ bad │ good │ good │ good │ … good │ bad │
 *   ├────────── measured ────┤ from here on ten are good in a row: what comes after is another incident
 *                      ├ from heal
 * ```
 *
 * Recovered is where the first ten good slots in a row begin, not before the fault is healed; or at least three, if all are good until the
 * observation ends, with the load or where the next fault begins. A slot is good if the baseline would call it normal: at most one request
 * failed, or a ratio of at most 5 % or that of the worst second of the baseline; and the median latency, in which who failed is slowest,
 * is at most the 99th percentile of the baseline or the median of its slowest second. The latency is the time to first token, or the whole
 * one where no engine measured that. The observation ends where the first request was sent that the next fault finds in
 * flight, since that one may be why it fails. Slots without requests and a partial one at the end do not count. The bounds are the
 * resolution: measured − 1 s, measured.
 */
function judge(objective: RecoveryObjective, { run, fault }: Evidence): Finding {
  const onsetMs = fault!.effectiveAtMs!;
  const { healedAtMs } = fault!;
  const normal = normalOf(run);
  if (normal === null)
    return undecided(
      'inconclusive',
      `The baseline has fewer than ${MIN_BASELINE} first tokens, the minimum for a comparison.`,
    );
  const slots = slotsFrom(onsetMs, observedToMs(run, objective.fault), run.records, normal);
  const samples = slots.reduce((sum, slot) => sum + slot.requests, 0);
  const afterHeal = objective.from === 'heal';
  const healMs = (healedAtMs ?? Number.POSITIVE_INFINITY) - onsetMs;
  // Of the times from here on, which count from the onset, what the objective counts.
  const counted = (ms: number) => ms - (afterHeal ? healMs : 0);
  const since = afterHeal ? 'the fault was healed' : 'the onset';
  const found = recoveryIn(slots, healMs);
  if (found === undefined) {
    const observedMs = counted(slots.length * SLOT_MS);
    const late = observedMs > objective.limit;
    const ended = `Not recovered when the observation ended${healedAtMs === null && afterHeal ? '' : `, ${formatMs(Math.max(0, observedMs))} after ${since}`}`;
    const why = healedAtMs === null ? 'recovery from the fault was not observed' : 'the last second was still bad';
    const reason = `${ended}: ${why}${late ? '.' : ', but the limit had not passed yet.'}`;
    return { ...undecided('inconclusive', reason, samples), ...(late && { verdict: 'fail' }) };
  }
  const measured = counted(found.atMs);
  const result = { measured, lower: Math.max(0, measured - SLOT_MS), upper: measured, samples };
  const verdict = verdictOf(objective, result);
  const course = `${found.badBefore} bad ${found.badBefore === 1 ? 'second' : 'seconds'}, fault healed after ${formatMs(healMs)}`;
  if (verdict !== 'fail' && found.good < MIN_HOLD_SLOTS) {
    const reason = `Only ${found.good} complete good second${found.good === 1 ? '' : 's'} followed (${course}); the minimum is ${MIN_HOLD_SLOTS}.`;
    return { ...result, verdict: 'inconclusive', reason };
  }
  return {
    ...result,
    verdict,
    reason: `Back to normal ${formatMs(measured)} after ${since}, to within 1 s (${course}).${later(found)}`,
  };
}

interface Recovery {
  /** From the onset. */
  readonly atMs: number;
  /** Good slots from there to the first bad one. */
  readonly good: number;
  readonly badBefore: number;
  readonly badAfter: number;
  /** First bad slot afterwards, from the onset. */
  readonly badAtMs: number;
}

/** The first recovery that holds, or one that the end of the observation leaves open; undefined if the last slot is bad. */
function recoveryIn(slots: readonly Slot[], healMs: number): Recovery | undefined {
  if (!Number.isFinite(healMs)) return undefined;
  for (let start = Math.floor(healMs / SLOT_MS); ; ) {
    const bad = slots.findIndex((slot, index) => index >= start && slot.bad);
    const end = bad === -1 ? slots.length : bad;
    const good = slots.slice(start, end).filter(({ requests }) => requests > 0).length;
    if (good >= HOLD_SLOTS || (bad === -1 && !slots.at(-1)?.bad)) {
      const badIn = (from: number, to?: number) => slots.slice(from, to).filter(slot => slot.bad).length;
      const atMs = Math.max(start * SLOT_MS, healMs);
      return { atMs, good, badBefore: badIn(0, start), badAfter: badIn(end), badAtMs: end * SLOT_MS };
    }
    if (bad === -1) return undefined;
    start = bad + 1;
  }
}

function later({ good, badAfter, badAtMs }: Recovery): string {
  if (badAfter === 0) return '';
  return ` Later, ${formatMs(badAtMs)} after the onset and ${good} good seconds, ${badAfter === 1 ? 'a second was' : `${badAfter} seconds were`} bad again, which is not part of it.`;
}

interface Slot {
  readonly requests: number;
  readonly bad: boolean;
}

/** What the baseline shows to be normal in a second. */
interface Normal {
  readonly metric: 'ttft' | 'latency';
  readonly maxMedianMs: number;
  readonly maxFailedRatio: number;
}

/** Requests of a complete second of their scheduled arrival. */
interface Second {
  readonly requests: number;
  readonly failed: number;
  readonly completed: number;
  /** Median, in which who failed is slowest; null without any. */
  readonly medianMs: number | null;
}

/** Complete slots from `onsetMs` on. */
function slotsFrom(onsetMs: number, endMs: number, records: Requests, normal: Normal): Slot[] {
  // A slot more on each side, since these decide themselves, as they round.
  const near = scheduledIn({ fromMs: onsetMs - SLOT_MS, toMs: endMs + SLOT_MS }, records);
  return secondsOf(near, onsetMs, endMs, normal.metric).map(second => ({
    requests: second.requests,
    bad: isBad(second, normal),
  }));
}

const NO_REQUESTS: Second = { requests: 0, failed: 0, completed: 0, medianMs: null };

/** Requests by complete second of their scheduled arrival. */
function secondsOf(records: Requests, fromMs: number, toMs: number, metric: 'ttft' | 'latency'): Second[] {
  const count = Math.max(0, Math.floor((toMs - fromMs) / SLOT_MS + 1e-9));
  const seconds = new Array<Second>(count).fill(NO_REQUESTS);
  const create = () => ({ requests: 0, failed: 0, completed: 0, values: new ValueCollector() });
  const slots = new Slots(count, create, ({ values, ...counts }, slot) => {
    seconds[slot] = { ...counts, medianMs: values.quantiles([0.5])[0]! };
  });
  eachColumns(records, columns => {
    const [scheduledMs, outcomes] = [columns.values('scheduledMs'), columns.values('outcome')];
    const [isOk, isFailed] = [textsThat(columns, isOkText), textsThat(columns, isFailureText)];
    const values = latenciesIn(columns)[metric];
    for (let row = 0; row < columns.rows; row += 1) {
      const slot = slots.at(Math.floor((scheduledMs[row]! - fromMs) / SLOT_MS));
      if (!slot) continue;
      slot.requests += 1;
      if (!Number.isNaN(values[row])) slot.values.add(values[row]!);
      else if (isWorst(metric, columns.record(row))) slot.values.add(Number.POSITIVE_INFINITY);
      if (isFailed[outcomes[row]!] === 1) slot.failed += 1;
      if (isOk[outcomes[row]!] === 1) slot.completed += 1;
    }
  });
  slots.end();
  return seconds;
}

function isBad(second: Second, { maxMedianMs, maxFailedRatio }: Normal): boolean {
  const { requests, failed, medianMs } = second;
  if (requests === 0) return false;
  if (failed >= MIN_BAD_FAILED && failedRatio(second) > maxFailedRatio) return true;
  return medianMs === null || medianMs > maxMedianMs;
}

function failedRatio({ failed, completed }: Second): number {
  return failed === 0 ? 0 : failed / (failed + completed);
}

/** Null for a baseline with too few samples. */
function normalOf(run: RunFacts): Normal | null {
  const baseline = run.windows.find(window => window.name === 'baseline');
  if (!baseline) return null;
  const requests = requestsIn(baseline, run.records);
  const metric = samplesOf('ttft', requests).total > 0 ? 'ttft' : 'latency';
  const samples = samplesOf(metric, requests);
  if (samples.total < MIN_BASELINE) return null;
  const all = secondsOf(requests, baseline.fromMs, baseline.toMs, metric);
  const seconds = all.filter(second => second.requests >= MIN_EXAMPLE);
  const medians = seconds.map(({ medianMs }) => medianMs).filter(ms => ms !== null && Number.isFinite(ms));
  return {
    metric,
    maxMedianMs: Math.max(samples.at(0.99)!, ...(medians as number[])),
    maxFailedRatio: Math.max(BAD_FAILED_RATIO, ...seconds.map(failedRatio)),
  };
}

function observedToMs({ windows, records }: RunFacts, id: string): number {
  const window = windows.find(w => w.name === `recovery:${id}`) ?? windows.find(w => w.name === `fault:${id}`);
  if (!window) return 0;
  const { fromMs, toMs, nextFaultMs = Number.POSITIVE_INFINITY } = window;
  // One that has hung since before the recovery is none of those that the next fault may have hit.
  const within = { fromMs: Math.max(fromMs, toMs - MAX_EXPOSED_MS), toMs };
  const exposed = scheduledIn(within, records).filter(({ endMs }) => endMs >= nextFaultMs);
  return exposed.reduce((firstMs, { scheduledMs }) => Math.min(firstMs, scheduledMs), toMs);
}
