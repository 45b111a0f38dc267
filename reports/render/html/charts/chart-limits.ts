import type { RenderInput } from '../../../store/run-document.ts';
import { quantity } from '../format.ts';
import { readObjective } from '../read-objective.ts';
import type { ChartLimit } from './chart.ts';

/** The objectives that can be drawn, by what they bound, each over the window it is asserted on. */
export interface ChartLimits {
  readonly ttft: readonly ChartLimit[];
  readonly latency: readonly ChartLimit[];
  readonly queue: readonly ChartLimit[];
  readonly percent: readonly ChartLimit[];
}

/** Reads the SLOs on the time to first token, on latency, on the queue, and on gauges in percent. */
export function chartLimits({ document }: RenderInput): ChartLimits {
  const limits = {
    ttft: [] as ChartLimit[],
    latency: [] as ChartLimit[],
    queue: [] as ChartLimit[],
    percent: [] as ChartLimit[],
  };
  for (const slo of document.slos) {
    const objective = readObjective(slo.objective);
    const window = document.windows.find(({ name }) => name === slo.window);
    if (!window || !objective) continue;
    const add = (list: ChartLimit[], what: string) => {
      const label = `${what} objective ${quantity(objective.limit, objective.unit)}, ${slo.window}`;
      list.push({ label, value: objective.limit, fromMs: window.fromMs, toMs: window.toMs });
    };
    if ((objective.kind === 'quantile' || objective.kind === 'maximum') && objective.metric !== 'itl')
      add(limits[objective.metric], objective.kind === 'maximum' ? 'max' : `P${objective.percentile}`);
    if (objective.kind !== 'gauge') continue;
    if (objective.gauge === 'queue') add(limits.queue, 'fullest');
    if (objective.unit === '%') add(limits.percent, objective.gauge);
  }
  return limits;
}
