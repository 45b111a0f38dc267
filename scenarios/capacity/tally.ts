import type { RequestRecord } from '../../harness/requests.ts';
import { requestsIn } from '../../harness/windows.ts';
import { meets, type Objective, type RunFacts } from '../../reports/judge/check.ts';
import { judgedSamples, type Measure } from '../../reports/judge/measure.ts';
import { parseObjective } from '../../reports/judge/objective.ts';
import { hasValue, type Samples } from '../../reports/judge/samples.ts';
import type { SloResult } from '../../reports/store/run-document.ts';
import { arrivalTimes } from './growth.ts';
import type { NamedTally } from './posteriors.ts';

/** Quantile of the latencies of a service without a queue, and least slack of a limit. */
const LEAST = 0.001;
const MIN_SLACK_RATIO = 0.1;

/** Objective whose name ends with the class that it is on; the name of a tally. */
export function tallyName({ objective, window }: Pick<SloResult, 'objective' | 'window'>): string {
  const [, ofClass] = window.split(', ');
  return ofClass === undefined ? objective : `${objective}, ${ofClass}`;
}

/**
 * How many requests of a step violate an SLO: of a quantile those above its limit, of a ratio in percent those that it counts; of any
 * other objective, whether it is met is one violation or none. Undefined without a measured value.
 * @param run the step
 * @param isOpen whether arrivals go on whatever the service does, so that a queue may grow
 */
export function tallyOf(slo: SloResult, run: RunFacts, isOpen: boolean): NamedTally | undefined {
  const name = tallyName(slo);
  const { objective } = parseObjective(slo.objective);
  const { comparison, limit } = objective;
  const queue = isOpen ? queueOf(objective, run) : {};
  const ofQuantile = quantileTally(slo, objective, run);
  if (ofQuantile) return { name, ...ofQuantile, ...queue };
  const { measured, samples } = slo;
  if (objective.unit === '%' && measured !== null) {
    const [ratio, allowed] = comparison.startsWith('<') ? [measured, limit] : [100 - measured, 100 - limit];
    if (allowed > 0 && allowed < 100)
      return { name, violations: (ratio / 100) * samples, count: samples, allowed: allowed / 100, ...queue };
  }
  const met = isMet(slo);
  return met === null ? undefined : { name, violations: met ? 0 : 1, count: 1, allowed: 0.5 };
}

/** Whether the measured value meets the objective; null without one. What is beyond every value does not. */
export function isMet({ objective: text, measured, infinite = [], verdict }: SloResult): boolean | null {
  if (verdict === 'pass') return true;
  if (verdict === 'fail') return false;
  const { objective } = parseObjective(text);
  if (infinite.includes('measured')) return meets(Number.POSITIVE_INFINITY, objective.comparison, objective.limit);
  return measured === null ? null : meets(measured, objective.comparison, objective.limit);
}

function quantileTally(slo: SloResult, objective: Objective, run: RunFacts): Omit<NamedTally, 'name'> | undefined {
  const { percentile, limit } = objective as Objective & { readonly percentile?: number };
  const whole = run.windows.find(({ name }) => name === 'whole');
  if (objective.kind !== 'quantile' || percentile === undefined || !whole || slo.samples === 0) return undefined;
  const measure = objective as Objective & Measure;
  const [, ofClass] = slo.window.split(', class ');
  const requests = requestsIn(whole, run.records).filter(one => ofClass === undefined || one.class === ofClass);
  const samples = judgedSamples(measure, requests);
  if (samples.total === 0) return undefined;
  // Those that the end of a step interrupted after the limit: nobody knows their value, but that it is above.
  const late = requests.filter(request => isLate(measure, limit, request)).length;
  const violations = samples.independent * ratioAbove(samples, limit) + late;
  return { violations, count: samples.independent + late, allowed: 1 - percentile / 100 };
}

function isLate({ metric }: Measure, limitMs: number, request: RequestRecord): boolean {
  const { outcome, scheduledMs, endMs } = request;
  const isTimed = metric === 'ttft' || metric === 'latency';
  return isTimed && outcome === 'interrupted' && !hasValue(metric, request) && endMs - scheduledMs > limitMs;
}

/** Ratio of samples above a limit, by bisection of their quantiles. */
function ratioAbove(samples: Samples, limit: number): number {
  let [low, high] = [0, samples.total];
  while (low < high) {
    const rank = Math.ceil((low + high) / 2);
    if (samples.at(rank / samples.total)! <= limit) low = rank;
    else high = rank - 1;
  }
  return 1 - low / samples.total;
}

/** When a queue shows in an SLO on a latency, or on errors, of which the slack is the greatest wait that there was. */
function queueOf(objective: Objective, { windows, records }: RunFacts): Pick<NamedTally, 'queue'> {
  const { metric = 'latency' } = objective as Objective & Partial<Measure>;
  const whole = windows.find(({ name }) => name === 'whole');
  if (!whole || (metric !== 'ttft' && metric !== 'latency')) return {};
  const least = (of: 'ttft' | 'latency') => judgedSamples({ metric: of, completed: true }, records).at(LEAST);
  const [fastestMs, serviceMs] = [least(metric), least('latency')];
  const slowestMs = judgedSamples({ metric: 'latency', completed: true }, records).at(1);
  if (fastestMs === null || serviceMs === null || slowestMs === null) return {};
  const slackMs =
    objective.unit === 'ms'
      ? Math.max(MIN_SLACK_RATIO * objective.limit, objective.limit - fastestMs)
      : Math.max(1, slowestMs - fastestMs);
  const times = arrivalTimes(records);
  // While servers become busy, in at most that time, half of them are idle on average: a queue is as late as that.
  const beganMs = times.fromMs + serviceMs / 2;
  const toMs = Math.min(whole.toMs, times.toMs) - beganMs;
  return { queue: { slackMs, fromMs: Math.max(0, whole.fromMs - beganMs), toMs: Math.max(1, toMs) } };
}
