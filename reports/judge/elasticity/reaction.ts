import type { TimedEvent } from '../../../harness/history.ts';
import type { RunPlan } from '../../../harness/plan.ts';
import type { Requests } from '../../../harness/requests.ts';
import type { FaultOutcome } from '../../../harness/windows.ts';
import { isSeen, type Mark, notAfter, type Seen, seenAt } from './mark.ts';
import { activity, decisionEvents, replicaEvents, replicasOf, scaleEvents } from './replicas.ts';
import { type RestoredInput, restoredAfter } from './restored.ts';
import { type Step, stepsOf } from './steps.ts';

/** Stages of a reaction after its step, in their usual order. */
export const STAGES = ['signal', 'decided', 'started', 'ready', 'served', 'restored'] as const;
/** One of {@link STAGES}. */
export type Stage = (typeof STAGES)[number];

/** Course of the reaction to a step. */
export interface Reaction {
  readonly step: Step;
  readonly marks: Readonly<Record<Stage, Mark>>;
  /** Objectives that the step broke, as written. */
  readonly broken: readonly string[];
  /** Whether more replicas were called for: by the metric, by the decision, or by an objective that did not hold again by itself. */
  readonly isNeeded: boolean;
}

/** What reactions are folded from. */
export interface ReactionInput extends RestoredInput {
  readonly plan: Pick<RunPlan, 'load' | 'platform'>;
  readonly events: readonly TimedEvent[];
  readonly faults: readonly FaultOutcome[];
}

/**
 * Reactions to the steps of a run, in order, each stage from its own evidence:
 *
 * ```
 * step      load schedule, or the injection of a fault
 * signal    the first scrape after the step from which the autoscaler's metrics propose more replicas than there are, or fewer, by its
 *           log; they had not by the scrape that the sync before used
 * decided   the desired number of replicas changed after that scrape, as the platform was told
 * started   the first replica that this change added was started
 * ready     the first of these passed its readiness probe; the probe before had failed
 * served    the first token of the first response that one of these served, as its client saw it
 * restored  the objectives of the run held again, see `restored.ts`
 * ```
 *
 * What is later proves what is earlier: a replica that served was ready. `signal`, `decided` and `restored` lie before the next step;
 * what the decision started may come after it. A fall of the load has `signal` and `decided` only. A change that rests on scrapes from
 * before the step is no reaction to it.
 */
export function reactionsOf(input: ReactionInput): Reaction[] {
  const endMs = input.windows.find(({ name }) => name === 'whole')?.toMs ?? 0;
  return stepsOf(input.plan, input.faults, input.events, endMs).map(step => reactionTo(step, endMs, input));
}

/** @param untilMs end of the observed load */
function reactionTo(step: Step, untilMs: number, input: ReactionInput): Reaction {
  const { events, records } = input;
  const signal = signalAfter(step, events);
  const { mark: decided, added } = decidedAfter(step, signal, input);
  if (step.direction === 'down') {
    const none: Mark = { why: 'a fall of the load starts no replicas', notBeforeMs: null };
    const marks = { signal, decided, started: none, ready: none, served: none, restored: none };
    return { step, marks, broken: [], isNeeded: isSeen(signal) || isSeen(decided) };
  }
  const startedMs = isSeen(decided) ? startsOf(added, events, decided.atMs, untilMs) : new Map<string, number>();
  const unstarted = isSeen(decided) ? `no replica was started${pendingText(added, events)}` : decided.why;
  const unseen = startedMs.size === 0 ? { why: unstarted, notBeforeMs: untilMs } : undefined;
  const served = unseen ?? servedBy(startedMs, records, untilMs);
  const ready = notAfter(unseen ?? readyOf(startedMs, events, untilMs), served);
  const started = unseen ?? seenAt(Math.min(...startedMs.values()));
  const { mark: restored, broken } = restoredAfter(step, input);
  return {
    step,
    marks: { signal, decided, started, ready, served, restored },
    broken,
    isNeeded: isSeen(signal) || isSeen(decided) || (broken.length > 0 && !isSeen(restored)),
  };
}

type DecisionEvent = ReturnType<typeof decisionEvents>[number];

/** When what a decision rests on was scraped; the decision itself where it needs no metrics. */
function scrapedMs({ atMs, sampleAgeMs = 0 }: DecisionEvent): number {
  return atMs - sampleAgeMs;
}

function signalAfter(step: Step, events: readonly TimedEvent[]): Mark {
  const all = decisionEvents(events);
  if (all.length === 0) return { why: NO_LOG, notBeforeMs: null };
  const within = all.filter(one => scrapedMs(one) >= step.atMs && one.atMs < step.endMs);
  const sign = signOf(step);
  const found = within.find(({ proposal, current }) => sign * (proposal - current) > 0);
  const [last] = within.slice(-1);
  if (!last) return { why: 'the autoscaler made no decision in that time', notBeforeMs: null };
  if (!found)
    return {
      why: inactivity(events, within) ?? `its metrics never called for ${sign > 0 ? 'more' : 'fewer'} replicas`,
      notBeforeMs: scrapedMs(last),
    };
  const before = all[all.indexOf(found) - 1];
  return seenAt(scrapedMs(found), Math.max(step.atMs, before ? scrapedMs(before) : step.atMs));
}

/** Why none of some decisions could follow from metrics; undefined if one did. */
function inactivity(events: readonly TimedEvent[], within: readonly DecisionEvent[]): string | undefined {
  const during = activity(events).filter(({ decision }) => within.includes(decision));
  const { inactive } = during.at(-1) ?? {};
  if (!inactive || !during.every(one => one.inactive)) return undefined;
  return `ScalingActive was False, ${inactive.reason}: ${inactive.message}`;
}

const NO_LOG = 'no autoscaler left a log of its decisions';

