import type { RunFacts } from '../../reports/judge/check.ts';
import type { StepFigures } from '../../reports/store/capacity-document.ts';
import type { RenderInput, TimelineSeries } from '../../reports/store/run-document.ts';
import { type SecondHalf, secondHalfOf } from './growth.ts';
import { type Growth, isPlain } from './lag-posterior.ts';
import { LAG, type NamedTally } from './posteriors.ts';
import { isMet, tallyName, tallyOf } from './tally.ts';

/** Limits of the gates on a generator: P99 of its lateness in ms, and cores in use, of each process. */
const MAX_LATE_MS = 100;
const MAX_CORES = 0.85;
/** Ratio of arrivals that may be dropped. */
const MAX_DROPPED_RATIO = 0.01;
/** Ratio of its rate that ends in the second half of a step that passes. */
const MIN_ENDED_RATIO = 0.9;
/** Growth of the requests in flight over the second half of a step, in standard deviations of its arrivals, and as a ratio of them. */
const MIN_SIGMAS = 4;
const MIN_GROWTH_RATIO = 0.05;

/** Result of a judged run. */
export interface JudgedStep extends Pick<RenderInput, 'document' | 'timeline'> {
  readonly facts: RunFacts;
}

/**
 * Figures of a step from its judged run.
 *
 * | the run | `met` |
 * |---|---|
 * | a lag that grew, where the generator was late | unknown |
 * | ended early as over-saturated, no steady state, dropped arrivals, or a lag that grew | false |
 * | invalid for another reason, such as the generator's | unknown |
 * | any SLO missed by its measured value | false |
 * | an SLO without a measured value | unknown |
 *
 * A step whose SLOs pass is inconclusive, too, if less than 90 % of its rate ended in its second half: it may hide an overload. An inconclusive step counts by the side of the objective on which its values are, and by how many of its requests.
 * @param overload why it was ended early; undefined if it was not
 * @param perSecond rate of the arrivals, which go on whatever the service does; null for a closed loop, which has no lag
 */
export function figuresOf(step: JudgedStep, overload: string | undefined, perSecond: number | null): StepFigures {
  const isOpen = perSecond !== null;
  const { document, timeline, facts } = step;
  const half = perSecond === null ? undefined : secondHalfOf(facts, perSecond);
  const { load, windows, slos } = document;
  const whole = windows.find(({ name }) => name === 'whole');
  const seconds = whole ? (whole.toMs - whole.fromMs) / 1000 : 0;
  const slots = Math.floor((seconds * 1000) / timeline.slotMs);
  const tokens = timeline.tokens.slice(0, slots);
  const rateOf = (count: number) => (seconds > 0 ? count / seconds : 0);
  const lag = overload ?? (isOpen ? (lagOf(timeline, slots, load) ?? growthLag(half?.growth)) : undefined);
  const judged = judgementOf(document, lag, overload !== undefined);
  const hidden = judged.verdict === 'pass' && half ? hiddenOverload(half) : undefined;
  const judgement = hidden === undefined ? judged : { ...judged, verdict: 'inconclusive' as const, reason: hidden };
  const tallies = new Map(slos.map(slo => [tallyName(slo), tallyOf(slo, facts, isOpen)]));
  const hasLag = judgement.met === false && (lag !== undefined || isUnsteady(document));
  return {
    ...judgement,
    tallies: [...[...tallies.values()].filter(tally => tally !== undefined), overloadTally(hasLag)],
    ...(half?.growth && { growth: half.growth }),
    requests: load.offered,
    failed: load.failed,
    arrivalsPerSecond: rateOf(load.offered),
    completedPerSecond: rateOf(load.completed),
    p50TtftMs: whole?.ttftMs.p50 ?? null,
    p99TtftMs: whole?.ttftMs.p99 ?? null,
    p99LatencyMs: whole?.latencyMs.p99 ?? null,
    tokensPerSecond: tokens.reduce((sum, count) => sum + count, 0) / Math.max(1, tokens.length),
  };
}

