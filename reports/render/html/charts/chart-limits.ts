import type { ChartLine } from '../../../judge/check.ts';
import type { RenderInput } from '../../../store/run-document.ts';
import { quantity } from '../format.ts';
import { readObjective } from '../read-objective.ts';
import type { ChartLimit } from './chart.ts';

/** Limits of SLOs by the chart in which they are drawn, each over the window of its SLO. */
export type ChartLimits = Readonly<Record<ChartLine, readonly ChartLimit[]>>;

/** Limits of all SLOs that can be drawn. */
export function chartLimits({ document }: RenderInput): ChartLimits {
  const limits: Record<ChartLine, ChartLimit[]> = { ttft: [], latency: [], queue: [], percent: [] };
  for (const slo of document.slos) {
    const { objective, check } = readObjective(slo.objective) ?? {};
    const line = objective && check?.line?.(objective);
    const window = document.windows.find(({ name }) => name === slo.window);
    if (!line || !window) continue;
    const label = `${line.name} limit ${quantity(objective.limit, objective.unit)}, ${slo.window}`;
    limits[line.chart].push({ label, value: objective.limit, fromMs: window.fromMs, toMs: window.toMs });
  }
  return limits;
}
