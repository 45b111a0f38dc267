import { NEVER } from '../harness/clock.ts';
import { messageOf, SquallError } from '../harness/errors.ts';
import { interruptible } from '../harness/host/interrupts.ts';
import { thisMachine } from '../harness/host/network.ts';
import { warmUpMs } from '../harness/plan.ts';
import { formatMs } from '../harness/quantity.ts';
import { resolvedHeaders } from '../load/request/secrets.ts';
import { blaming } from './blame.ts';
import { type CompiledScenario, type CompileOptions, compileScenario } from './compile.ts';
import type { ChaosPlan } from './explore/chaos.ts';
import { loadChaos } from './explore/load-chaos.ts';
import { type FoundScenario, findScenario, unreadable } from './find.ts';
import { requirePlain } from './input/plain.ts';
import { compileHeaders } from './load/compile-headers.ts';
import { sourceOf } from './load/source.ts';
import { override } from './override.ts';
import type { ResolvedScenario, Scenario } from './scenario.ts';
import { type External, requireStackUntouched } from './target/external.ts';
import { type MetricsOptions, metricsEndpoints } from './target/metrics.ts';
import { targetModels } from './target/models.ts';
import { validateScenario } from './validate.ts';
import { selectVariant, withoutVariants } from './variants/select.ts';

/** Options of {@link loadScenario}. */
export interface LoadOptions extends Omit<CompileOptions, 'folder' | 'model' | 'source'>, MetricsOptions {
  /** Overrides of values by path, such as those of `--set` or of a proof. @default none */
  readonly changes?: Readonly<Record<string, unknown>>;
  /** What the user wrote for an override, by its path, such as `--path x`. @default `--set <path>` */
  readonly given?: Readonly<Record<string, string>>;
  /** Variant of the scenario, whose overrides come before `changes`. @default the first, if it has any */
  readonly variant?: string | undefined;
  /** Ends the resolution of names, and questions to the target. */
  readonly signal?: AbortSignal;
  /** Whether a target is asked for its models, where the scenario names none. @default false */
  readonly asksModel?: boolean;
}

/** A validated scenario, and compiled. */
export interface LoadedScenario {
  readonly scenario: ResolvedScenario;
  readonly compiled: CompiledScenario;
  /** Name of the variant, of a scenario that has some. */
  readonly variant?: string;
  /** What its `chaos` section allows for, and the scenario as in its file; absent without one, and for a target. */
  readonly chaos?: { readonly plan: ChaosPlan; readonly written: Scenario };
  /** The models that the target lists, where the scenario names none and the target was asked; the plan has the first. */
  readonly models?: readonly string[];
}

/**
 * Loads a scenario: find → override → validate → compile.
 * @param from a name in the catalogue, the path of a file, or a scenario that was found or generated otherwise
 * @throws SquallError of kind `scenario` or `option` that names the field
 */
export async function loadScenario(
  from: string | FoundScenario,
  { changes: added = {}, given: addedGiven = {}, ...rest }: LoadOptions,
): Promise<LoadedScenario> {
  const { metrics, metricsAuthorization, signal = NEVER, asksModel = false, variant: chosen, ...other } = rest;
  const { startAt } = other;
  const { raw, source, folder } = typeof from === 'string' ? await findScenario(from) : from;
  const original = plain(raw, source);
  const variant = selectVariant(original, source, chosen);
  const changes = { ...variant?.set, ...added };
  const given = { ...variant?.given, ...addedGiven };
  const replay = variant && other.replay !== '' ? `${other.replay} --variant ${variant.name}` : other.replay;
  const options = { ...other, replay };
  if (options.external) requireStackUntouched(Object.keys(changes));
  else if (options.segment && options.platform !== 'virtual')
    throw new SquallError('option', 'SEGMENT_WITHOUT_TARGET', 'Expected --target together with --segment, got none', {
      next: 'Give the URL of the server that all segments load; for a stack that Squall starts, use --workers.',
    });
  const checked = (overrides: typeof changes) => validateScenario(override(original, overrides), source);
  const orBlame = blaming(original, changes, given, source, () =>
    compileScenario(checked({}), { ...options, folder, external: undefined }),
  );
  const scenario = await interruptible(() => checked(changes)).catch(orBlame);
  const external = await withMetrics(options.external, scenario, { metrics, metricsAuthorization }, signal);
  const models = asksModel ? await modelsFor(scenario, external, signal) : undefined;
  const written = withoutVariants(override(original, changes)) as Scenario;
  const compiled = await interruptible(() =>
    compileScenario(scenario, {
      ...options,
      ...{ external, folder, model: models?.[0], source: sourceOf(written) },
    }),
  ).catch(orBlame);
  const warmUp = warmUpMs(compiled.plan);
  const now = thisMachine.clock.date();
  if (startAt && startAt.getTime() < now.getTime() + warmUp)
    throw new SquallError(
      'option',
      'START_TOO_EARLY',
      `Expected \`--start-at\` to be later than the end of the warm-up, ${formatMs(warmUp)} from now (${now.toISOString()}), got ${startAt.toISOString()}`,
      { next: 'Choose a later --start-at, which leaves time to start the processes and to warm up.' },
    );
  const check = (other: unknown) =>
    void compileScenario(validateScenario(other, source), { ...options, platform: 'virtual', folder });
  const bind = () => (external ? undefined : loadChaos(scenario, compiled, written, check));
  const chaos = await interruptible(bind).catch(orBlame);
  return {
    scenario,
    compiled,
    ...(variant && { variant: variant.name }),
    ...(chaos && { chaos: { plan: chaos, written } }),
    ...(models && { models }),
  };
}

/** @throws SquallError `UNREADABLE_SCENARIO` for more, or for anything else, than a scenario can be */
function plain(raw: unknown, source: string): unknown {
  try {
    requirePlain(raw);
    return raw;
  } catch (error) {
    throw unreadable(source, messageOf(error), error);
  }
}

/** Models of the target, for a scenario that needs one and names none. */
async function modelsFor(
  { load }: ResolvedScenario,
  external: External | undefined,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const isPlain = typeof load.workload === 'object' && load.workload.kind === 'http';
  if (!external || load.model !== undefined || isPlain) return undefined;
  const headers = compileHeaders(load.headers ?? {}, 'load.headers', process.env);
  return targetModels(external, resolvedHeaders(headers, process.env), thisMachine, signal);
}

/** A target with its metrics: those of the options, otherwise those of the scenario. */
async function withMetrics(
  external: External | undefined,
  { target }: ResolvedScenario,
  options: MetricsOptions,
  signal: AbortSignal | undefined,
): Promise<External | undefined> {
  if (!external) {
    if (options.metrics === undefined && options.metricsAuthorization === undefined) return undefined;
    throw new SquallError('option', 'NO_TARGET', 'Expected --metrics only with --target, got no --target', {
      next: 'Add --target URL, or leave --metrics out; the metrics of a stack that Squall starts are always sampled.',
    });
  }
  const written = {
    metrics: options.metrics ? '--metrics' : 'target.metrics',
    authorization: options.metricsAuthorization ? '--metrics-authorization' : 'target.metricsAuthorization',
  };
  const merged = {
    metrics: options.metrics ?? target?.metrics,
    metricsAuthorization: options.metricsAuthorization ?? target?.metricsAuthorization,
  };
  return { ...external, metrics: await metricsEndpoints(merged, external, written, thisMachine, signal) };
}
