import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../../harness/clock.ts';
import { SquallError } from '../../harness/errors.ts';
import { modulePath } from '../../harness/host/modules.ts';
import { loadEndMs, type RunPlan } from '../../harness/plan.ts';
import { DEFAULT_SEED } from '../../harness/random.ts';
import { ARTIFACTS } from '../../reports/publish.ts';
import { renderTuneHtml } from '../../reports/render/tune/html.ts';
import type { TuneDocument } from '../../reports/store/tune-document.ts';
import { badScenario } from '../../scenarios/bad-scenario.ts';
import { type FoundScenario, findScenario } from '../../scenarios/find.ts';
import { override, parseOverrides } from '../../scenarios/override.ts';
import { quoted } from '../../scenarios/quoted.ts';
import { openRunDirectory } from '../../scenarios/session/run-directory.ts';
import { startWorkers } from '../../scenarios/session/workers.ts';
import { type HpaFile, readHpaFile } from '../../scenarios/tune/hpa-file.ts';
import type { TuneOrder, TuneRun } from '../../scenarios/tune/run-once.ts';
import { dimensionsOf, type Range } from '../../scenarios/tune/space.ts';
import { tune } from '../../scenarios/tune/tune.ts';
import { selectVariant, withoutVariants } from '../../scenarios/variants/select.ts';
import type { AutoscalerOptions } from '../../stack/autoscaler/options.ts';
import { EXIT } from '../exit.ts';
import { loadOptionsOf, loadScenario } from '../load-scenario.ts';
import { DEFAULT_OUT, JSON_FLAG, QUIET_FLAG, wholeNumber, withOut, withSet } from '../options.ts';
import { printJson, say } from '../terminal.ts';
import { candidateLine, confirmationLine, headline, summaryLines } from './summary.ts';

