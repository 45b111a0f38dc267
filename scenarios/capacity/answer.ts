import { statisticOf } from '../../reports/judge/objective.ts';
import type { CapacityDocument, CapacityStep, DailyPlan, Find, Stop } from '../../reports/store/capacity-document.ts';
import { LAG } from './posteriors.ts';

/** Volume that a plan is made for. */
export interface Volume {
  readonly callsPerDay: number;
  /** Peak rate of the day over its mean. */
  readonly peakFactor: number;
}

type Result = Omit<CapacityDocument, 'answer' | 'reasons' | 'daily'>;

/** Why a search ended, where that leaves anything to do. */
const STOPS: Readonly<Record<Exclude<Stop, 'budget' | 'steps'>, string>> = {
  precise: '',
  interrupted: 'The search was interrupted; steps that had not ended are missing.',
  'lowest-fails':
    'Even the lowest load, or the most replicas, misses an SLO. Raise --max for replicas; else check the SLOs at a low rate.',
  'highest-passes': 'All SLOs are met at the highest load, or with one replica. Raise --max, or --rate.',
  'generator-limit':
    'The load generator, not the service, was the limit. Use more --workers, or another machine for it.',
  undecided: 'Steps remained without a result. Their reasons are in the table.',
};

/** The result as one sentence, such as `38/s, between 36/s and 41/s, limited by p99(ttft)`. */
export function answerOf(
  result: Pick<Result, 'find' | 'edge' | 'limitedBy' | 'bestMet' | 'bound' | 'perSecond'>,
): string {
  const { find, edge, limitedBy, bestMet, bound, perSecond } = result;
  const text = (value: number) => amount(find, value);
  const load = perSecond === null ? '' : ` for ${amount('rate', perSecond)}`;
  if (edge) {
    const range = edge.lower === edge.upper ? '' : `, between ${text(edge.lower)} and ${text(edge.upper)}`;
    const isMissed = find === 'replicas' && limitedBy !== LAG;
    const limit = limitedBy === null ? '' : `, ${isMissed ? 'fewer miss' : 'limited by'} ${statisticOf(limitedBy)}`;
    return `${text(edge.value)}${load}${range}${limit}`;
  }
  if (bound === null) return 'unknown: no step was decided';
  const isAbove = (bestMet !== null) === (find !== 'replicas');
  const words = find === 'replicas' ? (['more than', 'at most'] as const) : (['at least', 'less than'] as const);
  return `${words[isAbove ? 0 : 1]} ${text(bound)}${load}`;
}

/** Where the result ends short of what was looked for, and what to change; empty where it does not. */
export function reasonsOf(result: Result, precision: number): string[] {
  const { stop, blind, steps, find } = result;
  const open = steps.filter(({ met }) => met === null);
  const ended = stop === 'budget' || stop === 'steps' ? tooShort(result, precision) : STOPS[stop];
  return [
    ...(ended === '' ? [] : [ended]),
    ...(open.length > 0 ? [`${open.length} of ${steps.length} steps had no result: ${open[0]!.reason}`] : []),
    ...(blind > 0 && find !== 'users'
      ? [
          `An overload of less than ${Math.round(100 * blind)} % may not show in the latencies of a step, for which the interval is wider. Make the steps longer with --step.`,
        ]
      : []),
  ];
}

/** How much longer a search is proposed to be at least, and at most. */
const MIN_FACTOR = 2;
const MAX_FACTOR = 10;

/** What a search that ended too early needs: intervals shrink with the square root of the number of steps. */
function tooShort({ stop, edge, wallMs, steps }: Result, precision: number): string {
  const width = edge ? Math.log(edge.upper / edge.lower) / Math.log(1 + precision) : MIN_FACTOR;
  const factor = Math.min(MAX_FACTOR, Math.max(MIN_FACTOR, width ** 2));
  const found = edge ? 'The interval is not as narrow as --precision' : 'All steps had the same result';
  const minutes = Math.ceil((factor * wallMs) / 60_000);
  const count = Math.ceil(factor * steps.length);
  return stop === 'budget'
    ? `${found}: the budget ended after ${steps.length} steps. Use --budget ${minutes}m.`
    : `${found} after --max-steps. Use --max-steps ${count}, or longer steps with --step.`;
}

