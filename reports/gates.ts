import type { TimedEvent } from '../harness/history.ts';
import { formatMs } from '../harness/quantity.ts';
import type { RunFacts } from './check.ts';
import { formatShare } from './rounding.ts';
import type { RunDocument } from './run-document.ts';

/**
 * Gates decide whether a run's numbers mean anything. Each is a pure function that returns why they do not, one sentence a
 * reason, or nothing. A run with any such reason is `invalid`, whatever its SLOs say.
 */
export type Gate = (run: RunFacts, load: RunDocument['load']) => readonly string[];

/** Sending may lag this far behind the schedule at the 99th percentile; beyond, the generator was the bottleneck. */
export const MAX_LATE_P99_MS = 100;
/** Above this share of arrivals that were dropped, what was left out is more than any P99 can bear. */
export const MAX_DROPPED_RATIO = 0.01;

/** What the run itself found to spoil it while it went, such as no steady state. */
export const declaredInvalid: Gate = ({ events }) =>
  events.filter(event => event.type === 'invalid').map(event => sentence(`${event.guard}: ${event.reason}`));

/** The harness failed, or was killed before it could say so. */
export const cutShort: Gate = ({ events }) => {
  const crash = events.find(event => event.type === 'crashed');
  if (crash) return [sentence(`The run crashed: ${crash.reason}`)];
  if (events.some(event => event.type === 'interrupted') || isDone(events)) return [];
  return ['The history ends in the middle of the run: the harness was killed.'];
};

/** A fault that could not be injected or was never seen to act proves nothing; one that never came due is no matter. */
export const faultsBit: Gate = ({ faults, events }) => {
  const ended = stoppedEarly(events);
  return faults.flatMap(({ plan, bitAtMs, injectedAtMs }) => {
    const steps = events.filter(event => event.type === 'fault').filter(event => event.id === plan.id);
    const told = steps.find(step => step.step === 'failed' || step.step === 'never-bit');
    const evidence = told?.evidence ? `: ${told.evidence}` : '';
    if (told?.step === 'failed') return [sentence(`The fault ${plan.id} failed${evidence}`)];
    if (bitAtMs !== null || (ended && !told)) return [];
    return [
      sentence(`The fault ${plan.id} was ${injectedAtMs === null ? 'never injected' : 'never seen to act'}${evidence}`),
    ];
  });
};

/** Whatever was injected must have been seen to heal: otherwise the next fault, or the next run, meets a broken stack. */
export const faultsHealed: Gate = ({ faults, events }) =>
  faults.flatMap(({ plan, injectedAtMs, healedAtMs }) => {
    const steps = events.filter(event => event.type === 'fault').filter(event => event.id === plan.id);
    const told = steps.find(step => step.step === 'not-healed');
    if (healedAtMs !== null || (injectedAtMs === null && !told)) return [];
    return [sentence(`The fault ${plan.id} was never seen to heal${told?.evidence ? `: ${told.evidence}` : ''}`)];
  });

/** The generator kept to its schedule. */
export const generatorPunctual: Gate = (_run, { lateMsP99 }) =>
  lateMsP99 !== null && lateMsP99 > MAX_LATE_P99_MS
    ? [`The generator sent ${formatMs(lateMsP99)} late at P99, allowed are ${formatMs(MAX_LATE_P99_MS)}.`]
    : [];

/** The generator could send what it was asked to. */
export const fewDropped: Gate = (_run, { dropped, offered }) =>
  dropped > MAX_DROPPED_RATIO * offered
    ? [
        `${dropped} of ${offered} arrivals (${formatShare(dropped, offered)}) were dropped at the bound on requests in flight, allowed are ${formatShare(MAX_DROPPED_RATIO, 1)}.`,
      ]
    : [];

/** Every arrival of the plan left a record, unless the run was stopped early. */
export const nothingMissing: Gate = ({ plan, records, events }) =>
  !stoppedEarly(events) && records.length < plan.arrivals.count
    ? [`${plan.arrivals.count - records.length} of ${plan.arrivals.count} arrivals left no record.`]
    : [];

/** All gates, in the order in which their reasons are given. */
export const GATES: readonly Gate[] = [
  declaredInvalid,
  cutShort,
  faultsBit,
  faultsHealed,
  generatorPunctual,
  fewDropped,
  nothingMissing,
];

/** Every run that is not killed writes this as its last phase, also one that crashed. */
function isDone(events: readonly TimedEvent[]): boolean {
  return events.some(event => event.type === 'phase' && event.phase === 'done');
}

/** A run that never drove, or not to the end, owes no further faults and arrivals; other gates say why it ended. */
function stoppedEarly(events: readonly TimedEvent[]): boolean {
  const stopped = events.some(event => ['interrupted', 'crashed', 'invalid'].includes(event.type));
  return stopped || !isDone(events);
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
