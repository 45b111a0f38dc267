import type { ChartLine } from '../../../judge/check.ts';
import type { RenderInput } from '../../../store/run-document.ts';
import { quantity } from '../format.ts';
import { readObjective } from '../read-objective.ts';
import type { ChartLimit } from './chart.ts';

/** The objectives that can be drawn, by what they bound, each over the window it is asserted on. */
export type ChartLimits = Readonly<Record<ChartLine, readonly ChartLimit[]>>;

/** Reads the SLOs on the time to first token, on latency, on the queue, and on gauges in percent. */
export function chartLimits({ document }: RenderInput): ChartLimits {
  const limits: Record<ChartLine, ChartLimit[]> = { ttft: [], latency: [], queue: [], percent: [] };
  for (const slo of document.slos) {
    const { objective, check } = readObjective(slo.objective) ?? {};
    const line = objective && check?.line?.(objective);
    const window = document.windows.find(({ name }) => name === slo.window);
    if (!line || !window) continue;
    const label = `${line.name} objective ${quantity(objective.limit, objective.unit)}, ${slo.window}`;
    limits[line.chart].push({ label, value: objective.limit, fromMs: window.fromMs, toMs: window.toMs });
  }
  return limits;
}
