import { formatMs } from '../../../harness/quantity.ts';
import { isFailure, type RequestRecord, timeToFirstTokenMs } from '../../../harness/requests.ts';
import { requestsIn } from '../../../harness/windows.ts';
import { checkOf, type Evidence, type Finding, type Objective, type RunFacts, undecided, verdictOf } from '../check.ts';
import { samplesOf, valueSamples } from '../samples.ts';

interface RecoveryObjective extends Objective {
  /** Id of the fault. */
  readonly fault: string;
}

/** `recovery(kill) <= 10 s`: from a fault's onset until users no longer notice it. */
export const check = checkOf<RecoveryObjective>({
  kind: 'recovery',
  words: ['recovery'],
  parse: statement => ({ fault: statement.required('the id of a fault'), ...statement.atMost('ms') }),
  format: ({ fault }, limit) => `recovery(${fault}) ${limit}`,
  fault: ({ fault }) => fault,
  // It brings its own time span.
  window: () => 'whole',
  judge,
});

/** Length of a slot, and with it the resolution of the measured time. */
export const SLOT_MS = 1000;
/** A slot is bad above this share of failed requests, … */
const BAD_FAILED_RATIO = 0.05;
/** … if at least this many failed. */
const BAD_FAILED_LEAST = 2;
/** Good slots that must follow before recovery is believed. */
const GOOD_SLOTS_AFTER = 3;
/** Requests with a first token that the baseline needs before anything is compared with it. */
const BASELINE_LEAST = 20;

/**
 * How long users notice a fault, from its observed onset. Slots of 1 s, by scheduled arrival:
 *
 * ```
 * onset                 healed
 *   │ bad │ bad │ good │ bad │ good │ good │ good │
 *   ├──────── measured ──────┤ end of the last bad slot, or the heal if that is later
 * ```
 *
 * A slot is bad when more than 5 % and at least 2 of its requests failed, when none of its arrivals was answered, or when its
 * median time to first token exceeds the 99th percentile of the baseline. Slots end where the load ends, or where the next
 * fault begins after this one healed; a cut slot does not count. The bounds are the resolution: measured − 1 s, measured.
 */
function judge(objective: RecoveryObjective, { run }: Evidence): Finding {
  const fault = run.faults.find(outcome => outcome.plan.id === objective.fault);
  if (!fault) return undecided('invalid', `The plan has no fault "${objective.fault}".`);
  if (fault.effectiveAtMs === null) return undecided('invalid', `The fault ${objective.fault} was never seen to act.`);
  const onsetMs = fault.effectiveAtMs;
  const usualMs = baselineTtftMs(run);
  if (usualMs === null)
    return undecided('inconclusive', `The baseline has fewer than ${BASELINE_LEAST} first tokens to compare with.`);

  const slots = slotsFrom(onsetMs, observedToMs(run, objective.fault), run.records, usualMs);
  const observedMs = slots.length * SLOT_MS;
  const samples = slots.reduce((sum, slot) => sum + slot.requests, 0);
  const lastBad = slots.findLastIndex(slot => slot.bad);
  if (fault.healedAtMs === null || (lastBad >= 0 && lastBad === slots.length - 1)) {
    const late = observedMs > objective.limit;
    const ended = `Not recovered when the observation ended, ${formatMs(observedMs)} after the onset`;
    const why = fault.healedAtMs === null ? 'the fault was never seen to heal' : 'the last slot was still bad';
    const reason = `${ended}: ${why}${late ? '.' : ', but the limit had not passed yet.'}`;
    return { ...undecided('inconclusive', reason, samples), ...(late && { verdict: 'fail' }) };
  }
  const measured = Math.max((lastBad + 1) * SLOT_MS, fault.healedAtMs - onsetMs);
  const found = { measured, lower: Math.max(0, measured - SLOT_MS), upper: measured, samples };
  const verdict = verdictOf(objective, found);
  const goodSlots = slots.filter((slot, i) => slot.requests > 0 && i * SLOT_MS >= measured - 1e-6).length;
  const told = `${slots.filter(slot => slot.bad).length} bad slots, healed after ${formatMs(fault.healedAtMs - onsetMs)}`;
  if (verdict !== 'fail' && goodSlots < GOOD_SLOTS_AFTER) {
    const reason = `Only ${goodSlots} complete good slots followed (${told}); ${GOOD_SLOTS_AFTER} are needed.`;
    return { ...found, verdict: 'inconclusive', reason };
  }
  return {
    ...found,
    verdict,
    reason: `Back to normal ${formatMs(measured)} after the onset, to within 1 s (${told}).`,
  };
}

interface Slot {
  readonly requests: number;
  readonly bad: boolean;
}

/** Every complete slot from `onsetMs` on. */
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
  if (failed >= BAD_FAILED_LEAST && failed > BAD_FAILED_RATIO * (failed + completed)) return true;
  const medianMs = valueSamples(requests.map(timeToFirstTokenMs).filter(ms => ms !== null)).at(0.5);
  return medianMs === null || medianMs > usualMs;
}

/** The 99th percentile of the baseline's time to first token; null when it is too thin. */
function baselineTtftMs(run: RunFacts): number | null {
  const baseline = run.windows.find(window => window.name === 'baseline');
  const samples = samplesOf('ttft', baseline ? requestsIn(baseline, run.records) : []);
  return samples.total < BASELINE_LEAST ? null : samples.at(0.99);
}

function observedToMs(run: RunFacts, id: string): number {
  const window = run.windows.find(w => w.name === `recovery:${id}`) ?? run.windows.find(w => w.name === `fault:${id}`);
  return window?.toMs ?? 0;
}
