import { expectedArrivals } from '../../harness/arrivals/arrivals.ts';
import type { TimedEvent } from '../../harness/history.ts';
import { coreUtilisation } from '../../harness/load-summary.ts';
import { formatMs } from '../../harness/quantity.ts';
import { injects } from '../../harness/segment.ts';
import { requestsIn } from '../../harness/windows.ts';
import { formatPercent } from '../rounding.ts';
import type { RunDocument } from '../store/run-document.ts';
import type { RunFacts } from './check.ts';
import { stepLabel } from './event-rows.ts';
import { arrivalsOf } from './folds/arrivals.ts';
import { LATENESS, MAX_LATE_P99_MS } from './folds/lateness.ts';

/**
 * Gate that decides whether a run's figures mean anything. A pure function that returns the reasons why they do not, one sentence
 * each, or none. A run with any such reason is `invalid`, whatever its SLOs say.
 */
export type Gate = (run: RunFacts, load: RunDocument['load']) => readonly string[];

/** Limit of the ratio of dropped arrivals; beyond it too much is missing for a P99 to mean anything. */
export const MAX_DROPPED_RATIO = 0.01;

/**
 * Limit of the generator's core utilisation over the run; beyond it the generator measured itself. By M/D/1, an event waits
 * ρ / 2(1 − ρ) service times for a busy thread: 2 at 80 %, 2.8 at 85 %, 9.5 at 95 %; and the busiest second is above the average.
 */
const MAX_GENERATOR_UTILISATION = 0.85;
/** Minimum ratio of a stage's arrivals sent before the stage ended; below it the stage did not have its rate. */
const MIN_SENT_RATIO = 0.95;
/** Limit of the ratio of a window's requests sent later than {@link MAX_LATE_P99_MS}; beyond it its latencies are the generator's. */
const MAX_LATE_RATIO = 0.05;
/** Minimum arrivals of a stage or window for these ratios; with fewer, a single request would exceed them. */
const MIN_STAGE_ARRIVALS = 20;
/** Minimum requests of a run: even if fewer all succeed, the true error ratio may be 10 % (rule of three, 95 %). */
export const MIN_REQUESTS = 30;
/** Limit of the divergence of wall clock and monotonic clock between two phases: a second, plus NTP's maximum slew of 500 ppm. */
const MAX_CLOCK_JUMP_MS = 1000;
const MAX_SLEW_RATIO = 500e-6;

/** Problems that the run itself detected, such as no steady state. */
const declaredInvalid: Gate = ({ events }) =>
  events.filter(event => event.type === 'invalid').map(event => sentence(`${event.guard}: ${event.reason}`));

/** The harness neither crashed nor was killed. */
const harnessSurvived: Gate = ({ events }) => {
  const crash = events.find(event => event.type === 'crashed');
  if (crash) return [sentence(`The run crashed: ${crash.reason}`)];
  if (events.some(event => event.type === 'interrupted') || isDone(events)) return [];
  return ['The history is truncated: the harness was killed during the run.'];
};

/** Every fault that came due was injected and had an observable effect; without one, the run proves nothing. */
const faultsTookEffect: Gate = ({ plan: whole, faults, events }) => {
  const ended = stoppedEarly(events);
  const own = faults.filter(fault => injects(whole, fault.plan));
  return own.flatMap(({ plan, effectiveAtMs, injectedAtMs }) => {
    const { problem, evidence } = problemOf(plan.id, events, ['failed', 'no-effect', 'hidden']);
    if (problem?.step === 'failed') return [sentence(`Fault ${plan.id} failed${evidence}`)];
    if (problem?.step === 'hidden') return [sentence(`Fault ${plan.id} ${stepLabel('hidden')}${evidence}`)];
    if (effectiveAtMs !== null || (ended && !problem)) return [];
    const what = injectedAtMs === null ? 'was never injected' : 'had no observable effect';
    return [sentence(`Fault ${plan.id} ${what}${evidence}`)];
  });
};