function signOf({ direction }: Step): 1 | -1 {
  return direction === 'up' ? 1 : -1;
}

/** The change of the desired number, and the replicas that it added. */
function decidedAfter(
  step: Step,
  signal: Mark,
  { plan, events }: ReactionInput,
): { readonly mark: Mark; readonly added: readonly string[] } {
  if (plan.platform === 'external')
    return { mark: { why: 'the replicas of a target are not observed', notBeforeMs: null }, added: [] };
  const sign = signOf(step);
  const fromMs = isSeen(signal) ? signal.atMs : signal.why === NO_LOG ? step.atMs : Number.POSITIVE_INFINITY;
  const found = scaleEvents(events).find(
    ({ atMs, from, to }) => atMs >= fromMs && atMs < step.endMs && sign * (to - from) > 0,
  );
  if (found) return { mark: seenAt(found.atMs), added: replicasOf(found) };
  const why =
    isSeen(signal) || signal.why === NO_LOG
      ? `the number of replicas was not ${sign > 0 ? 'raised' : 'lowered'}`
      : signal.why;
  return { mark: { why, notBeforeMs: step.endMs }, added: [] };
}

/** First starts of replicas within a time. */
function startsOf(added: readonly string[], events: readonly TimedEvent[], fromMs: number, untilMs: number) {
  const starts = replicaEvents(events).filter(
    ({ replica, state, atMs }) => state === 'starting' && atMs >= fromMs && atMs < untilMs && added.includes(replica),
  );
  return new Map(starts.reverse().map(({ replica, atMs }) => [replica, atMs]));
}

/** Why the first of some replicas that has no place on a node has none, in brackets; empty where all have one. */
function pendingText(replicas: readonly string[], events: readonly TimedEvent[]): string {
  const placements = events.filter(event => event.type === 'placement');
  const last = replicas.map(replica => placements.findLast(event => event.replica === replica));
  const pending = last.find(event => event?.state === 'pending');
  return pending ? ` (${pending.replica} is pending: ${pending.reason})` : '';
}

/** When each of some replicas was started. */
type Starts = ReadonlyMap<string, number>;

function isAfterStart(startedMs: Starts, replica: string, atMs: number): boolean {
  return atMs >= (startedMs.get(replica) ?? Number.POSITIVE_INFINITY);
}

function readyOf(startedMs: Starts, events: readonly TimedEvent[], untilMs: number): Mark {
  const found = replicaEvents(events).find(
    ({ replica, state, atMs }) => state === 'ready' && atMs < untilMs && isAfterStart(startedMs, replica, atMs),
  );
  if (!found) return { why: 'no replica that was started became ready', notBeforeMs: untilMs };
  return seenAt(found.atMs, found.atMs - (found.withinMs ?? 0));
}

function servedBy(startedMs: Starts, records: Requests, untilMs: number): Mark {
  if (!records.some(({ upstream }) => upstream !== ''))
    return { why: 'no response names its upstream', notBeforeMs: null };
  let firstMs = Number.POSITIVE_INFINITY;
  records.forEach(({ upstream, firstTokenMs }) => {
    if (firstTokenMs !== null && isAfterStart(startedMs, upstream, firstTokenMs))
      firstMs = Math.min(firstMs, firstTokenMs);
  });
  if (firstMs < untilMs) return seenAt(firstMs);
  return { why: 'no replica that was started served a request', notBeforeMs: untilMs };
}

/** Time from one stage to another, or of several such spans together, in ms of the run's own time. */
export interface Span {
  /** Null where a stage of it was not observed; the bounds are those that the observations leave. */
  readonly measuredMs: number | null;
  readonly lowerMs: number | null;
  readonly upperMs: number | null;
  /** Why a stage was not observed; absent if all were. */
  readonly why?: string;
}

/** How often each instant counts in a span: 1 for its end, -1 for its beginning. */
export type Weights = Readonly<Partial<Record<Stage | 'step', number>>>;

/** Length of a span: the weighted sum of its instants, and of their bounds. What cancels out blurs nothing. */
export function spanOf({ step, marks }: Reaction, weights: Weights): Span {
  const used = Object.entries(weights).filter(([, weight]) => weight !== 0) as [Stage | 'step', number][];
  const markOf = (stage: Stage | 'step'): Mark => (stage === 'step' ? seenAt(step.atMs) : marks[stage]);
  const missing = used.filter(([stage]) => !isSeen(markOf(stage)));
  const sum = (of: (mark: Seen, weight: number) => number) =>
    used.reduce((total, [stage, weight]) => total + weight * of(markOf(stage) as Seen, weight), 0);
  if (missing.length === 0)
    return {
      measuredMs: sum(({ atMs }) => atMs),
      lowerMs: Math.max(
        0,
        sum(({ lowerMs, upperMs }, weight) => (weight > 0 ? lowerMs : upperMs)),
      ),
      upperMs: sum(({ lowerMs, upperMs }, weight) => (weight > 0 ? upperMs : lowerMs)),
    };
  const why = missing.map(([stage]) => `${stage}: ${(markOf(stage) as { why: string }).why}`).join('; ');
  const earliestMs = (stage: Stage | 'step', weight: number): number | null => {
    const mark = markOf(stage);
    if (isSeen(mark)) return weight > 0 ? mark.lowerMs : mark.upperMs;
    return weight > 0 ? mark.notBeforeMs : null;
  };
  const bounds = used.map(([stage, weight]) => ({ weight, ms: earliestMs(stage, weight) }));
  const lowerMs = bounds.some(({ ms }) => ms === null)
    ? null
    : Math.max(
        0,
        bounds.reduce((total, { weight, ms }) => total + weight * ms!, 0),
      );
  return { measuredMs: null, lowerMs, upperMs: null, why };
}