function overloadTally(hasLag: boolean): NamedTally {
  return { name: LAG, violations: hasLag ? 1 : 0, count: 1, allowed: 0.5 };
}

type Judgement = Pick<StepFigures, 'verdict' | 'met' | 'isGeneratorLimit' | 'missed' | 'reason' | 'endedEarly'>;

function judgementOf(document: RenderInput['document'], lag: string | undefined, endedEarly: boolean): Judgement {
  const { verdict, reasons, load, slos } = document;
  const missed = slos.filter(slo => isMet(slo) === false).map(tallyName);
  const shared = { isGeneratorLimit: false, endedEarly };
  const reason = reasons[0] ?? '';
  const isLate = (load.lateMsP99 ?? 0) > MAX_LATE_MS;
  const isGeneratorLimit = isLate || (load.cpuCores ?? 0) > MAX_CORES;
  // Requests that were sent late, and then all at once, are no overload of the service.
  if (lag !== undefined && isLate) {
    const text = `${lag}, but the load generator was late by ${Math.round(load.lateMsP99 ?? 0)} ms (P99)`;
    return { ...shared, verdict: 'invalid', met: null, isGeneratorLimit, missed: [], reason: text };
  }
  if (lag !== undefined) {
    const text = `${endedEarly ? 'ended early: ' : ''}${lag}`;
    return { ...shared, verdict: 'fail', met: false, missed: missed.length > 0 ? missed : [LAG], reason: text };
  }
  if (isUnsteady(document)) return { ...shared, verdict: 'fail', met: false, missed: [LAG], reason };
  if (verdict === 'invalid') return { ...shared, verdict, met: null, isGeneratorLimit, missed: [], reason };
  const met = missed.length > 0 ? false : slos.some(slo => isMet(slo) === null) ? null : true;
  return { ...shared, verdict, met, missed, reason };
}

/** Whether the warm-up found no steady state: the service did not even serve that. */
function isUnsteady({ reasons }: RenderInput['document']): boolean {
  return reasons.some(reason => reason.startsWith('steady-state'));
}

/** Why the service did not keep up with its arrivals; undefined if it did: requests in flight in the middle and at the end of a step. */
function lagOf(
  { inFlight, slotMs }: TimelineSeries,
  slots: number,
  { offered, dropped }: RenderInput['document']['load'],
): string | undefined {
  if (dropped > MAX_DROPPED_RATIO * offered)
    return `${dropped} of ${offered} arrivals were dropped, since load.maxInFlight requests were in flight`;
  const mean = (from: number, to: number) => {
    const first = Math.floor(from * slots);
    const part = inFlight.slice(first, Math.max(first + 1, Math.floor(to * slots)));
    return part.reduce((sum, count) => sum + count, 0) / Math.max(1, part.length);
  };
  const arrived = offered / 2;
  const grown = mean(0.9, 1) - mean(0.45, 0.55);
  if (slots < 10 || grown < Math.max(MIN_SIGMAS * Math.sqrt(arrived), MIN_GROWTH_RATIO * arrived)) return undefined;
  const perSecond = (grown * 1000) / (0.45 * slots * slotMs);
  return `the lag grows by ${Number(perSecond.toPrecision(2))} requests a second`;
}

/** Why a step that meets its SLOs does not show that the service keeps up; undefined if it does. */
function hiddenOverload({ endedRatio }: SecondHalf): string | undefined {
  if (endedRatio >= MIN_ENDED_RATIO) return undefined;
  return `all SLOs are met, but in its second half only ${Math.round(100 * endedRatio)} % of its rate ended: an overload may be hidden`;
}

/** Why requests in flight grew by more than chance; undefined if they did not. */
function growthLag(growth: Growth | undefined): string | undefined {
  if (!growth || !isPlain(growth)) return undefined;
  const { requests, arrivals } = growth;
  return `${requests} more requests were in flight at its end than in its middle, of ${arrivals} that arrived between`;
}
