import { expectedArrivals } from '../../harness/arrivals/arrivals.ts';
import type { TimedEvent } from '../../harness/history.ts';
import { coreUtilization } from '../../harness/load-summary.ts';
import { formatMs } from '../../harness/quantity.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import { injects } from '../../harness/segment.ts';
import { requestsIn } from '../../harness/windows.ts';
import { formatPercent } from '../rounding.ts';
import type { RunDocument } from '../store/run-document.ts';
import type { RunFacts } from './check.ts';

/**
 * Gates decide whether a run's numbers mean anything. Each is a pure function that returns why they do not, one sentence a
 * reason, or nothing. A run with any such reason is `invalid`, whatever its SLOs say.
 */
export type Gate = (run: RunFacts, load: RunDocument['load']) => readonly string[];

/** Sending may lag this far behind the schedule at the 99th percentile; beyond, the generator was the bottleneck. */
const MAX_LATE_P99_MS = 100;
/** Above this share of arrivals that were dropped, what was left out is more than any P99 can bear. */
export const MAX_DROPPED_RATIO = 0.01;

/**
 * Above this share of the cores that the generator can use, over the whole time it drove, it measured itself. An event that
 * finds a busy thread waits ρ / 2(1 − ρ) times what one takes (M/D/1): 2 times at 80 %, 2.8 at 85 %, 9.5 at 95 %; and the busiest
 * second lies above the average.
 */
const MAX_GENERATOR_LOAD = 0.85;
/** Below this share of a stage's arrivals that left in its time, the stage's rate was not the one it names. */
const MIN_SENT_RATIO = 0.95;
/** Above this share of a window's requests that were sent later than {@link MAX_LATE_P99_MS}, its latencies are the generator's. */
const MAX_LATE_RATIO = 0.05;
/** With fewer arrivals in a stage or window one more or less is beyond these ratios by itself. */
const MIN_STAGE_ARRIVALS = 20;
/** Fewer requests than this say nothing: were all of them good, 10 % could still fail (rule of three, 95 %). */
const MIN_MEASURED = 30;
/** How far wall clock and monotonic clock may part between two phases: a second, and the 500 ppm by which NTP may slew. */
const MAX_CLOCK_JUMP_MS = 1000;
const MAX_SLEW_RATIO = 500e-6;

/** What the run itself found to spoil it while it went, such as no steady state. */
const declaredInvalid: Gate = ({ events }) =>
  events.filter(event => event.type === 'invalid').map(event => sentence(`${event.guard}: ${event.reason}`));

/** The harness failed, or was killed before it could say so. */
export const cutShort: Gate = ({ events }) => {
  const crash = events.find(event => event.type === 'crashed');
  if (crash) return [sentence(`The run crashed: ${crash.reason}`)];
  if (events.some(event => event.type === 'interrupted') || isDone(events)) return [];
  return ['The history ends in the middle of the run: the harness was killed.'];
};

