import { faultPackages } from '../faults/catalog.ts';
import type { FaultPackage } from '../faults/fault.ts';
import { boundaryName, boundaryNames, zoneNames } from '../faults/zones.ts';
import { SquallError } from '../harness/errors.ts';
import { findProgram } from '../harness/host/programs.ts';
import type { FaultPlan, LoadPlan, PlatformKind, RunPlan } from '../harness/plan.ts';
import { loadEndMs } from '../harness/plan.ts';
import { windowNames } from '../harness/windows.ts';
import type { EngineName } from '../load/engines.ts';
import { resolveApiKey } from '../load/request/api-key.ts';
import { externalTopology } from '../platform/external/platform.ts';
import { didYouMean } from '../reports/nearest.ts';
import { settleOptions } from '../stack/options.ts';
import { linkNames, replicaNames, type Topology, topologyOf } from '../stack/topology.ts';
import { badScenario as bad } from './bad-scenario.ts';
import { type External, faultsOnTarget, requireOutsideObjectives } from './external.ts';
import { compileLoad } from './load/compile-load.ts';
import { chooseEngine, refusalsOf } from './load/engine-choice.ts';
import { scheduledIn, sharedAmong } from './load/share.ts';
import type { ResolvedScenario } from './scenario.ts';

/** What the command line adds to a scenario. */
export interface CompileOptions {
  readonly seed: number;
  readonly platform: PlatformKind;
  /** The server to test instead of a stack; with platform `external` alone. */
  readonly external?: External | undefined;
  /** Processes that generate the load. @default 1 */
  readonly workers?: number | undefined;
  /** Which part of the load this run drives, where several share it; `index` from 1. @default all of it */
  readonly segment?: { readonly index: number; readonly of: number } | undefined;
  readonly replay: string;
  /** Where relative paths of the scenario begin. @default the current folder */
  readonly folder?: string;
}

/** A scenario that is ready to run. */
export interface CompiledScenario {
  readonly plan: RunPlan;
  readonly topology: Topology;
  readonly external?: External;
}

/**
 * Turns a scenario into a plan: parses its quantities and checks everything that can be known before anything starts.
 * The same scenario and options give the same plan, to the byte.
 * @throws SquallError that names the field
 */
export function compileScenario(scenario: ResolvedScenario, options: CompileOptions): CompiledScenario {
  const { seed, platform, external, replay, folder = process.cwd() } = options;
  const { topology, timeScale, stack } = external ? around(external) : ownStack(scenario, seed, platform);
  if (external) requireOutsideObjectives(scenario.slos);
  const { engine, ...loadOptions } = scenario.load;
  const asked = compileLoad(loadOptions, { engine, model: scenario.stack.inference.profile, folder });
  const load = settleEngine(asked, scenario.slos, options);
  const faults = (external ? faultsOnTarget(scenario.faults) : scenario.faults).map((fault, index) =>
    compileFault(fault, index, topology, platform),
  );
  const ids = faults.map(fault => fault.id);
  requireUnique(ids, 'faults', 'id');
  for (const [index, fault] of faults.entries())
    if (fault.atMs >= loadEndMs({ load } as RunPlan))
      throw bad(
        `faults[${index}].at`,
        `before the load ends at ${loadEndMs({ load } as RunPlan) / 1000}s`,
        `${fault.atMs / 1000}s`,
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
    covers: scenario.covers,
    platform,
    ...(external ? { target: external.url } : {}),
    seed,
    timeScale,
    load,
    faults,
    slos: scenario.slos.map(({ objective, ...slo }) => ({ ...slo, objective: objective.text })) as RunPlan['slos'],
    stack,
    ...scheduledIn(load, seed, options.segment),
    replay: pinned(replay, { ...settledPins(scenario, load, stack), ...tracePin(load) }),
  };
  return { plan, topology, ...(external ? { external } : {}) };
}

type WhatIsTested = { readonly topology: Topology } & Pick<RunPlan, 'timeScale' | 'stack'>;

function ownStack(
  { load, stack: { timeScale, ...written } }: ResolvedScenario,
  seed: number,
  platform: PlatformKind,
): WhatIsTested {
  // Containers have every tool in their images, processes what is found on this machine.
  const stack = settleOptions(written, tool => platform === 'docker' || findProgram(tool) !== undefined);
  // Whatever key a class of clients has, our own gateways know it as a customer of its own.
  const keys = (load.clients?.classes ?? []).flatMap(({ key }) => (key === undefined ? [] : [resolveApiKey(key)]));
  return { topology: topologyOf(stack, timeScale, seed, undefined, keys), timeScale, stack };
}

