import { parse } from 'yaml';
import { faultPackages } from '../faults/catalog.ts';
import type { FaultPackage } from '../faults/fault.ts';
import { boundaryName, boundaryNames, zoneNames } from '../faults/zones.ts';
import { systemClock } from '../harness/clock.ts';
import { SquallError } from '../harness/errors.ts';
import { findProgram } from '../harness/host/programs.ts';
import {
  type FaultPlan,
  type LoadPlan,
  loadEndMs,
  type PlatformKind,
  type RunPlan,
  type Workload,
} from '../harness/plan.ts';
import { windowNames } from '../harness/windows.ts';
import type { EngineName } from '../load/engines.ts';
import { credentialsOf, type Environment, resolveSecret } from '../load/request/secrets.ts';
import { externalTopology } from '../platform/external/platform.ts';
import { foresee } from '../reports/judge/warnings/foreseen.ts';
import { didYouMean } from '../reports/nearest.ts';
import { settleOptions } from '../stack/options.ts';
import { linkNames, replicaNames, type Topology, topologyOf } from '../stack/topology.ts';
import { badScenario } from './bad-scenario.ts';
import { requirePrometheus, withAutoscaler } from './input/autoscaler.ts';
import { type Intervals, intervalsOf, intervalWarnings } from './input/autoscaler-intervals.ts';
import { checkCapacity } from './input/capacity.ts';
import { checkGateway, withKeys } from './input/gateway.ts';
import { checkRelease } from './input/release.ts';
import { compileLoad } from './load/compile-load.ts';
import { chooseEngine, unsupportedBy } from './load/engine-choice.ts';
import { requireSplittable, scheduledIn } from './load/split.ts';
import { loadWarnings } from './load/warnings.ts';
import { quoted } from './quoted.ts';
import type { ResolvedScenario } from './scenario.ts';
import { secretsOf } from './session/secrets.ts';
import { type External, faultsOnTarget, requireOutsideObjectives } from './target/external.ts';
import { type RealOptions, requireVirtual, virtualTime } from './virtual-limits.ts';

/** What the command line adds to a scenario. */
export interface CompileOptions extends RealOptions {
  readonly seed: number;
  readonly platform: PlatformKind;
  /** The server to test instead of a stack; only with platform `external`. */
  readonly external?: External | undefined;
  readonly replay: string;
  /** Text of the scenario, for reports; see `load/source.ts`. @default none */
  readonly source?: string;
  /** Base of the scenario's relative paths. @default the current folder */
  readonly folder?: string;
  /** Model that the target lists, for a scenario that names none. @default none */
  readonly model?: string | undefined;
  /** Variables that headers can refer to; null if the load runs elsewhere. @default those of this process */
  readonly environment?: Environment | null;
}

/** A scenario that is ready to run. */
export interface CompiledScenario {
  readonly plan: RunPlan;
  readonly topology: Topology;
  readonly external?: External;
}

/**
 * Turns a scenario into a plan, and checks everything that can be known before anything starts.
 * The same scenario and options give the same plan, to the byte.
 * @throws SquallError that names the field
 */
