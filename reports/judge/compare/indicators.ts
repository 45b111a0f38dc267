import type { RunPlan } from '../../../harness/plan.ts';
import { isFailure, type RequestRecord } from '../../../harness/requests.ts';
import { judgedValue, type Measure, measureText } from '../measure.ts';
import { parseObjective, statisticOf } from '../objective.ts';
import { percentileOf } from '../samples.ts';

/** Figure of a run that is compared, from a value of each of its requests: a quantile, or with `q` null the share of ones among zeros. */
export interface Indicator {
  readonly name: string;
  readonly window: string;
  readonly class?: string | undefined;
  /** 0 < q < 1. */
  readonly q: number | null;
  /** In ms, infinite for a request that counts as slower than every other; 0 or 1 of a share. Null for one that does not count. */
  readonly value: (request: RequestRecord) => number | null;
}

/**
 * Indicators of a run: what its SLOs judge of single requests, each in its own window, and beside them the usual ones over the whole load. SLOs
 * on something else, such as recovery or gauges, have no request to draw again.
 */
export function indicatorsOf({ slos, load }: Pick<RunPlan, 'slos' | 'load'>): Indicator[] {
  const isHttp = load.workload.kind === 'http';
  const usual: Indicator[] = [
    ...(isHttp ? [] : [quantile({ metric: 'ttft' }, 50, 'whole'), quantile({ metric: 'ttft' }, 99, 'whole')]),
    quantile({ metric: 'latency' }, 50, 'whole'),
    quantile({ metric: 'latency' }, 99, 'whole'),
    { name: 'errors', window: 'whole', q: null, value: failedShare },
  ];
  const judged = slos.flatMap((slo): Indicator[] => {
    const { objective, check } = parseObjective(slo.objective);
    const window = check.window?.(objective) ?? slo.window;
    if (objective.kind === 'quantile') {
      const { metric, completed, percentile } = objective as unknown as Measure & { readonly percentile: number };
      if (metric === 'itl') return [];
      return [{ ...quantile({ metric, ...(completed && { completed }) }, percentile, window), class: slo.class }];
    }
    const tally = check.tally?.(objective);
    if (!tally) return [];
    const value = (request: RequestRecord) => {
      const isBad = tally.isBad(request);
      return isBad === null ? null : Number(isBad);
    };
    // `goodput(2 s) >= 95%` is compared as the share that misses it.
    const statistic = statisticOf(slo.objective);
    const name = /^(?:goodput|availability)/.test(statistic) ? `not ${statistic}` : statistic;
    return [{ name, window, class: slo.class, q: null, value }];
  });
  return [...new Map([...judged, ...usual].map(indicator => [keyOf(indicator), indicator])).values()];
}

/** What two indicators share that mean the same. */
export function keyOf({ name, window, class: of }: Indicator): string {
  return JSON.stringify([name, window, of]);
}

function quantile(measure: Measure, percentile: number, window: string): Indicator {
  return {
    name: `p${percentile}(${measureText(measure)})`,
    window,
    q: percentileOf(`p${percentile}`)! / 100,
    value: request => judgedValue(measure, request),
  };
}

function failedShare(request: RequestRecord): number | null {
  if (isFailure(request)) return 1;
  return request.outcome === 'ok' ? 0 : null;
}
