import { createHash } from 'node:crypto';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { loadEndMs, type PlatformKind, warmUpMs } from '../../harness/plan.ts';
import type { SuitePlace } from '../../reports/store/suite-document.ts';
import type { CompiledScenario } from '../compile.ts';
import { type FoundScenario, findScenario } from '../find.ts';
import { type LoadOptions, loadScenario } from '../load-scenario.ts';
import type { ResolvedScenario } from '../scenario.ts';
import { requireInstalled } from '../session/installed.ts';
import { isOfStack } from '../target/external.ts';
import type { ResolvedSuite } from './suite.ts';

/** A place of a suite, before anything ran. */
export interface PlannedPlace extends SuitePlace {
  readonly platform: PlatformKind;
  readonly why: string;
  /** Absent for a scenario that could not be read. */
  readonly found?: FoundScenario;
  /** Whether it can run here, see `PlaceState`. */
  readonly state: 'ready' | 'unsupported' | 'missing' | 'refused';
  /** Why it cannot. */
  readonly sentence: string;
  /** Warm-up and load, in ms: how long it takes beside the others of its platform. */
  readonly lengthMs: number;
  /** Those that the suite asks for. */
  readonly proofs: ResolvedScenario['proof'];
  /** What others would leave out, which a target has no part of. */
  readonly untried: readonly string[];
}

/** A planned suite. */
export interface SuitePlan {
  /** Seed by seed, so that whatever changes on the machine meanwhile meets all scenarios. */
  readonly places: readonly PlannedPlace[];
  /** SHA-256 of each scenario by name or path. */
  readonly digests: Readonly<Record<string, string>>;
}

/** Options of {@link planSuite}. */
export interface PlanSuiteOptions {
  readonly suite: ResolvedSuite;
  readonly scenarios: readonly string[];
  readonly platforms: readonly PlatformKind[];
  /** How a scenario is loaded. */
  readonly optionsOf: (source: string, platform: PlatformKind, seed: number) => LoadOptions;
  readonly signal: AbortSignal;
}

/**
 * Looks at every scenario on every platform before anything starts. What cannot run stays a place, with its reason.
 * @throws SquallError `BAD_SUITE` for two scenarios of one name
 */
export async function planSuite(options: PlanSuiteOptions): Promise<SuitePlan> {
  const { suite, scenarios, platforms, signal } = options;
  const checked: Checked[] = [];
  for (const source of scenarios)
    for (const platform of platforms) {
      signal.throwIfAborted();
      checked.push(await check(source, platform, options));
    }
  requireNames(checked);
  const repeated = ({ platform }: Checked) => (platform === 'virtual' ? 1 : suite.repeats);
  const all = suite.seeds.flatMap(seed =>
    Array.from({ length: suite.repeats }, (_, index) => index + 1).flatMap(repeat =>
      checked
        .filter(place => repeat <= repeated(place))
        .map(({ source: _, ...place }): PlannedPlace => ({ ...place, seed, repeat })),
    ),
  );
  const places = suite.prove === 'once' ? provedOnce(all) : all;
  const digests = checked.map(({ source, found }) => [source, digestOf(found?.raw)]);
  return { places, digests: Object.fromEntries(digests) };
}

/** Leaves proofs to the first place of each scenario that can run: places come in the order of the suite's seeds and platforms. */
function provedOnce(places: readonly PlannedPlace[]): PlannedPlace[] {
  const proved = new Set<string>();
  return places.map(place => {
    if (proved.has(place.scenario)) return { ...place, proofs: [] };
    if (place.state === 'ready') proved.add(place.scenario);
    return place;
  });
}

/** The proofs of a scenario that can be tried on a platform, and what the others leave out. */
function proofsOn(platform: PlatformKind, all: ResolvedScenario['proof']): Pick<PlannedPlace, 'proofs' | 'untried'> {
  const isOfTarget = ({ set }: (typeof all)[number]) => !Object.keys(set).some(isOfStack);
  const proofs = platform === 'external' ? all.filter(isOfTarget) : all;
  return { proofs, untried: all.filter(proof => !proofs.includes(proof)).map(({ without }) => without) };
}

/** Codes of what a platform can never run. */
const UNSUPPORTED = new Set(['NOT_VIRTUAL', 'FAULT_NEEDS_PLATFORM', 'NOT_EXTERNAL']);

interface Checked extends Omit<PlannedPlace, 'seed' | 'repeat'> {
  readonly source: string;
}

async function check(source: string, platform: PlatformKind, options: PlanSuiteOptions): Promise<Checked> {
  const { suite, optionsOf, signal } = options;
  const nothing = { source, scenario: source, platform, why: '', lengthMs: 0, proofs: [], untried: [] };
  let found: FoundScenario | undefined;
  try {
    found = await findScenario(source);
    const { scenario, compiled } = await loadScenario(found, {
      ...optionsOf(source, platform, suite.seeds[0]!),
      signal,
    });
    const lack = await lackOf(compiled, signal);
    return {
      ...{ ...nothing, found, scenario: scenario.name, why: scenario.why },
      ...(lack === undefined ? { state: 'ready', sentence: '' } : { state: 'missing', sentence: lack }),
      lengthMs: warmUpMs(compiled.plan) + loadEndMs(compiled.plan),
      ...proofsOn(platform, suite.prove ? scenario.proof : []),
    };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SquallError)) throw error;
    const isUnsupported = UNSUPPORTED.has(error.code);
    return {
      ...nothing,
      ...(found && { found, ...namesOf(found.raw) }),
      state: isUnsupported ? 'unsupported' : 'refused',
      sentence: `${messageOf(error)
        .replaceAll(/\s*\n\s*/g, ' ')
        .replace(/\.$/, '')}.`,
    };
  }
}

/** Name and reason of a scenario that did not compile, as far as it has some. */
function namesOf(raw: unknown): { scenario?: string; why?: string } {
  const { name, why } = (raw ?? {}) as Record<string, unknown>;
  return {
    ...(typeof name === 'string' && /^[a-z0-9][a-z0-9-]{0,63}$/.test(name) && { scenario: name }),
    ...(typeof why === 'string' && { why }),
  };
}

/** What this machine lacks for a scenario, and how to get it; undefined for nothing. */
async function lackOf(compiled: CompiledScenario, signal: AbortSignal): Promise<string | undefined> {
  try {
    await requireInstalled(compiled, signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SquallError)) throw error;
    return `${error.message}. ${error.next ?? ''}`.trim();
  }
}

/** Folders and tables name scenarios by their names alone. */
function requireNames(checked: readonly Checked[]): void {
  const sources = new Map<string, string>();
  for (const { scenario, source } of checked) {
    const other = sources.get(scenario) ?? source;
    if (other !== source)
      throw new SquallError(
        'scenario',
        'BAD_SUITE',
        `Expected the scenarios of a suite to have names of their own, got "${scenario}" from ${other} and from ${source}`,
        {
          next: 'Rename one of them, or leave it out.',
        },
      );
    sources.set(scenario, source);
  }
}

function digestOf(raw: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(raw) ?? '')
    .digest('hex');
}