/** Nothing is known of a target, and nothing of it is scaled. */
function around({ authorization }: External): WhatIsTested {
  return { topology: externalTopology(authorization), timeScale: 1, stack: {} };
}

/** Decides what `auto` means, refuses what the engine cannot do, and notes who shares the load. */
function settleEngine(
  load: LoadPlan,
  slos: ResolvedScenario['slos'],
  { external, ...options }: CompileOptions,
): LoadPlan {
  const hasWorkers = (options.workers ?? 1) > 1;
  const around = { hasWorkers, isSegment: options.segment !== undefined, target: external?.url };
  const engine = load.engine === 'auto' ? chooseEngine(load, slos, around) : (load.engine as EngineName);
  const [refusal] = refusalsOf(engine, load, slos, around);
  if (refusal) throw bad(refusal.field, refusal.expected, refusal.found);
  // Connections send back to back, whatever arrivals are when nobody says.
  const arrivals = load.connections === undefined ? load.arrivals : ({ kind: 'closed', thinkTimeMs: [0, 0] } as const);
  return { ...load, engine, arrivals, ...sharedAmong(load, options) };
}

/** The command that repeats a run sets what was decided here, so that it does not depend on what another machine finds. */
function pinned(replay: string, pins: Readonly<Record<string, string>>): string {
  const missing = Object.entries(pins).map(
    ([path, value]) => `--set ${/^\w+$/.test(value) ? `${path}=${value}` : `'${path}=${value}'`}`,
  );
  return [replay, ...missing.filter(pin => !replay.includes(pin))].join(' ');
}

/** What `auto` came to: the load's engine, and each part with its defaults, or not there. */
function settledPins(
  { load: { engine }, stack: written }: ResolvedScenario,
  settled: LoadPlan,
  stack: RunPlan['stack'],
): Record<string, string> {
  const parts = (['edge', 'redis', 'prometheus'] as const).filter(part => written[part] === 'auto' && part in stack);
  return {
    ...(engine === 'auto' ? { 'load.engine': settled.engine } : {}),
    ...Object.fromEntries(parts.map(part => [`stack.${part}`, stack[part] === 'off' ? 'off' : '{}'])),
  };
}

/** Another trace is refused. */
function tracePin({ trace }: LoadPlan): Record<string, string> {
  return trace ? { 'load.trace.sha256': trace.sha256 } : {};
}

function compileFault(
  fault: ResolvedScenario['faults'][number],
  index: number,
  topology: Topology,
  platform: PlatformKind,
): FaultPlan {
  const { id, kind, on, at: atMs, for: forMs = null, ...parameters } = fault;
  const found = faultPackages.find(candidate => candidate.kind === kind)!;
  requirePlatform(found, platform, `faults[${index}].kind`);
  const target = found.on === 'boundary' ? boundaryName(on) : on.replaceAll(/\s*->\s*/g, '→');
  requireKnown(target, TARGETS[found.on](topology), `faults[${index}].on`, `a ${found.on} of this stack`);
  return { id: id ?? kind, kind, target, atMs, forMs, parameters };
}

/** What a fault can name, by what it is injected on. */
const TARGETS: Readonly<Record<FaultPackage['on'], (topology: Topology) => string[]>> = {
  link: linkNames,
  replica: replicaNames,
  zone: zoneNames,
  boundary: boundaryNames,
};

function requirePlatform({ kind, platforms }: FaultPackage, platform: PlatformKind, field: string): void {
  if (!platforms || platforms.includes(platform)) return;
  const possible = faultPackages
    .filter(other => other.kind !== 'noop' && (other.platforms ?? [platform]).includes(platform))
    .map(other => other.kind);
  const message = `Expected \`${field}\` to be a fault that the platform ${platform} can do (${possible.join(', ')}), got "${kind}", which only ${platforms.join(' and ')} can`;
  throw new SquallError('scenario', 'FAULT_NEEDS_PLATFORM', message, {
    next: `Run it with \`--platform ${platforms[0]}\`, or choose another fault.`,
  });
}

function checkSlo(slo: ResolvedScenario['slos'][number], index: number, windows: string[], faultIds: string[]): void {
  const field = `slos[${index}].objective`;
  const { objective, check } = slo.objective;
  requireKnown(slo.window, windows, `slos[${index}].window`, 'a window of this scenario');
  const fault = check.fault?.(objective);
  if (fault !== undefined) requireKnown(fault, faultIds, field, `${check.kind} of a fault of this scenario`);
  requireKnown(check.window?.(objective) ?? slo.window, windows, field, `${check.kind} in a window of this scenario`);
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
