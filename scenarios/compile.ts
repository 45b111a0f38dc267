import { faultPackages } from '../faults/catalog.ts';
import { hashArrivals, type RateSegment } from '../harness/arrivals.ts';
import { SquallError } from '../harness/errors.ts';
import type { FaultPlan, LoadPlan, PlatformKind, RunPlan } from '../harness/plan.ts';
import { driveEndMs } from '../harness/plan.ts';
import { parseDurationMs, parseRatePerSecond } from '../harness/quantity.ts';
import { windowNames } from '../harness/windows.ts';
import { parseObjective } from '../reports/objective.ts';
import { settleOptions } from '../stack/options.ts';
import { findTool, type ToolName } from '../stack/tools.ts';
import { linkNames, replicaNames, type Topology, topologyOf } from '../stack/topology.ts';
import { chooseEngine, type EngineName, isClosedLoop, refusalsOf } from './load/engines.ts';
import { announcedTimes } from './load/schedule.ts';
import { workloads } from './load/workloads.ts';
import type { ResolvedScenario } from './scenario.ts';
import { didYouMean } from './validate.ts';

/** What the command line adds to a scenario. */
export interface CompileOptions {
  readonly seed: number;
  readonly platform: PlatformKind;
  readonly replay: string;
  /** Whether the platform has a tool, which decides what `auto` means. @default with containers it has all, else what is found on this machine */
  readonly hasTool?: (tool: ToolName) => boolean;
}

/** A scenario that is ready to run. */
export interface CompiledScenario {
  readonly plan: RunPlan;
  readonly topology: Topology;
}

/**
 * Turns a scenario into a plan: parses its quantities and checks everything that can be known before anything starts.
 * The same scenario and options give the same plan, to the byte.
 * @throws SquallError that names the field
 */
export function compileScenario(
  scenario: ResolvedScenario,
  { seed, platform, replay, hasTool = toolsOn(platform) }: CompileOptions,
): CompiledScenario {
  const { timeScale, ...written } = scenario.stack;
  const stack = settleOptions(written, hasTool);
  const topology = topologyOf(stack, timeScale, seed);
  const load = settleEngine(compileLoad(scenario), scenario.slos);
  const faults = scenario.faults.map((fault, index) => compileFault(fault, index, topology));
  const ids = faults.map(fault => fault.id);
  requireUnique(ids, 'faults', 'id');
  for (const [index, fault] of faults.entries())
    if (fault.atMs >= driveEndMs({ load } as RunPlan))
      throw bad(
        `faults[${index}].at`,
        `before the load ends at ${driveEndMs({ load } as RunPlan) / 1000}s`,
        scenario.faults[index]!.at,
      );
  requireUnique(
    scenario.slos.map(slo => slo.name),
    'slos',
    'name',
  );
  for (const [index, slo] of scenario.slos.entries()) checkSlo(slo, index, windowNames({ load, faults }), ids);
  for (const [index, proof] of scenario.proof.entries())
    requireKnown(
      proof.breaks,
      scenario.slos.map(slo => slo.name),
      `proof[${index}].breaks`,
      'the name of an SLO of this scenario',
    );
  const times = [...announcedTimes(load, seed)];
  const plan: RunPlan = {
    scenario: scenario.name,
    why: scenario.why,
    judges: scenario.judges,
    platform,
    seed,
    timeScale,
    load,
    faults,
    slos: scenario.slos,
    stack,
    arrivals: { count: times.length, sha256: hashArrivals(times) },
    replay,
  };
  return { plan, topology };
}

/** Containers have every tool in their images, processes what is found on this machine. */
function toolsOn(platform: PlatformKind): (tool: ToolName) => boolean {
  return tool => platform === 'docker' || findTool(tool) !== undefined;
}

/** Decides what `auto` means, and refuses what the engine cannot do. */
function settleEngine(load: LoadPlan, slos: ResolvedScenario['slos']): LoadPlan {
  const engine = load.engine === 'auto' ? chooseEngine(load, slos) : (load.engine as EngineName);
  const [refusal] = refusalsOf(engine, load, slos);
  if (refusal) throw bad(refusal.field, refusal.expected, refusal.found);
  return { ...load, engine };
}

/** The rate that a stage goes to, as it was written; null in a closed loop, which has none. */
function rateOf({ to, at }: { to?: string | undefined; at?: string | undefined }, field: string, isClosed: boolean) {
  const rate = to ?? at ?? null;
  if (isClosed && rate !== null)
    throw bad(`${field}.${to ? 'to' : 'at'}`, 'left out, for connections in a closed loop decide the rate', rate);
  if (!isClosed && rate === null) throw bad(field, 'a ramp with `to` or a step with `at`', { to, at });
  return rate;
}