interface Options {
  readonly scenario: readonly string[];
  readonly minutes: number;
  readonly rounds: number;
  readonly seed: number;
  readonly seeds: number;
  readonly heldOut: number;
  readonly min?: Range;
  readonly max?: Range;
  readonly jobs: number;
  readonly out: string;
  readonly set: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** A scenario under which an HPA is tuned. */
interface Shape {
  /** With the overrides of the options, without variants. */
  readonly found: FoundScenario;
  readonly plan: RunPlan;
  /** Its autoscaler as written, without what decides. */
  readonly autoscaler: Readonly<Record<string, unknown>>;
  readonly downscaleStabilizationMs: number;
}

const PROGRAM = modulePath('../../scenarios/tune/worker', import.meta.url);
/** Real time for a run that takes seconds on an idle machine, in ms, beside twice its virtual time. */
const MIN_LIMIT_MS = 120_000;
const YAML = 'tuned.yaml';
const NO_LIMIT = 1_000_000;
const MAX_REPLICAS = 1000;

/** Defines `squall tune hpa <file>`, which looks for a cheaper HPA that meets the SLOs of scenarios. */
export function defineTune(command: Command, signal: AbortSignal): void {
  withSet(withOut(command))
    .addArgument(new Argument('<what>', 'what is tuned').choices(['hpa']))
    .argument('<file>', 'a HorizontalPodAutoscaler (autoscaling/v2), as YAML or JSON')
    .requiredOption(
      '--scenario <scenario>',
      'load and SLOs: a name from `squall list`, or a file (repeatable, one for each load shape)',
      (value: string, before: readonly string[] = []) => [...before, value],
    )
    .option('--minutes <n>', 'time of this machine for all runs', wholeNumber(1, 10_000), 5)
    .addOption(
      new Option('--rounds <n>', 'maximum number of rounds of the search, of four configurations each')
        .argParser(wholeNumber(1, NO_LIMIT))
        .default(NO_LIMIT, 'as many as there is time for'),
    )
    .option('--seed <n>', 'first seed of the runs, and seed of the search', wholeNumber(0, 0xffffffff), DEFAULT_SEED)
    .option('--seeds <n>', 'training seeds of each scenario', wholeNumber(1, 100), 4)
    .option('--held-out <n>', 'seeds of each scenario that only the result is run on', wholeNumber(1, 100), 6)
    .option('--min <range>', 'let minReplicas vary, such as 2..5 (default: it stays)', range)
    .option('--max <range>', 'let maxReplicas vary, such as 8..20 (default: it stays)', range)
    .option('--jobs <n>', 'processes that run side by side', wholeNumber(1, 64), availableParallelism())
    .option(...JSON_FLAG)
    .option(...QUIET_FLAG)
    .addHelpText(
      'after',
      '\nExit codes: 0 a better configuration, confirmed on held-out seeds · 2 none, or not confirmed, and why · 130 interrupted, with the best one so far',
    )
    .action(async (_what: string, file: string, options: Options) => {
      const { outcome } = await tuneAndTell(readHpaFile(file), options, signal);
      process.exitCode = signal.aborted ? EXIT.interrupted : outcome === 'better' ? EXIT.pass : EXIT.inconclusive;
    });
}

async function tuneAndTell(file: HpaFile, options: Options, signal: AbortSignal): Promise<TuneDocument> {
  const { json, quiet, out, seed, minutes, jobs, min, max } = options;
  const shapes: Shape[] = [];
  for (const name of options.scenario) shapes.push(await shapeOf(name, file, options, signal));
  const [first] = shapes as [Shape];
  const downscaleStabilizationSeconds = first.downscaleStabilizationMs / 1000;
  const dimensions = dimensionsOf(file.document, file.spec, { min, max, downscaleStabilizationSeconds });
  const { environment, directory: folder } = openRunDirectory(`${first.plan.scenario}-tune`, out, systemClock);
  const beganMs = systemClock.nowMs();
  const stream = json ? process.stderr : process.stdout;
  const tell = (...lines: readonly string[]) => {
    if (!quiet) say(stream, ...lines);
  };
  await using workers = startWorkers<TuneOrder, TuneRun>({
    ...{ program: PROGRAM, jobs, signal },
    limitMs: MIN_LIMIT_MS + 2 * Math.max(...shapes.map(({ plan }) => loadEndMs(plan))),
    lost: (_, code, message) => {
      throw new SquallError('environment', code, message);
    },
  });
  const plans = shapes.map(({ plan }) => plan);
  tell(headline(file.source, plans, dimensions, minutes));
  const nowMs = () => systemClock.nowMs() - beganMs;
  const { document, yaml } = await tune({
    ...{ file, dimensions, plans, seed, environment, signal, nowMs, yaml: YAML },
    ...{ trainingSeeds: options.seeds, heldOutSeeds: options.heldOut, maxRounds: options.rounds },
    budgetMs: minutes * 60_000,
    replay: replayOf(file, options),
    runWith: path => runCommand(first, path === YAML ? join(folder, YAML) : path, options),
    run: (index, hpa, own) => {
      const { found, autoscaler } = shapes[index]!;
      const changes = { 'stack.autoscaler': { ...autoscaler, hpa } };
      return workers.order({ found, options: loadOptionsOf(found.source, loading(options, own), changes) });
    },
    onCandidates: candidates => tell(...candidates.map(one => candidateLine(one, nowMs()))),
    onConfirmation: (changes, one) => tell(confirmationLine(changes, one, nowMs())),
  });
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
  if (yaml !== undefined) write(YAML, yaml);
  write('tune.json', `${JSON.stringify(document, null, 2)}\n`);
  write(ARTIFACTS.html, renderTuneHtml(document));
  if (json) printJson(document);
  else say(stream, ...summaryLines(document, folder));
  return document;
}

/**
 * A scenario with the file in place of what decides in it.
 * @throws SquallError `BAD_SCENARIO` for one that does not scale, and as loading it
 */
async function shapeOf(name: string, { document }: HpaFile, options: Options, signal: AbortSignal): Promise<Shape> {
  const given = await findScenario(name);
  const variant = selectVariant(given.raw, given.source, undefined);
  const written = withoutVariants(override(given.raw, { ...variant?.set, ...parseOverrides(options.set) }));
  const { chaos: _, ...raw } = written as Record<string, unknown>;
  const found = { ...given, raw };
  const own = (raw.stack as { readonly autoscaler?: unknown } | undefined)?.autoscaler;
  if (typeof own !== 'object' || own === null)
    throw badScenario(
      'stack.autoscaler',
      `on in ${name}, since its HPA is what is tuned (such as \`stack.autoscaler: { hpa: ./hpa.yaml }\` beside \`control: {}\`)`,
      own,
    );
  const { policy: __, hpa: ___, ...autoscaler } = own as Record<string, unknown>;
  const changes = { 'stack.autoscaler': { ...autoscaler, hpa: document } };
  const { compiled, scenario } = await loadScenario(found, loading(options, options.seed), signal, changes);
  const { downscaleStabilizationMs } = scenario.stack.autoscaler as AutoscalerOptions;
  return { found, plan: compiled.plan, autoscaler, downscaleStabilizationMs };
}

/** Options of a run; those of `--set` are in its scenario already. */
function loading({ out }: Options, seed: number) {
  return { seed, set: [], platform: 'virtual', out, quiet: true } as const;
}

/** The command that repeats the search. Time decides only when it ends. */
function replayOf({ source }: HpaFile, options: Options): string {
  const { scenario, minutes, rounds, seed, seeds, heldOut, min, max, out, set } = options;
  const words = [
    ...['npx', 'squall', 'tune', 'hpa', source, ...scenario.flatMap(name => ['--scenario', name])],
    ...['--minutes', String(minutes), '--seed', String(seed), '--seeds', String(seeds), '--held-out', String(heldOut)],
    ...(rounds === NO_LIMIT ? [] : ['--rounds', String(rounds)]),
    ...(min ? ['--min', `${min.from}..${min.to}`] : []),
    ...(max ? ['--max', `${max.from}..${max.to}`] : []),
    ...(out === DEFAULT_OUT ? [] : ['--out', out]),
    ...set.flatMap(one => ['--set', one]),
  ];
  return words.map(quoted).join(' ');
}

/** The command that runs a scenario with an HPA file, in virtual time. */
function runCommand({ found, autoscaler }: Shape, path: string, { set, seed }: Options): string {
  const words = [
    ...['npx', 'squall', 'run', found.source, '--platform', 'virtual', '--seed', String(seed)],
    ...set.flatMap(one => ['--set', one]),
    ...['--set', `stack.autoscaler=${JSON.stringify({ ...autoscaler, hpa: path })}`],
  ];
  return words.map(quoted).join(' ');
}

function range(text: string): Range {
  const [, from = 0, to = 0] = (/^(\d+)\.\.(\d+)$/.exec(text) ?? []).map(Number);
  if (from < 1 || to < from || to > MAX_REPLICAS)
    throw new InvalidArgumentError(`Expected a range of whole numbers from 1 to ${MAX_REPLICAS}, such as 2..5.`);
  return { from, to };
}
