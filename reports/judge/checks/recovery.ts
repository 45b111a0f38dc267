import { formatMs } from '../../../harness/quantity.ts';
import { isFailure, type RequestRecord, timeToFirstTokenMs } from '../../../harness/requests.ts';
import { requestsIn } from '../../../harness/windows.ts';
import {
  checkOf,
  type Evidence,
  type FaultObjective,
  type Finding,
  type RunFacts,
  undecided,
  verdictOf,
} from '../check.ts';
import { samplesOf, valueSamples } from '../samples.ts';

/** `recovery(kill) <= 10 s`: time from a fault's onset until clients are no longer affected. */
export const check = checkOf<FaultObjective>({
  kind: 'recovery',
  words: ['recovery'],
  parse: statement => ({ fault: statement.required('the id of a fault'), ...statement.atMost('ms') }),
  fault: ({ fault }) => fault,
  // Its time span follows from the fault.
  window: () => 'whole',
  judge,
});

/** Length of a slot, which is the resolution of the measured time. */
export const SLOT_MS = 1000;
/** A slot is bad above this ratio of failed requests, … */
const BAD_FAILED_RATIO = 0.05;
/** … if at least this many failed. */
const MIN_BAD_FAILED = 2;
/** Minimum good slots after the recovery. */
const MIN_GOOD_SLOTS = 3;
/** Minimum requests with a first token in the baseline. */
const MIN_BASELINE = 20;

/**
 * Time for which clients are affected by a fault, from its observed onset. Slots of 1 s, by scheduled arrival:
 *
 * ```
 * onset                 healed
 *   │ bad │ bad │ good │ bad │ good │ good │ good │
 *   ├──────── measured ──────┤ end of the last bad slot, or of the fault if that is later
 * ```
 *
 * A slot is bad if more than 5 % and at least 2 of its requests failed, if none of its arrivals got a first token, or if its median
 * time to first token exceeds the 99th percentile of the baseline. Slots end with the load, or at the onset of the next fault after
 * this one's recovery; a partial slot does not count. The bounds are the resolution: measured − 1 s, measured.
 */
function judge(objective: FaultObjective, { run, fault }: Evidence): Finding {
  const onsetMs = fault!.effectiveAtMs!;
  const { healedAtMs } = fault!;
  const usualMs = baselineTtftMs(run);
  if (usualMs === null)
    return undecided(
      'inconclusive',
      `The baseline has fewer than ${MIN_BASELINE} first tokens, the minimum for a comparison.`,
    );

  const slots = slotsFrom(onsetMs, observedToMs(run, objective.fault), run.records, usualMs);
  const observedMs = slots.length * SLOT_MS;
  const samples = slots.reduce((sum, slot) => sum + slot.requests, 0);
  const lastBad = slots.findLastIndex(slot => slot.bad);
  if (healedAtMs === null || (lastBad >= 0 && lastBad === slots.length - 1)) {
    const late = observedMs > objective.limit;
    const ended = `Not recovered when the observation ended, ${formatMs(observedMs)} after the onset`;
    const why = healedAtMs === null ? 'recovery from the fault was not observed' : 'the last slot was still bad';
    const reason = `${ended}: ${why}${late ? '.' : ', but the limit had not passed yet.'}`;
    return { ...undecided('inconclusive', reason, samples), ...(late && { verdict: 'fail' }) };
  }
  const measured = Math.max((lastBad + 1) * SLOT_MS, healedAtMs - onsetMs);
  const found = { measured, lower: Math.max(0, measured - SLOT_MS), upper: measured, samples };
  const verdict = verdictOf(objective, found);
  const goodSlots = slots.filter((slot, i) => slot.requests > 0 && i * SLOT_MS >= measured - 1e-6).length;
  const course = `${slots.filter(slot => slot.bad).length} bad slots, fault ended after ${formatMs(healedAtMs - onsetMs)}`;
  if (verdict !== 'fail' && goodSlots < MIN_GOOD_SLOTS) {
    const reason = `Only ${goodSlots} complete good slots followed (${course}); the minimum is ${MIN_GOOD_SLOTS}.`;
    return { ...found, verdict: 'inconclusive', reason };
  }
  return {
    ...found,
    verdict,
    reason: `Back to normal ${formatMs(measured)} after the onset, to within 1 s (${course}).`,
  };
}

interface Slot {
  readonly requests: number;
  readonly bad: boolean;
}

/** Complete slots from `onsetMs` on. */
function slotsFrom(onsetMs: number, endMs: number, records: readonly RequestRecord[], usualMs: number): Slot[] {
  const count = Math.max(0, Math.floor((endMs - onsetMs) / SLOT_MS + 1e-9));
  const members = Array.from({ length: count }, (): RequestRecord[] => []);
  for (const record of records) members[Math.floor((record.scheduledMs - onsetMs) / SLOT_MS)]?.push(record);
  return members.map(requests => ({ requests: requests.length, bad: isBad(requests, usualMs) }));
}

function isBad(requests: readonly RequestRecord[], usualMs: number): boolean {
  if (requests.length === 0) return false;
  const completed = requests.filter(request => request.outcome === 'ok').length;
  const failed = requests.filter(isFailure).length;
  if (failed >= MIN_BAD_FAILED && failed > BAD_FAILED_RATIO * (failed + completed)) return true;
  const medianMs = valueSamples(requests.map(timeToFirstTokenMs).filter(ms => ms !== null)).at(0.5);
  return medianMs === null || medianMs > usualMs;
}

/** 99th percentile of the time to first token in the baseline; null for too few samples. */
function baselineTtftMs(run: RunFacts): number | null {
  const baseline = run.windows.find(window => window.name === 'baseline');
  const samples = samplesOf('ttft', baseline ? requestsIn(baseline, run.records) : []);
  return samples.total < MIN_BASELINE ? null : samples.at(0.99);
}

function observedToMs(run: RunFacts, id: string): number {
  const window = run.windows.find(w => w.name === `recovery:${id}`) ?? run.windows.find(w => w.name === `fault:${id}`);
  return window?.toMs ?? 0;
}