export function compileScenario(scenario: ResolvedScenario, options: CompileOptions): CompiledScenario {
  const { seed, platform, external, replay, source, folder = process.cwd(), environment = process.env } = options;
  if (platform === 'virtual') requireVirtual(scenario, options);
  const defaultModel = external ? (options.model ?? '') : scenario.stack.inference.profile;
  const { topology, timeScale, stack, notes, intervals } = external ? targetOf(external) : stackOf(scenario, options);
  const metrics = external?.metrics?.map(({ url }) => url) ?? [];
  if (external && metrics.length === 0) requireOutsideObjectives(scenario.slos);
  const load = settleEngine(
    compileLoad(scenario.load, { defaultModel, folder, base: external?.base, environment }),
    scenario,
    options,
    topology.login !== undefined,
  );
  const faults = (external ? faultsOnTarget(scenario.faults) : scenario.faults).map((fault, index) =>
    compileFault(fault, index, topology, platform),
  );
  requireUnique(faults, 'faults', 'id');
  requireUnique(scenario.slos, 'slos', 'name');
  const endMs = loadEndMs({ load });
  if (!external) {
    checkCapacity(scenario.stack, endMs);
    checkRelease(scenario.stack);
  }
  for (const [index, { atMs }] of faults.entries())
    if (atMs >= endMs)
      throw badScenario(`faults[${index}].at`, `before the load ends at ${endMs / 1000}s`, `${atMs / 1000}s`);
  const windows = windowNames({ load, faults });
  for (const [index, slo] of scenario.slos.entries()) checkSlo(slo, index, { load, faults, windows });
  const sloNames = scenario.slos.map(({ name }) => name);
  for (const [index, { breaks }] of scenario.proof.entries())
    for (const name of breaks)
      requireKnown(name, sloNames, `proof[${index}].breaks`, 'the name of an SLO of this scenario');
  const slos = scenario.slos.map(({ objective, ...slo }) => ({ ...slo, objective: objective.text })) as RunPlan['slos'];
  const warnings = [
    ...(platform === 'virtual' ? [virtualTime(scenario.stack.virtual)] : []),
    ...notes,
    ...(intervals ? intervalWarnings({ ...intervals, loadMs: endMs * timeScale }) : []),
    ...loadWarnings(load),
    ...foresee({ load, faults, slos }),
  ];
  const plan: RunPlan = {
    scenario: scenario.name,
    why: scenario.why,
    covers: scenario.covers,
    platform,
    ...(external ? { target: external.url } : {}),
    ...(external?.tls && Object.keys(external.tls).length > 0 && { tls: external.tls }),
    ...(metrics.length > 0 ? { metrics } : {}),
    seed,
    timeScale,
    load,
    faults,
    slos,
    stack,
    ...scheduledIn(load, seed, options.segment),
    ...(warnings.length > 0 && { warnings }),
    ...(source !== undefined && { source }),
    replay: withPins(replay, pinsOf(scenario, load, stack, options.model)),
  };
  const credentials = credentialsOf(load.headers ?? {}, environment ?? {});
  return { plan, topology, ...(external ? { external: { ...external, credentials } } : {}) };
}

interface TestedSystem extends Pick<RunPlan, 'timeScale' | 'stack'> {
  readonly topology: Topology;
  readonly notes: readonly string[];
  /** Of its autoscaler, if it has one. */
  readonly intervals?: Omit<Intervals, 'loadMs'> | undefined;
}

function stackOf(
  { load, stack: { timeScale, virtual, ...written } }: ResolvedScenario,
  { seed, platform, folder = process.cwd() }: CompileOptions,
): TestedSystem {
  const { stack: read, notes, ...found } = withAutoscaler(written, folder);
  // Container images contain every tool; processes use the tools of this machine.
  const stack = settleOptions(read, tool =>
    platform === 'virtual' ? tool === 'redis-server' : platform === 'docker' || findProgram(tool) !== undefined,
  );
  requirePrometheus(stack, written.prometheus);
  const limitations = checkGateway(stack, written.redis, load.clients?.classes);
  // The stack's gateways accept the key of every class of clients.
  const keys = (load.clients?.classes ?? []).flatMap(({ key }) =>
    key === undefined ? [] : [resolveSecret(key, process.env)],
  );
  const secret = secretsOf({ seed, platform }, 'stack');
  const resolved = { ...stack, gateway: withKeys(stack.gateway, process.env) };
  const topology = topologyOf(resolved, timeScale, seed, { secret, now: systemClock.date(), clientKeys: keys });
  const intervals = intervalsOf(stack, found, topology, timeScale);
  return {
    topology,
    timeScale,
    notes: [...notes, ...limitations],
    intervals,
    stack: platform === 'virtual' ? { ...stack, virtual } : stack,
  };
}

function targetOf({ authorization }: External): TestedSystem {
  return { topology: externalTopology(authorization), timeScale: 1, stack: {}, notes: [] };
}

/** Chooses the engine for `auto`, and checks that it supports the load and the SLOs. */
function settleEngine(load: LoadPlan, { slos }: ResolvedScenario, options: CompileOptions, login: boolean): LoadPlan {
  const { workers = 1, segment, external } = options;
  const context = { hasLogin: login, hasWorkers: workers > 1, isSegment: segment !== undefined, target: external?.url };
  const chosen = options.platform === 'virtual' ? 'stream' : chooseEngine(load, slos, context);
  const engine = load.engine === 'auto' ? chosen : (load.engine as EngineName);
  const [unsupported] = unsupportedBy(engine, load, slos, context);
  if (unsupported) throw badScenario(unsupported.field, unsupported.expected, unsupported.found);
  requireSplittable(load, options);
  // Connections send back to back, whatever the default of `arrivals` is.
  const arrivals = load.connections === undefined ? load.arrivals : ({ kind: 'closed', thinkTimeMs: [0, 0] } as const);
  return { ...load, engine, arrivals, ...(workers > 1 ? { workers } : {}) };
}

