import { formatDuration } from '../../harness/quantity.ts';
import type { Objective } from '../../reports/judge/check.ts';
import type { ParsedObjective } from '../../reports/judge/objective.ts';
import type { Find } from '../../reports/store/capacity-document.ts';
import { badScenario } from '../bad-scenario.ts';
import type { ResolvedScenario, Scenario } from '../scenario.ts';
import type { WatchLimits } from './over-saturation.ts';

/** Shortest step, in ms, and its warm-up: longest and as a ratio of it. */
const MIN_STEP_MS = 30_000;
const WARM_UP_MS = 10_000;
const WARM_UP_RATIO = 0.2;
/** Requests of a warm-up, but for its longest, that tell whether the service responds at all. */
const WARM_UP_REQUESTS = 10;
/**
 * Length of a step in limits of the tightest latency: an overload of a twentieth builds up a wait of that limit within it, so that it
 * cannot hide.
 */
const LIMITS_A_STEP = 20;
/** Requests of a step, in those that its SLOs need for a pass: with just as many, few steps are decided. */
const SAMPLES_FACTOR = 2.4;
/** Requests that a run must measure, and how long a step with a length of its own is at most made for them. */
const MIN_MEASURED = 30;
const MAX_FEW_MS = 60_000;
/** Requests in flight for which a generator has room, in those of a service that is just as slow as its SLOs allow. */
const IN_FLIGHT_FACTOR = 4;
const DEFAULT_IN_FLIGHT = 1000;
const MAX_IN_FLIGHT = 10_000;

/** Workload of a trace that is not replayed. */
const TRACED = { promptTokens: { kind: 'trace' }, outputTokens: { kind: 'trace' } } as const;

/** How the steps of a search are made from a scenario. */
export interface StepRecipe {
  readonly find: Find;
  /** Rate of the load where replicas are looked for, per second; otherwise unused. */
  readonly perSecond: number;
  /** Length of each step, in ms, but for a rate at which it has too few requests for any result. @default as long as its SLOs need */
  readonly stepMs?: number | undefined;
  /** Longest step, in ms. */
  readonly maxStepMs: number;
  /** Whether the server is one that Squall does not start. */
  readonly isTarget: boolean;
  readonly slos: Scenario['slos'];
  /** Requests that its SLOs need for a pass. */
  readonly minRequests: number;
  readonly limits: Pick<WatchLimits, 'ttftMs' | 'latencyMs'>;
  /** What is left out of the scenario, as sentences. */
  readonly notes: readonly string[];
}

/** One step: changes of the scenario by path, and what its watch knows. */
export interface StepChanges {
  readonly changes: Readonly<Record<string, unknown>>;
  readonly watch: WatchLimits;
  readonly stepMs: number;
}

/**
 * Decides how a scenario is run at one constant load: what is kept of it, and how long a step must be.
 * @param written the scenario as in its file, overrides included
 * @throws SquallError `BAD_SCENARIO` where no SLO is left that a constant load can be judged by
 */
export function recipeOf(
  written: Scenario,
  { slos, load, faults, stack }: ResolvedScenario,
  options: Pick<StepRecipe, 'find' | 'perSecond' | 'stepMs' | 'maxStepMs' | 'isTarget'>,
): StepRecipe {
  if (load.engine === 'autocannon')
    throw badScenario('load.engine', 'one with a schedule of arrivals (stream, k6 or auto)', load.engine);
  const kept = slos.map(slo => isOfConstantLoad(slo.objective, slo.window));
  const left = slos.filter((_, index) => !kept[index]);
  if (left.length === slos.length)
    throw badScenario(
      'slos',
      'a list with an SLO that a constant load can be judged by, such as p99(ttft) <= 800 ms in the window whole',
      slos.map(({ objective }) => objective.text).join(', '),
    );
  const used = slos.filter((_, index) => kept[index]).map(({ objective }) => objective);
  const arrivals = kindOf(load.arrivals);
  return {
    ...options,
    // Windows of stages and faults are those of the step.
    slos: written.slos.filter((_, index) => kept[index]).map(slo => ({ ...slo, window: 'whole' })),
    minRequests: Math.max(
      0,
      ...used.map(({ check, objective }) => check.minRequests?.(objective) ?? 0).filter(Number.isFinite),
    ),
    limits: { ttftMs: limitOf(used, 'ttft'), latencyMs: limitOf(used, 'latency') },
    notes: [
      'Each step is a run of the scenario at one constant load, judged by its SLOs over the whole step.',
      ...(faults.length > 0
        ? [`Its faults are left out: ${faults.map(({ id, kind }) => id ?? kind).join(', ')}.`]
        : []),
      ...(left.length > 0
        ? [`SLOs that a constant load cannot be judged by are left out: ${left.map(({ name }) => name).join(', ')}.`]
        : []),
      ...(stack.autoscaler === 'off' || options.isTarget
        ? []
        : ['Its autoscaler is left out: the number of replicas is constant.']),
      ...(options.find !== 'users' && (arrivals === 'closed' || arrivals === 'trace')
        ? [
            `Arrivals are those of a Poisson process instead of ${arrivals === 'trace' ? 'the trace' : 'a closed loop'}.`,
          ]
        : []),
      ...(limitOf(used, 'ttft') === null && limitOf(used, 'latency') === null
        ? ['No SLO limits a latency: an overload shows only as a lag that grows, or in errors.']
        : []),
    ],
  };
}