function compileLoad({ load, stack }: ResolvedScenario): LoadPlan {
  const isClosed = isClosedLoop(load.engine);
  const stages: RateSegment[] = [];
  for (const [index, stage] of load.stages.entries()) {
    const field = `load.stages[${index}]`;
    const durationMs = parseDurationMs(stage.for, `${field}.for`);
    if (durationMs === 0) throw bad(`${field}.for`, 'a duration greater than 0', stage.for);
    const before = stages.at(-1);
    const rate = rateOf(stage, field, isClosed);
    const toPerSecond = rate === null ? 0 : parseRatePerSecond(rate, `${field}.${stage.to ? 'to' : 'at'}`);
    const fromMs = before?.toMs ?? 0;
    const fromPerSecond = stage.to === undefined ? toPerSecond : (before?.toPerSecond ?? 0);
    stages.push({
      name: stage.name ?? String(index + 1),
      fromMs,
      toMs: fromMs + durationMs,
      fromPerSecond,
      toPerSecond,
    });
  }
  if (!isClosed && stages.every(stage => stage.fromPerSecond === 0 && stage.toPerSecond === 0))
    throw bad('load.stages', 'at least one stage with a rate above 0', load.stages);
  const warmUpMs = parseDurationMs(load.warmUp, 'load.warmUp');
  if (warmUpMs === 0)
    throw bad('load.warmUp', 'a duration greater than 0, for no steady state can be seen without one', load.warmUp);
  const warmPerSecond = isClosed ? 0 : Math.max(stages[0]!.fromPerSecond, stages[0]!.toPerSecond / 2, 1);
  const warmUp = {
    name: 'warm-up',
    fromMs: -warmUpMs,
    toMs: 0,
    fromPerSecond: warmPerSecond,
    toPerSecond: warmPerSecond,
  };
  const shape = typeof load.workload === 'string' ? workloads[load.workload as keyof typeof workloads] : load.workload;
  return {
    engine: load.engine,
    arrivals: load.arrivals,
    segments: [warmUp, ...stages],
    workload: { ...shape, model: stack.inference.profile },
    ...(load.connections === undefined ? {} : { connections: load.connections }),
    maxInFlight: load.maxInFlight,
    connectTimeoutMs: parseDurationMs(load.connectTimeout, 'load.connectTimeout'),
    idleTimeoutMs: parseDurationMs(load.idleTimeout, 'load.idleTimeout'),
  };
}

function compileFault(fault: ResolvedScenario['faults'][number], index: number, topology: Topology): FaultPlan {
  const { id, kind, on, at, for: duration, ...parameters } = fault;
  const found = faultPackages.find(candidate => candidate.kind === kind)!;
  const checked = found.parameters.safeParse(parameters);
  const issue = checked.error?.issues[0];
  if (issue) {
    const key = issue.path.join('.');
    throw bad(
      `faults[${index}].${key}`,
      issue.message.replace(/^expected /, ''),
      parameters[key as keyof typeof parameters],
    );
  }
  const target = on.replaceAll(/\s*->\s*/g, '→');
  const known = found.on === 'link' ? linkNames(topology) : replicaNames(topology);
  requireKnown(target, known, `faults[${index}].on`, `a ${found.on} of this stack`);
  return {
    id: id ?? kind,
    kind,
    target,
    atMs: parseDurationMs(at, `faults[${index}].at`),
    forMs: duration === undefined ? null : parseDurationMs(duration, `faults[${index}].for`),
    parameters: checked.data as Record<string, unknown>,
  };
}

function checkSlo(slo: ResolvedScenario['slos'][number], index: number, windows: string[], faultIds: string[]): void {
  const objective = parseObjective(slo.objective, `slos[${index}].objective`);
  requireKnown(slo.window, windows, `slos[${index}].window`, 'a window of this scenario');
  if (objective.kind === 'recovery')
    requireKnown(objective.fault, faultIds, `slos[${index}].objective`, 'recovery of a fault of this scenario');
}

function requireKnown(found: string, known: readonly string[], field: string, what: string): void {
  if (known.includes(found)) return;
  const hint = didYouMean(found, known);
  throw bad(field, `${what} (${known.join(', ') || 'it has none'})`, found, hint);
}

function requireUnique(names: readonly string[], list: string, key: string): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw bad(list, `every \`${key}\` only once`, twice);
}

function bad(field: string, expected: string, found: unknown, hint = ''): SquallError {
  return new SquallError(
    'scenario',
    'BAD_SCENARIO',
    `Expected \`${field}\` to be ${expected}, got ${JSON.stringify(found)}${hint}`,
    {
      next: `Correct \`${field}\` in the scenario.`,
    },
  );
}
