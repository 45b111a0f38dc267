import type { RunPlan } from '../../../harness/plan.ts';
import { loadSteps } from '../elasticity/steps.ts';
import { parseObjective } from '../objective.ts';

/**
 * Warnings of SLOs on scaling that no run can decide: where nothing says what is restored, and where no step begins in their window.
 * @param spanOf span of a window, in ms; undefined if the plan has none of that name
 */
export function foreseeScaling(
  { load, faults, slos }: Pick<RunPlan, 'load' | 'faults' | 'slos'>,
  spanOf: (window: string) => { readonly fromMs: number; readonly toMs: number } | undefined,
): string[] {
  const all = slos.map(slo => ({ ...slo, ...parseObjective(slo.objective) }));
  const isFollowed = all.some(({ check, objective }) => check.tally?.(objective));
  const steps = loadSteps(load.ramps);
  return all.flatMap(slo => {
    if (slo.objective.kind !== 'scaling') return [];
    const { step, path } = slo.objective as typeof slo.objective & { readonly step: string; readonly path: string };
    const about = `SLO "${slo.name}": ${slos.find(({ name }) => name === slo.name)!.objective}`;
    const restored =
      path.includes('restored') && !isFollowed
        ? [
            `${about} can never be decided, since no SLO on a latency, errors or goodput says what is restored: add one, such as p99(ttft) <= 1 s.`,
          ]
        : [];
    const span = spanOf(slo.window);
    const direction = step === 'fall' ? 'down' : 'up';
    const possible = steps.filter(one => (step.startsWith('load:') ? one.name === step : one.direction === direction));
    const isIn = ({ atMs }: (typeof steps)[number]) => span && atMs >= span.fromMs && atMs < span.toMs;
    const never =
      span && faults.length === 0 && !possible.some(isIn)
        ? [
            `${about} can never be decided, since no such step begins in ${slo.window}, but at ${possible.map(({ name }) => name).join(', ')}.`,
          ]
        : [];
    return [...restored, ...never];
  });
}