/** The step of a recipe at a value. */
export function stepAt(recipe: StepRecipe, value: number, written: Scenario): StepChanges {
  const { find, slos, limits, isTarget } = recipe;
  const rate = find === 'rate' ? value : recipe.perSecond;
  const isUsers = find === 'users';
  const stepMs = stepMsOf(recipe, find === 'users' ? value : rate);
  const forMs = formatDuration(stepMs);
  const ofRequestsMs = (1000 * WARM_UP_REQUESTS) / (isUsers ? value : rate);
  const warmUpMs = Math.round(Math.min(WARM_UP_MS, Math.max(WARM_UP_RATIO * stepMs, ofRequestsMs)));
  const kind = kindOf(written.load.arrivals ?? 'poisson');
  const open = kind === 'closed' || kind === 'trace' ? { 'load.arrivals': 'poisson' } : {};
  const inFlight = isUsers ? value : Math.ceil((IN_FLIGHT_FACTOR * rate * (limits.latencyMs ?? 0)) / 1000);
  const stage = isUsers ? { users: value } : { at: `${rate}/s` };
  return {
    changes: {
      'load.stages': [{ name: 'step', ...stage, for: forMs }],
      'load.warmUp': formatDuration(warmUpMs),
      ...(isUsers ? (kind === 'closed' ? {} : { 'load.arrivals': 'closed' }) : open),
      // Without a workload of its own, a trace gives its lengths.
      ...(kind === 'trace' && written.load.workload === undefined && { 'load.workload': TRACED }),
      'load.maxInFlight': Math.min(MAX_IN_FLIGHT, Math.max(written.load.maxInFlight ?? DEFAULT_IN_FLIGHT, inFlight)),
      ...(find === 'replicas' && { 'stack.inference.replicas': value, 'stack.inference.maxReplicas': value }),
      ...(written.stack?.autoscaler !== undefined && !isTarget && { 'stack.autoscaler': 'off' }),
      faults: [],
      proof: [],
      slos,
    },
    watch: { ...limits, arrivals: (rate * (stepMs + warmUpMs)) / 1000, perSecond: isUsers ? null : rate },
    stepMs,
  };
}

/** Length of a step for its latencies and its samples, at most the longest. A user sends about a request a second. */
function stepMsOf({ stepMs, maxStepMs, minRequests, limits }: StepRecipe, perSecond: number): number {
  const forAnyMs = 1000 * Math.ceil((SAMPLES_FACTOR * MIN_MEASURED) / perSecond);
  if (stepMs !== undefined) return Math.max(stepMs, Math.min(MAX_FEW_MS, forAnyMs));
  const limitMs = Math.min(limits.ttftMs ?? Number.POSITIVE_INFINITY, limits.latencyMs ?? Number.POSITIVE_INFINITY);
  const forLimitMs = Number.isFinite(limitMs) ? LIMITS_A_STEP * limitMs : 0;
  const forSamplesMs = (1000 * SAMPLES_FACTOR * Math.max(minRequests, 40)) / perSecond;
  return 1000 * Math.ceil(Math.min(maxStepMs, Math.max(MIN_STEP_MS, forLimitMs, forSamplesMs)) / 1000);
}

/**
 * Overload that steps of a recipe cannot see, as a ratio of the rate: a backlog that grows at that ratio reaches the tightest limit only
 * at the end of the step. At most a twentieth counts as nothing.
 */
export function blindRatio({ limits, stepMs, maxStepMs }: StepRecipe): number {
  const limitMs = Math.min(limits.ttftMs ?? Number.POSITIVE_INFINITY, limits.latencyMs ?? Number.POSITIVE_INFINITY);
  if (!Number.isFinite(limitMs)) return 0;
  const ratio = limitMs / (stepMs ?? Math.min(maxStepMs, Math.max(MIN_STEP_MS, LIMITS_A_STEP * limitMs)));
  return ratio > 1.001 / LIMITS_A_STEP ? ratio : 0;
}

/** Neither on a fault nor on a comparison with another window nor on a rate, which the step sets. */
function isOfConstantLoad({ check, objective }: ParsedObjective, window: string): boolean {
  if (/^(fault|recovery):/.test(window) || check.fault || check.comparesBaseline || check.window) return false;
  return objective.unit !== '/s' && !/(^|-)(scaling|lost|oscillation|provision|cost|recovery)/.test(objective.kind);
}

/** Tightest limit in ms on a metric, of quantiles, maxima and deadlines; null for none. */
function limitOf(objectives: readonly ParsedObjective[], metric: 'ttft' | 'latency'): number | null {
  const limits = objectives.flatMap(({ check, objective }) => {
    const { deadlines } = objective as Objective & { deadlines?: readonly { metric: string; limitMs: number }[] };
    if (deadlines) return deadlines.filter(one => one.metric === metric).map(({ limitMs }) => limitMs);
    return objective.unit === 'ms' && check.latencies?.(objective).includes(metric) ? [objective.limit] : [];
  });
  return limits.length === 0 ? null : Math.min(...limits);
}

function kindOf(arrivals: string | { readonly kind: string }): string {
  return typeof arrivals === 'string' ? arrivals : arrivals.kind;
}
