import { processName, type Ramp, stagesOf } from '../harness/arrivals/arrivals.ts';
import { type FaultPlan, isStreamed, type RunPlan } from '../harness/plan.ts';
import { formatDuration } from '../harness/quantity.ts';
import { API_PATHS } from '../load/request/request.ts';
import type { ResolvedStage } from '../scenarios/load/schema.ts';
import type { LoadedScenario } from '../scenarios/load-scenario.ts';
import { formatBytes, sizeOf } from '../scenarios/session/run-size.ts';
import { paint } from './terminal.ts';

/** The lines of `run --dry-run`: stages of the load, faults and SLOs of a scenario, in the order of the plan. */
export function planLines({ scenario, compiled: { plan }, variant }: LoadedScenario): string[] {
  return [
    `${paint('bold', plan.scenario)}  ${variant === undefined ? '' : `variant ${variant}, `}seed ${plan.seed}, ${plan.platform}`,
    `  ${arrivalsText(plan)}`,
    ...sizeLines(plan),
    `  requests: ${requestsText(plan)}`,
    ...loadLines(scenario.load.stages ?? [], plan),
    ...plan.faults.map(
      ({ id, kind, target, atMs, forMs, parameters }) =>
        `  ${seconds(atMs)} – ${forMs === null ? 'recovery' : seconds(atMs + forMs)}  fault ${id}: ${kind} on ${target}${parametersText(parameters)}`,
    ),
    ...plan.slos.map(slo => `  SLO   ${slo.name}: ${slo.objective} in ${slo.window}`),
    ...warningsOf(plan),
  ];
}

/** The warnings of a plan, one line each. */
export function warningsOf({ warnings = [] }: RunPlan): string[] {
  return warnings.map(warning => `  ${paint('yellow', 'warning')}  ${warning}`);
}

function parametersText(parameters: FaultPlan['parameters']): string {
  const texts = Object.entries(parameters)
    .filter(([, value]) => value !== '')
    .map(([key, value]) =>
      key.endsWith('Ms') && typeof value === 'number'
        ? `${key.slice(0, -2)} ${formatDuration(value)}`
        : `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
    );
  return texts.length === 0 ? '' : `, ${texts.join(', ')}`;
}

function arrivalsText({ arrivals, load, segment }: RunPlan): string {
  if (!arrivals) return 'closed loop: each arrival depends on the responses before it';
  const part = segment ? `, segment ${segment.index} of ${segment.of}` : '';
  return `${arrivals.count} arrivals including the warm-up (${processName(load.arrivals)}${part}), sha256 ${arrivals.sha256.slice(0, 16)}…`;
}

/** What a long run takes on disk, and its judgement in memory. */
function sizeLines(plan: RunPlan): string[] {
  const size = sizeOf(plan);
  if (!size) return [];
  const logs = size.logs > 0 ? `, ${formatBytes(size.logs)} of logs` : '';
  return [
    `  about ${formatBytes(size.requests)} of requests${logs} on disk; judging takes ${formatBytes(size.memory)} of memory`,
  ];
}

/** What is sent; headers as in the plan, with references to the environment instead of keys. */
function requestsText({ load, target = '' }: RunPlan): string {
  const { workload, headers = {}, body, salt } = load;
  const prefix = target === '' ? '' : new URL(target).pathname.replace(/\/$/, '');
  const named = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const common = [
    ...(named.length > 0 ? [`headers ${named.join(', ')}`] : []),
    ...(body ? [`body with ${JSON.stringify(body)}`] : []),
    ...(salt ? [`salt ${salt}`] : []),
  ];
  if (workload.kind === 'http') return [`${workload.method} ${prefix}${workload.path}`, ...common].join(', ');
  return [
    `POST ${prefix}${workload.path ?? API_PATHS[workload.api ?? 'chat']}`,
    `model ${workload.model || '(the first that the target lists)'}`,
    ...(isStreamed(workload) ? [] : ['no stream']),
    ...(workload.prompts ? [`prompts of ${workload.prompts.file}`] : []),
    ...common,
  ].join(', ');
}

/** The stages of a plan, each with the course of its rate. A spike or a curve is described as written. */
function loadLines(written: readonly ResolvedStage[], { load }: RunPlan): string[] {
  let before = 0;
  return stagesOf(load.ramps).map(stage => {
    const own = load.ramps.filter(({ fromMs, toMs }) => fromMs >= stage.fromMs && toMs <= stage.toMs);
    const shape: Partial<ResolvedStage> =
      written.find((one, index) => (one.name ?? String(index + 1)) === stage.name) ?? {};
    const text =
      load.connections === undefined ? shapeText(shape, stage, own, before) : `${load.connections} connections`;
    // The first stage starts from 0, and a stage after a spike from the rate before the spike.
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

/** `20 → 60 → 20`, or `20` for a constant value. */
function steps(...values: readonly number[]): string {
  const texts = values.map(value => String(Number(value.toFixed(3))));
  return texts.filter((text, index) => text !== texts[index - 1]).join(' → ');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`.padStart(8);
}