/** `38/s`, `120 users`, `3 replicas`. */
export function amount(find: Find, value: number): string {
  const number = Number(value.toPrecision(3));
  if (find === 'rate') return `${number}/s`;
  const noun = find === 'users' ? 'user' : 'replica';
  return `${value} ${noun}${value === 1 ? '' : 's'}`;
}

/** Distinct values that a knee needs. */
const MIN_VALUES = 5;

/**
 * The load at which P99 of the time to first token (of the latency without streams) begins to bend upwards: the greatest distance below the
 * line from the first to the last point, both axes scaled to 0…1 (Satopää et al., "Finding a Kneedle in a Haystack", ICDCSW 2011). Null
 * for replicas, and with fewer than five loads.
 */
export function kneeOf(find: Find, steps: readonly CapacityStep[]): number | null {
  if (find === 'replicas') return null;
  const byValue = new Map<number, number[]>();
  for (const { value, met, p99TtftMs, p99LatencyMs } of steps) {
    const p99 = p99TtftMs ?? p99LatencyMs;
    if (met !== null && p99 !== null) byValue.set(value, [...(byValue.get(value) ?? []), p99]);
  }
  let highest = 0;
  // Medians; more load never makes anything faster, but by chance.
  const points = [...byValue]
    .sort(([a], [b]) => a - b)
    .map(([value, p99s]) => {
      const median = p99s.sort((a, b) => a - b)[Math.floor(p99s.length / 2)]!;
      highest = Math.max(highest, median);
      return { value, p99: highest };
    });
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || points.length < MIN_VALUES || last.p99 <= first.p99) return null;
  const distances = points.map(
    ({ value, p99 }) => (value - first.value) / (last.value - first.value) - (p99 - first.p99) / (last.p99 - first.p99),
  );
  return points[distances.indexOf(Math.max(...distances))]!.value;
}

const DAY_SECONDS = 86_400;

/**
 * What a daily volume needs, in proportion to the lower end of the interval, so that it is not planned on a coin toss. Null without an
 * edge. Every replica is paid all day, since the plan has no autoscaler.
 */
export function dailyPlanOf(result: Result, { callsPerDay, peakFactor }: Volume): DailyPlan | null {
  const { find, edge, replicas, prices, perSecond, steps } = result;
  if (!edge) return null;
  const whole = find === 'rate' ? edge.lower : find === 'replicas' ? perSecond : rateOfUsers(steps, edge.lower);
  const of = find === 'replicas' ? edge.upper : (replicas ?? 1);
  if (whole === null || !(whole > 0)) return null;
  const peakPerSecond = (callsPerDay / DAY_SECONDS) * peakFactor;
  const perReplicaPerSecond = whole / of;
  const count = Math.ceil(peakPerSecond / perReplicaPerSecond - 1e-9);
  const gpus = prices.gpusPerReplica * count;
  const dollarsPerDay = 24 * gpus * prices.dollarsPerGpuHour;
  return {
    ...{ callsPerDay, peakFactor, peakPerSecond, perReplicaPerSecond, replicas: count, gpus, dollarsPerDay },
    dollarsPerMillionCalls: (1e6 * dollarsPerDay) / callsPerDay,
  };
}

/** Completed requests per second of the users nearest below a number, in proportion; null without such a step. */
function rateOfUsers(steps: readonly CapacityStep[], users: number): number | null {
  const below = steps
    .filter(step => step.value <= users && step.met !== null)
    .sort((a, b) => a.value - b.value)
    .at(-1);
  return below ? (below.completedPerSecond * users) / below.value : null;
}