/** First of these steps of a fault, and its evidence as the end of a sentence. */
function problemOf(id: string, events: readonly TimedEvent[], steps: readonly string[]) {
  const faultEvents = events.filter(event => event.type === 'fault');
  const problem = faultEvents.find(event => event.id === id && steps.includes(event.step));
  return { problem, evidence: problem?.evidence ? `: ${problem.evidence}` : '' };
}

/** Recovery from every injected fault was observed; otherwise the next fault, or the next run, starts with a broken stack. */
const faultsRecovered: Gate = ({ faults, events }) =>
  faults.flatMap(({ plan, injectedAtMs, healedAtMs }) => {
    const { problem, evidence } = problemOf(plan.id, events, ['not-healed']);
    if (healedAtMs !== null || (injectedAtMs === null && !problem)) return [];
    return [sentence(`Recovery from fault ${plan.id} was not observed${evidence}`)];
  });

const TOO_BUSY = ' The load generator had too little CPU: end other programs, lower the rate, or use more --workers.';

/** The generator kept its schedule over the run, and in each window that an SLO judges, of which a P99 over the run may show nothing. */
const generatorOnSchedule: Gate = ({ plan, windows, records }, { lateMsP99 }) => {
  const limit = formatMs(MAX_LATE_P99_MS);
  if (lateMsP99 !== null && lateMsP99 > MAX_LATE_P99_MS)
    return [`P99 send lateness ${formatMs(lateMsP99)} exceeds the limit of ${limit}.${TOO_BUSY}`];
  const judged = new Set(plan.slos.map(({ window }) => window));
  return windows.flatMap(window => {
    if (!judged.has(window.name)) return [];
    const { sent, late } = LATENESS.of(requestsIn(window, records));
    if (sent < MIN_STAGE_ARRIVALS || late <= MAX_LATE_RATIO * sent) return [];
    return [
      `In window ${window.name}, ${late} of ${sent} requests (${formatPercent(late, sent)}) were sent more than ${limit} late; the limit is ${formatPercent(MAX_LATE_RATIO, 1)}.${TOO_BUSY}`,
    ];
  });
};

/** The generator sent nearly all arrivals. */
const fewDropped: Gate = (_run, { dropped, offered }) =>
  dropped > MAX_DROPPED_RATIO * offered
    ? [
        `${dropped} of ${offered} arrivals (${formatPercent(dropped, offered)}) were dropped because too many requests were in flight; the limit is ${formatPercent(MAX_DROPPED_RATIO, 1)}.`,
      ]
    : [];

/**
 * Every request has a record, unless the run was stopped early: every planned arrival, where there is a schedule, and every request
 * that the generator reports to have started, the only reference for a closed loop and for later turns of a session. None is of another run.
 */
const recordsComplete: Gate = ({ plan, records, events }) => {
  if (stoppedEarly(events)) return [];
  const planned = plan.arrivals?.count ?? 0;
  const { first: arrived, numbered: indexed } = arrivalsOf(plan.load.ramps, records);
  if (arrived < planned) return [`${planned - arrived} of ${planned} arrivals left no record.`];
  // A generator with a clock of its own may send one more or less than planned.
  if (planned > 0 && arrived > planned && !isUntimed(events))
    return [`${arrived - planned} of ${arrived} requests are not of this plan: they are those of another run.`];
  const started = events.find(event => event.type === 'load')?.summary.requests ?? 0;
  // A generator that reports no count still numbers its requests without gaps.
  const numbered = plan.arrivals ? 0 : indexed;
  const counted = Math.max(started, numbered);
  return records.length < counted ? [`${counted - records.length} of ${counted} requests left no record.`] : [];
};

/** The generator, or the busiest of several, had CPU headroom. Passes where the number of its cores is unknown. */
const generatorHasHeadroom: Gate = ({ events }) => {
  const summary = events.find(event => event.type === 'load')?.summary;
  const utilisation = summary && coreUtilisation(summary);
  if (utilisation === undefined || utilisation <= MAX_GENERATOR_UTILISATION) return [];
  const { cores, busiest } = summary!;
  const generator = busiest === undefined ? 'The generator' : 'The busiest generator';
  const available = busiest !== undefined ? 'cores' : cores === 1 ? 'one core' : `${cores} cores`;
  return [
    `${generator} used ${formatPercent(utilisation, 1)} of its ${available}; the limit is ${formatPercent(MAX_GENERATOR_UTILISATION, 1)}.`,
  ];
};

