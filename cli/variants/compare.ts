import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../harness/clock.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { modulePath } from '../../harness/host/modules.ts';
import { loadEndMs } from '../../harness/plan.ts';
import { ARTIFACTS } from '../../reports/publish.ts';
import { blindTexts } from '../../reports/render/variants/cells.ts';
import { differenceRows, variantRows } from '../../reports/render/variants/markdown.ts';
import type { VariantRun, VariantsDocument } from '../../reports/store/variants-document.ts';
import type { FoundScenario } from '../../scenarios/find.ts';
import type { LoadedScenario } from '../../scenarios/load-scenario.ts';
import { openRunDirectory } from '../../scenarios/session/run-directory.ts';
import type { Session } from '../../scenarios/session/session.ts';
import { startWorkers } from '../../scenarios/session/workers.ts';
import { requireSameLoad, runVariants } from '../../scenarios/variants/run-variants.ts';
import { variantsOf } from '../../scenarios/variants/select.ts';
import {
  folderOf,
  lostRun,
  type VariantOrder,
  type VariantTask,
  variantRun,
} from '../../scenarios/variants/variant-run.ts';
import { loadOptionsOf, loadScenario } from '../load-scenario.ts';
import type { RunOptions } from '../options.ts';
import { paint, say, tableLines } from '../terminal.ts';

/** A scenario with all its variants loaded, the first seed of each. */
export interface LoadedVariants {
  readonly found: FoundScenario;
  /** By name, in the order of the scenario. */
  readonly variants: ReadonlyMap<string, LoadedScenario>;
  readonly seeds: readonly number[];
}

/** Options of a comparison. */
export interface VariantsOptions extends RunOptions {
  readonly seeds?: number;
  readonly jobs?: number;
}

const PROGRAM = modulePath('../../scenarios/variants/worker', import.meta.url);
/** Real time for a run that takes seconds on an idle machine, in ms, beside twice its virtual time. */
const MIN_LIMIT_MS = 120_000;

/**
 * Loads each variant of a scenario.
 * @throws SquallError that names the variant, and for variants under different loads
 */
export async function loadVariants(
  found: FoundScenario,
  options: VariantsOptions,
  signal: AbortSignal,
): Promise<LoadedVariants> {
  const foreign = options.segment ? '--segment' : options.startAt ? '--start-at' : undefined;
  if (foreign !== undefined)
    throw new SquallError(
      'option',
      'ONE_VARIANT_ONLY',
      `Expected ${foreign} with one variant, got all of ${found.source}`,
      {
        next: 'Name it with --variant.',
      },
    );
  const variants = new Map<string, LoadedScenario>();
  for (const { name } of variantsOf(found.raw))
    variants.set(name, await loadScenario(found, { ...options, variant: name }, signal));
  requireSameLoad(new Map([...variants].map(([name, { compiled }]) => [name, compiled.plan])));
  const { seeds: count = 1 } = [...variants.values()][0]!.scenario;
  const seeds = Array.from({ length: options.seeds ?? count }, (_, index) => (options.seed + index) % 2 ** 32);
  return { found, variants, seeds };
}

/**
 * Runs all variants of a scenario: in virtual time side by side, otherwise one after the other.
 * @param runOne runs one in this process, with its progress
 */
export async function compareLoaded(
  { found, variants, seeds }: LoadedVariants,
  options: VariantsOptions,
  signal: AbortSignal,
  runOne: (loaded: LoadedScenario, options: RunOptions) => Promise<Session>,
): Promise<VariantsDocument> {
  const stream = options.json ? process.stderr : process.stdout;
  const { plan } = [...variants.values()][0]!.compiled;
  const { environment, directory: folder } = openRunDirectory(`${plan.scenario}-variants`, options.out, systemClock);
  const isVirtual = plan.platform === 'virtual';
  const jobs = isVirtual ? Math.min(variants.size * seeds.length, options.jobs ?? availableParallelism()) : 1;
  const startedMs = systemClock.nowMs();
  await using workers = startWorkers<VariantOrder, VariantRun>({
    ...{ program: PROGRAM, jobs, signal, limitMs: MIN_LIMIT_MS + 2 * loadEndMs(plan) },
    lost: (_, __, message) => lostRun({ variant: '', seed: 0 }, message),
    isSpent: ({ exitCode }) => exitCode === 4,
  });
  const optionsOf = ({ variant, seed }: VariantTask) => ({ ...options, variant, seed });
  const inWorker = async (task: VariantTask) => {
    const loading = loadOptionsOf(found.source, optionsOf(task));
    return { ...(await workers.order({ ...task, found, options: loading, salt: options.salt, folder })), ...task };
  };
  const inThisProcess = async (task: VariantTask) => {
    const loaded = await loadScenario(found, optionsOf(task), signal);
    try {
      const session = await runOne(loaded, { ...optionsOf(task), out: folderOf(folder, task) });
      return await variantRun(task, session, folder);
    } catch (error) {
      signal.throwIfAborted();
      return lostRun(task, messageOf(error));
    }
  };
  const document = await runVariants({
    ...{ ...environment, folder, jobs, signal, plan, seeds },
    variants: variantsOf(found.raw),
    replay: replayOf([...variants.values()][0]!, seeds),
    run: isVirtual ? inWorker : inThisProcess,
    onRun: (run, done, all) => {
      if (!options.quiet) say(stream, progressLine(run, done, all, systemClock.nowMs() - startedMs));
    },
  });
  const differences = differenceRows(document);
  const lines = [
    ...tableLines(variantRows(document)),
    ...(differences[0]!.length > 1 ? ['', ...tableLines(differences)] : []),
    ...blindTexts(document).flatMap(text => ['', text]),
  ];
  if (!options.json) say(stream, '', ...lines, '', `${paint('bold', 'report')}  ${join(folder, ARTIFACTS.html)}`);
  return document;
}

/** The command of the first run, for all variants and seeds. */
function replayOf({ compiled }: LoadedScenario, seeds: readonly number[]): string {
  const command = compiled.plan.replay.replace(/ --variant [\w-]+/, '');
  return seeds.length > 1 ? `${command} --seeds ${seeds.length}` : command;
}

function progressLine(
  { variant, seed, verdict, reasons }: VariantRun,
  done: number,
  all: number,
  tookMs: number,
): string {
  const colour = { pass: 'green', fail: 'red', inconclusive: 'yellow', invalid: 'red' } as const;
  const why = verdict === 'pass' ? '' : `  ${reasons[0] ?? ''}`;
  return `${paint('dim', `${done} of ${all}, ${Math.round(tookMs / 1000)} s`)}  ${variant} seed ${seed}: ${paint(colour[verdict], verdict)}${why}`;
}
