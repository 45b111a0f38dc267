import { styleText } from 'node:util';
import { processName, type Ramp, stagesOf } from '../harness/arrivals/arrivals.ts';
import type { RunPlan } from '../harness/plan.ts';
import { formatDuration } from '../harness/quantity.ts';
import type { CompiledScenario } from '../scenarios/compile.ts';
import type { ResolvedStage } from '../scenarios/load/schema.ts';
import type { ResolvedScenario } from '../scenarios/scenario.ts';

/** What `run --dry-run` shows of a scenario: its load, its faults and its SLOs, a line each, in the order of the plan. */
export function planLines({
  scenario,
  compiled,
}: {
  scenario: ResolvedScenario;
  compiled: CompiledScenario;
}): string[] {
  const { plan } = compiled;
  return [
    `${styleText('bold', plan.scenario)}  seed ${plan.seed}, ${plan.platform}`,
    `  ${arrivalsText(plan)}`,
    ...loadLines(scenario.load.stages ?? [], plan),
    ...plan.faults.map(
      ({ id, kind, target, atMs, forMs, parameters }) =>
        `  ${seconds(atMs)} – ${forMs === null ? '    healed by the stack' : seconds(atMs + forMs)}  fault ${id}: ${kind} on ${target} ${JSON.stringify(parameters)}`,
    ),
    ...plan.slos.map(slo => `  SLO   ${slo.name}: ${slo.objective} in ${slo.window}`),
  ];
}

function arrivalsText({ arrivals, load, segment }: RunPlan): string {
  if (!arrivals) return 'arrivals of a closed loop: each depends on the answers before it';
  const whose = segment ? `, segment ${segment.index} of ${segment.of}` : '';
  return `${arrivals.count} arrivals, those of the warm-up included (${processName(load.arrivals)}${whose}), sha256 ${arrivals.sha256.slice(0, 16)}…`;
}

/** The stages of a plan, each with what its rate does; one that ends as it began may have been elsewhere in between. */
function loadLines(written: readonly ResolvedStage[], { load }: RunPlan): string[] {
  let before = 0;
  return stagesOf(load.ramps).map(stage => {
    const own = load.ramps.filter(({ fromMs, toMs }) => fromMs >= stage.fromMs && toMs <= stage.toMs);
    const shape: Partial<ResolvedStage> =
      written.find((one, index) => (one.name ?? String(index + 1)) === stage.name) ?? {};
    const text =
      load.connections === undefined ? shapeText(shape, stage, own, before) : `${load.connections} connections`;
    // What comes after the warm-up begins at 0, what comes after a spike where that began.
    before = shape.spike !== undefined || stage.fromMs < 0 ? before : stage.toPerSecond;
    return `  ${seconds(stage.fromMs)} – ${seconds(stage.toMs)}  load  ${stage.name}: ${text}`;
  });
}

function shapeText(
  { spike, sinusoid }: Partial<ResolvedStage>,
  { fromPerSecond, toPerSecond, fromUsers = 0, toUsers }: Ramp,
  own: readonly Ramp[],
  before: number,
): string {
  if (sinusoid) return `${sinusoid.mean}/s ± ${sinusoid.amplitude}/s, period ${formatDuration(sinusoid.period)}`;
  if (toUsers !== undefined) return `${steps(fromUsers, toUsers)} users`;
  if (spike === undefined) return `${steps(fromPerSecond, toPerSecond)} /s`;
  return `${steps(before, Math.max(...own.map(segment => segment.toPerSecond)), before)} /s`;
}

/** `20 → 60 → 20`, or `20` where nothing changes. */
function steps(...values: readonly number[]): string {
  const texts = values.map(value => String(Number(value.toFixed(3))));
  return texts.filter((text, index) => text !== texts[index - 1]).join(' → ');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`.padStart(8);
}