/** Adds to a replay command what was settled here, so that it does not depend on what another machine has. */
function withPins(replay: string, pins: Readonly<Record<string, string>>): string {
  const sets = Object.entries(pins).map(([path, value]) => `--set ${quoted(`${path}=${value}`)}`);
  return [replay, ...sets.filter(set => !replay.includes(set))].join(' ');
}

/** The results of `auto`, that is the engine and parts with their defaults or `off`, the listed model, and the content of files. */
function pinsOf(
  { load: { engine, model, clients }, stack: written }: ResolvedScenario,
  load: LoadPlan,
  stack: RunPlan['stack'],
  listed: string | undefined,
): Record<string, string> {
  const parts = (['edge', 'redis', 'prometheus'] as const).filter(part => written[part] === 'auto' && part in stack);
  return {
    ...(engine === 'auto' ? { 'load.engine': load.engine } : {}),
    ...Object.fromEntries(parts.map(part => [`stack.${part}`, stack[part] === 'off' ? 'off' : '{}'])),
    ...(model === undefined && listed ? { 'load.model': yamlOf(listed) } : {}),
    ...(load.trace ? { 'load.trace.sha256': load.trace.sha256 } : {}),
    ...promptPin(load.workload, 'load.workload'),
    ...Object.assign(
      {},
      ...(load.clients?.classes ?? [])
        .filter((_, index) => clients?.classes?.[index]?.workload?.prompts)
        .map(({ name, workload }) => promptPin(workload, `load.clients.classes.${name}.workload`)),
    ),
  };
}

function promptPin(workload: Workload, field: string): Record<string, string> {
  if (workload.kind === 'http' || !workload.prompts) return {};
  return { [`${field}.prompts.sha256`]: workload.prompts.sha256 };
}

/** A text as a value of `--set`, which is YAML. */
function yamlOf(text: string): string {
  return parse(text) === text ? text : JSON.stringify(text);
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

/** Names of the targets of a fault. */
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
  const message = `Expected \`${field}\` to be a fault that the platform ${platform} supports (${possible.join(', ')}), got "${kind}", which needs ${platforms.join(' or ')}`;
  throw new SquallError('scenario', 'FAULT_NEEDS_PLATFORM', message, {
    next: `Run it with \`--platform ${platforms[0]}\`, or choose another fault.`,
  });
}

function checkSlo(
  slo: ResolvedScenario['slos'][number],
  index: number,
  { load, faults, windows }: { load: LoadPlan; faults: readonly FaultPlan[]; windows: readonly string[] },
): void {
  const field = `slos[${index}].objective`;
  const { objective, check } = slo.objective;
  requireKnown(slo.window, windows, `slos[${index}].window`, 'a window of this scenario');
  const fault = check.fault?.(objective);
  const ids = faults.map(({ id }) => id);
  if (fault !== undefined) requireKnown(fault, ids, field, `${check.kind} of a fault of this scenario`);
  requireKnown(check.window?.(objective) ?? slo.window, windows, field, `${check.kind} in a window of this scenario`);
  const impossible = check.impossible?.(objective, { load, faults });
  if (impossible) throw badScenario(field, impossible, slo.objective.text);
  const classes = load.clients?.classes.map(({ name }) => name) ?? [];
  if (slo.class !== undefined) requireKnown(slo.class, classes, `slos[${index}].class`, 'a class of load.clients');
}

/** Names beyond these are counted in a message. */
const MAX_KNOWN = 50;

function requireKnown(found: string, known: readonly string[], field: string, what: string): void {
  if (known.includes(found)) return;
  const shown = [
    ...known.slice(0, MAX_KNOWN),
    ...(known.length > MAX_KNOWN ? [`${known.length - MAX_KNOWN} more`] : []),
  ];
  throw badScenario(field, `${what} (${shown.join(', ') || 'it has none'})`, found, didYouMean(found, known));
}

/** @throws SquallError for two items of a list of the scenario that have one `id` or `name` */
function requireUnique<Key extends string>(
  items: readonly Readonly<Record<Key, string>>[],
  list: string,
  key: Key,
): void {
  const names = new Set<string>();
  for (const { [key]: name } of items)
    if (names.has(name)) throw badScenario(list, `a list in which every \`${key}\` is unique`, name);
    else names.add(name);
}