/** A fault that could not be injected or was never seen to act proves nothing; one that never came due is no matter. */
const faultsBit: Gate = ({ plan: whole, faults, events }) => {
  const ended = stoppedEarly(events);
  const own = faults.filter(fault => injects(whole, fault.plan));
  return own.flatMap(({ plan, bitAtMs, injectedAtMs }) => {
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
const faultsHealed: Gate = ({ faults, events }) =>
  faults.flatMap(({ plan, injectedAtMs, healedAtMs }) => {
    const steps = events.filter(event => event.type === 'fault').filter(event => event.id === plan.id);
    const told = steps.find(step => step.step === 'not-healed');
    if (healedAtMs !== null || (injectedAtMs === null && !told)) return [];
    return [sentence(`The fault ${plan.id} was never seen to heal${told?.evidence ? `: ${told.evidence}` : ''}`)];
  });

/** The generator kept to its schedule, also in each window that an SLO judges: a short one's share of the whole may be small. */
const generatorPunctual: Gate = ({ plan, windows, records }, { lateMsP99 }) => {
  const allowed = formatMs(MAX_LATE_P99_MS);
  if (lateMsP99 !== null && lateMsP99 > MAX_LATE_P99_MS)
    return [`The generator sent ${formatMs(lateMsP99)} late at P99, allowed are ${allowed}.`];
  const judged = new Set(plan.slos.map(({ window }) => window));
  return windows.flatMap(window => {
    if (!judged.has(window.name)) return [];
    const sent = requestsIn(window, records).filter(({ sentMs }) => sentMs !== null);
    const late = sent.filter(({ sentMs, scheduledMs }) => sentMs! - scheduledMs > MAX_LATE_P99_MS).length;
    if (sent.length < MIN_STAGE_ARRIVALS || late <= MAX_LATE_RATIO * sent.length) return [];
    return [
      `In the window ${window.name} ${late} of ${sent.length} requests (${formatPercent(late, sent.length)}) were sent more than ${allowed} late, allowed are ${formatPercent(MAX_LATE_RATIO, 1)}.`,
    ];
  });
};

/** The generator could send what it was asked to. */
const fewDropped: Gate = (_run, { dropped, offered }) =>
  dropped > MAX_DROPPED_RATIO * offered
    ? [
        `${dropped} of ${offered} arrivals (${formatPercent(dropped, offered)}) were dropped at the bound on requests in flight, allowed are ${formatPercent(MAX_DROPPED_RATIO, 1)}.`,
      ]
    : [];

/**
 * Every request left a record, unless the run was stopped early: every arrival of the plan, where there is one; and everything
 * that the generator says it began, which is all that can be asked of a closed loop and of later turns of a session.
 */
const nothingMissing: Gate = ({ plan, records, events }) => {
  if (stoppedEarly(events)) return [];
  const planned = plan.arrivals?.count ?? 0;
  const arrived = records.filter(record => !record.turn).length;
  if (arrived < planned) return [`${planned - arrived} of ${planned} arrivals left no record.`];
  const begun = events.find(event => event.type === 'load')?.summary.requests ?? 0;
  // Even a generator that could not say how many there were has numbered them without gaps.
  const numbered = plan.arrivals ? 0 : records.reduce((most, { index }) => Math.max(most, index + 1), 0);
  const counted = Math.max(begun, numbered);
  return records.length < counted ? [`${counted - records.length} of ${counted} requests left no record.`] : [];
};

/** The generator had time to spare, of several the busiest. Silent where it did not say how many cores it can use. */
const generatorAtEase: Gate = ({ events }) => {
  const summary = events.find(event => event.type === 'load')?.summary;
  const share = summary && coreUtilization(summary);
  if (share === undefined || share <= MAX_GENERATOR_LOAD) return [];
  const { cores, busiest } = summary!;
  const who = busiest === undefined ? 'The generator' : 'The busiest generator';
  const most = busiest !== undefined ? 'the cores' : cores === 1 ? 'the one core' : `the ${cores} cores`;
  return [
    `${who} used ${formatPercent(share, 1)} of ${most} that it can use, allowed are ${formatPercent(MAX_GENERATOR_LOAD, 1)}.`,
  ];
};

/**
 * In each stage, the load was as high as the plan says: its arrivals left within it. Where the generator does not say when they were
 * due, they are as many as the rate asks for: one that falls behind shows in that alone.
 */
const ratesReached: Gate = ({ plan, records, events }) => {
  const isUntimed = events.some(event => event.type === 'load' && event.summary.lateness === 'unknown');
  const ratedIn = (stage: string) =>
    plan.load.segments.filter(({ name }) => name === stage).reduce((sum, part) => sum + expectedArrivals(part), 0) /
    (plan.segment?.of ?? 1);
  const endsMs = new Map(plan.load.segments.map(({ name, toMs }) => [name, toMs]));
  const inTime = ({ stage, sentMs }: RequestRecord) =>
    sentMs !== null && sentMs <= (endsMs.get(stage) ?? Number.POSITIVE_INFINITY) + MAX_LATE_P99_MS;
  const stages = Map.groupBy(
    records.filter(record => record.scheduledMs >= 0),
    record => record.stage,
  );
  return [...stages].flatMap(([stage, arrivals]) => {
    const sent = arrivals.filter(inTime).length;
    const due = Math.max(arrivals.length, isUntimed && plan.arrivals ? Math.floor(ratedIn(stage)) : 0);
    if (due < MIN_STAGE_ARRIVALS || sent >= MIN_SENT_RATIO * due) return [];
    const share = formatPercent(sent, due);
    return [
      `In the stage ${stage} ${sent} of ${due} arrivals (${share}) were sent in its time, at least ${formatPercent(MIN_SENT_RATIO, 1)} must be.`,
    ];
  });
};

/** While it was measured, the machine was not suspended and nobody set its clock. Silent where no wall clock was noted. */
const clockSteady: Gate = ({ events }) => {
  const phases = events.filter(event => event.type === 'phase');
  return phases.flatMap(({ phase, atMs, wallMs }, index) => {
    const next = phases[index + 1];
    const measured = phase !== 'up' && phase !== 'down' && phase !== 'done';
    if (!measured || wallMs === undefined || next?.wallMs === undefined) return [];
    const tookMs = next.atMs - atMs;
    const jumpMs = next.wallMs - wallMs - tookMs;
    if (Math.abs(jumpMs) <= MAX_CLOCK_JUMP_MS + MAX_SLEW_RATIO * tookMs) return [];
    const [direction, by] = [jumpMs > 0 ? 'forward' : 'back', formatMs(Math.abs(jumpMs))];
    return [
      `The clock jumped ${direction} by ${by} between the phases ${phase} and ${next.phase}: the machine was suspended, or somebody set its time.`,
    ];
  });
};

/** There is enough to judge at all, unless the run was stopped early; each SLO may ask for more. */
const enoughMeasured: Gate = ({ events }, { completed, failed }) =>
  !stoppedEarly(events) && completed + failed < MIN_MEASURED
    ? [`Only ${completed + failed} requests were measured, at least ${MIN_MEASURED} must be.`]
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
  generatorAtEase,
  ratesReached,
  clockSteady,
  enoughMeasured,
];

/** Those that each of several generators that shared a load has to pass on its own, for all together do not show it. */
export const GENERATOR_GATES: readonly Gate[] = [generatorPunctual, clockSteady];

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
