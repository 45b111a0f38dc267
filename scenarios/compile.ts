import { faultPackages } from '../faults/catalog.ts';
import { digestArrivals } from '../harness/arrivals.ts';
import type { FaultPlan, PlatformKind, RunPlan } from '../harness/plan.ts';
import { driveEndMs } from '../harness/plan.ts';
import { parseDurationMs } from '../harness/quantity.ts';
import { windowNames } from '../harness/windows.ts';
import { parseObjective } from '../reports/objective.ts';
import { settleOptions } from '../stack/options.ts';
import { findTool, type ToolName } from '../stack/tools.ts';
import { linkNames, replicaNames, type Topology, topologyOf } from '../stack/topology.ts';
import { badScenario as bad } from './bad-scenario.ts';
import { compileLoad } from './load/compile-load.ts';
import { isClosed, scheduleOf } from './load/schedule.ts';
import type { ResolvedScenario } from './scenario.ts';
import { didYouMean } from './validate.ts';

/** What the command line adds to a scenario. */
export interface CompileOptions {
  readonly seed: number;
  readonly platform: PlatformKind;
  readonly replay: string;
  /** Whether the platform has a tool, which decides what `auto` means. @default with containers it has all, else what is found on this machine */
  readonly hasTool?: (tool: ToolName) => boolean;
  /** Where relative paths of the scenario begin. @default the current folder */
  readonly folder?: string;
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
  { seed, platform, replay, hasTool = toolsOn(platform), folder = process.cwd() }: CompileOptions,
): CompiledScenario {
  const { timeScale, ...written } = scenario.stack;
  const stack = settleOptions(written, hasTool);
  const topology = topologyOf(stack, timeScale, seed);
  const { engine, ...loadOptions } = scenario.load;
  const load = compileLoad(loadOptions, { engine, model: stack.inference.profile, folder });
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
  const classes = load.clients?.classes.map(({ name }) => name) ?? [];
  for (const [index, slo] of scenario.slos.entries()) {
    checkSlo(slo, index, windowNames({ load, faults }), ids);
    if (slo.class !== undefined) requireKnown(slo.class, classes, `slos[${index}].class`, 'a class of load.clients');
  }
  for (const [index, proof] of scenario.proof.entries())
    requireKnown(
      proof.breaks,
      scenario.slos.map(slo => slo.name),
      `proof[${index}].breaks`,
      'the name of an SLO of this scenario',
    );
  const plan: RunPlan = {
    scenario: scenario.name,
    why: scenario.why,
    judges: scenario.judges,
    platform,
    seed,
    timeScale,
    load,
    faults,
    slos: scenario.slos as RunPlan['slos'],
    stack,
    arrivals: isClosed(load.arrivals) ? null : digestArrivals(scheduleOf(load, seed)),
    replay: load.trace ? pinned(replay, load.trace.sha256) : replay,
  };
  return { plan, topology };
}

/** Containers have every tool in their images, processes what is found on this machine. */
function toolsOn(platform: PlatformKind): (tool: ToolName) => boolean {
  return tool => platform === 'docker' || findTool(tool) !== undefined;
}

/** The command that repeats a run refuses another trace than the one of this run. */
function pinned(replay: string, sha256: string): string {
  return replay.includes('load.trace.sha256=') ? replay : `${replay} --set load.trace.sha256=${sha256}`;
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