/** Each stage had its planned rate: its arrivals were sent before it ended. */
const stagesOnTime: Gate = run => stagesShort(run, (_stage, arrivals) => arrivals);

/**
 * Each stage of a generator that does not report when arrivals were due had at least as many as its rate asks for: that it falls behind
 * shows in nothing else.
 */
const ratesReached: Gate = run => {
  const { plan, events } = run;
  if (!isUntimed(events) || !plan.arrivals) return [];
  return stagesShort(run, (stage, arrivals) => {
    const rated = Math.floor(ratedArrivals(plan, stage));
    // Those that were recorded are the business of the gate above.
    return rated > arrivals ? rated : 0;
  });
};

/** Arrivals that the rates of a stage ask this generator for. */
function ratedArrivals({ load, segment }: RunFacts['plan'], stage: string): number {
  const ramps = load.ramps.filter(({ name }) => name === stage);
  const whole = ramps.reduce((sum, ramp) => sum + expectedArrivals(ramp), 0);
  // What is due at the very end of a stage may be sent, within the lateness limit, in the next one.
  const peak = Math.max(0, ...ramps.flatMap(({ fromPerSecond, toPerSecond }) => [fromPerSecond, toPerSecond]));
  return (whole - (peak * MAX_LATE_P99_MS) / 1000) / (segment?.of ?? 1);
}

/** Sentences on the stages that sent too few of their due arrivals before they ended. */
function stagesShort({ plan, records }: RunFacts, dueIn: (stage: string, arrivals: number) => number): string[] {
  const { stages } = arrivalsOf(plan.load.ramps, records);
  return [...stages].flatMap(([stage, { arrivals, sent }]) => {
    const due = dueIn(stage, arrivals);
    if (due < MIN_STAGE_ARRIVALS || sent >= MIN_SENT_RATIO * due) return [];
    const ratio = formatPercent(sent, due);
    return [
      `In stage ${stage}, ${sent} of ${due} arrivals (${ratio}) were sent before the stage ended; the minimum is ${formatPercent(MIN_SENT_RATIO, 1)}.`,
    ];
  });
}

/** The machine was neither suspended nor its clock set during the measurement. Passes where no wall clock was recorded. */
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
      `The wall clock jumped ${direction} by ${by} between the phases ${phase} and ${next.phase}: the machine was suspended, or its clock was set.`,
    ];
  });
};

/** There are enough requests to judge at all, unless the run was stopped early; an SLO may need more. */
const enoughRequests: Gate = ({ events }, { completed, failed }) =>
  !stoppedEarly(events) && completed + failed < MIN_REQUESTS
    ? [`Only ${completed + failed} requests were measured; the minimum is ${MIN_REQUESTS}.`]
    : [];

/** All gates, in the order of their reasons. */
export const GATES: readonly Gate[] = [
  declaredInvalid,
  harnessSurvived,
  faultsTookEffect,
  faultsRecovered,
  generatorOnSchedule,
  fewDropped,
  recordsComplete,
  generatorHasHeadroom,
  stagesOnTime,
  ratesReached,
  clockSteady,
  enoughRequests,
];

/** Gates that each generator of a shared load must pass on its own, since the union would hide a failure. */
export const GENERATOR_GATES: readonly Gate[] = [generatorOnSchedule, clockSteady];

/** Whether the generator does not report when arrivals were due. */
function isUntimed(events: readonly TimedEvent[]): boolean {
  return events.some(event => event.type === 'load' && event.summary.lateness === 'unknown');
}

/** Whether the run wrote its last phase, which every run does unless it is killed, even if it crashes. */
function isDone(events: readonly TimedEvent[]): boolean {
  return events.some(event => event.type === 'phase' && event.phase === 'done');
}

/** Whether the run ended before its load did, so that faults and arrivals may be missing; other gates state the cause. */
function stoppedEarly(events: readonly TimedEvent[]): boolean {
  const stopped = events.some(event => ['interrupted', 'crashed', 'invalid'].includes(event.type));
  return stopped || !isDone(events);
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
