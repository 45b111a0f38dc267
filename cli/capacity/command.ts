import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../../harness/clock.ts';
import { SquallError } from '../../harness/errors.ts';
import { modulePath } from '../../harness/host/modules.ts';
import {
  DURATION_WORDS,
  durationMs,
  formatDuration,
  MAX_WAIT_MS,
  RATE_WORDS,
  ratePerSecond,
} from '../../harness/quantity.ts';
import { ARTIFACTS } from '../../reports/publish.ts';
import { renderCapacityHtml } from '../../reports/render/capacity/html.ts';
import type { CapacityDocument, Find, StepFigures } from '../../reports/store/capacity-document.ts';
import { findCapacity, type RanStep } from '../../scenarios/capacity/find-capacity.ts';
import { runRealStep, type StepOrder } from '../../scenarios/capacity/run-step.ts';
import { recipeOf, type StepChanges } from '../../scenarios/capacity/step-changes.ts';
import { type FoundScenario, findScenario } from '../../scenarios/find.ts';
import { override, parseOverrides } from '../../scenarios/override.ts';
import type { ResolvedScenario, Scenario } from '../../scenarios/scenario.ts';
import { openRunDirectory } from '../../scenarios/session/run-directory.ts';
import { startWorkers } from '../../scenarios/session/workers.ts';
import { selectVariant, withoutVariants } from '../../scenarios/variants/select.ts';
import { EXIT } from '../exit.ts';
import { loadOptionsOf, loadScenario } from '../load-scenario.ts';
import {
  JSON_FLAG,
  QUIET_FLAG,
  type RunOptions,
  SCENARIO,
  wholeNumber,
  withOut,
  withRequestOptions,
  withScenarioOptions,
  withTargetOptions,
  withVariant,
} from '../options.ts';
import { printJson, say } from '../terminal.ts';
import { headline, stepLine, summaryLines } from './summary.ts';

interface Options extends RunOptions {
  readonly find: Find;
  readonly budget: number;
  readonly rate?: number;
  readonly from?: number;
  readonly max?: number;
  readonly step?: number;
  readonly precision: number;
  readonly maxSteps: number;
  readonly jobs: number;
  readonly daily: number;
  readonly peak: number;
  readonly gpus: number;
  readonly price?: number;
}

const PROGRAM = modulePath('../../scenarios/capacity/worker', import.meta.url);
/** Real time for a step in virtual time, in ms. */
const STEP_LIMIT_MS = 600_000;
/** Longest step, unless --step says otherwise, in ms, and in real time as a ratio of the budget, but for the shortest of these. */
const MAX_STEP_MS = 180_000;
const MAX_STEP_RATIO = 0.1;
const MIN_STEP_MS = 5000;
/** Steps side by side near the edge in virtual time, whatever the number of processors: the result does not depend on it. */
const AT_ONCE = 3;
/** First load of a scenario that has none of the kind that is looked for. */
const DEFAULT_FROM = 10;
const DEFAULT_MAX = { rate: 100_000, users: 10_000, replicas: 100 } as const;
/** What an H100 is assumed to cost for an hour, where nobody says so. */
const ASSUMED_PRICE = 3;

/** Defines `squall capacity <scenario>`, which looks for the highest load at which all SLOs hold. */
export function defineCapacity(command: Command, signal: AbortSignal): void {
  withVariant(withTargetOptions(withRequestOptions(withScenarioOptions(withOut(command)))), 'the first')
    .argument('<scenario>', SCENARIO)
    .addOption(
      new Option('--find <what>', 'highest rate, highest number of users, or fewest replicas for --rate')
        .choices(['rate', 'users', 'replicas'])
        .default('rate'),
    )
    .addOption(
      new Option('--budget <duration>', 'time of this machine for all steps')
        .argParser(duration)
        .default(20 * 60_000, '20m'),
    )
    .addOption(
      new Option('--platform <kind>', 'where the stack runs')
        .choices(['virtual', 'process', 'docker'])
        .default('virtual'),
    )
    .option('--rate <rate>', 'rate for --find replicas (default: the highest of the scenario)', rate)
    .option('--from <n>', 'load or number of replicas of the first step (default: that of the scenario)', positive)
    .option('--max <n>', 'highest load or number of replicas that is tried', positive)
    .option(
      '--step <duration>',
      'length of each step (default: as its SLOs need, 30 s to 3 min, and at most a tenth of a budget of real time)',
      duration,
    )
    .addOption(
      new Option('--precision <percent>', 'width of the interval at which the search ends')
        .argParser(percent)
        .default(0.15, '15%'),
    )
    .option('--max-steps <n>', 'maximum number of steps of the search', wholeNumber(2, 1000), 60)
    .option('--jobs <n>', 'steps that run side by side in virtual time', wholeNumber(1, 64), availableParallelism())
    .option('--daily <calls>', 'daily volume of the plan', positive, 1e9)
    .option('--peak <factor>', 'peak rate of a day over its mean', positive, 2)
    .option('--gpus <n>', 'GPUs of a replica, or of the target', positive, 1)
    .option(
      '--price <dollars>',
      `price of a GPU for an hour (default: that of the scenario, or ${ASSUMED_PRICE})`,
      positive,
    )
    .option(...JSON_FLAG)
    .option(...QUIET_FLAG)
    .addHelpText(
      'after',
      '\nExit codes: 0 an edge as precise as --precision · 2 less than that, and why · 130 interrupted, with what was found so far',
    )
    .action(async (name: string, options: Options) => {
      const document = await findAndTell(await findScenario(name), options, signal);
      const isPrecise = document.stop === 'precise';
      process.exitCode = signal.aborted ? EXIT.interrupted : isPrecise ? EXIT.pass : EXIT.inconclusive;
    });
}

async function findAndTell(given: FoundScenario, options: Options, signal: AbortSignal): Promise<CapacityDocument> {
  const { find, out, json, quiet, target, budget: budgetMs } = options;
  requireUsable(options);
  const written = writtenOf(given, options);
  const found = { ...given, raw: written };
  // The variant is in `found`.
  const { variant, ...ofSteps } = options;
  const { scenario, compiled } = await loadScenario(found, ofSteps, signal);
  const { plan } = compiled;
  const highest = Math.max(
    0,
    ...plan.load.ramps.flatMap(({ fromPerSecond, toPerSecond }) => [fromPerSecond, toPerSecond]),
  );
  const perSecond = options.rate ?? highest;
  if (find === 'replicas' && !(perSecond > 0))
    throw optionError(
      '--rate with --find replicas',
      `none, and ${given.source} has no rate`,
      'Give it, such as --rate 60/s.',
    );
  const isVirtual = plan.platform === 'virtual';
  const maxStepMs = isVirtual ? MAX_STEP_MS : Math.min(MAX_STEP_MS, Math.max(MIN_STEP_MS, MAX_STEP_RATIO * budgetMs));
  const base = { find, perSecond, stepMs: options.step, maxStepMs, isTarget: target !== undefined };
  const recipe = recipeOf(written, scenario, base);
  const { environment, directory: folder } = openRunDirectory(`${plan.scenario}-capacity`, out, systemClock);
  const beganMs = systemClock.nowMs();
  const stream = json ? process.stderr : process.stdout;
  await using workers = startWorkers<StepOrder, StepFigures>({
    ...{ program: PROGRAM, jobs: Math.min(AT_ONCE, options.jobs), signal, limitMs: STEP_LIMIT_MS },
    lost: (_, code, message) => {
      throw new SquallError('environment', code, message);
    },
  });
  const run = async ({ changes, watch }: StepChanges, seed: number): Promise<RanStep> => {
    const own = { ...ofSteps, seed, quiet: true };
    const loading = loadOptionsOf(given.source, own, changes);
    const replay = `${loading.replay}${variant === undefined ? '' : ` --variant ${variant}`}`;
    if (isVirtual) return { figures: await workers.order({ found, options: loading, watch }), replay };
    const { compiled: step } = await loadScenario(found, own, signal, changes);
    return { ...(await runRealStep(step, watch, folder, signal)), replay };
  };
  const { inference } = scenario.stack as {
    readonly inference: { readonly replicas: number; readonly pricePerHour?: number };
  };
  const price =
    options.price ?? (inference.pricePerHour === undefined ? undefined : inference.pricePerHour / options.gpus);
  const first = startOf(options, scenario, highest, inference.replicas);
  if (!quiet) say(stream, headline(plan, find, first, budgetMs));
  const document = await findCapacity({
    ...{ id: environment.id, startedAt: environment.startedAt, scenario: plan.scenario, platform: plan.platform },
    ...{ target: plan.target, seed: options.seed, written, recipe, run, budgetMs, signal },
    ...{ precision: options.precision, maxSteps: options.maxSteps, atOnce: isVirtual ? AT_ONCE : 1 },
    replay: replayOf(given.source, options),
    replicas: target !== undefined || find === 'replicas' ? null : inference.replicas,
    prices: {
      gpusPerReplica: options.gpus,
      dollarsPerGpuHour: price ?? ASSUMED_PRICE,
      isAssumed: price === undefined,
    },
    volume: { callsPerDay: options.daily, peakFactor: options.peak },
    start: first,
    max: options.max ?? DEFAULT_MAX[find],
    nowMs: () => systemClock.nowMs() - beganMs,
    onStep: step => {
      if (!quiet) say(stream, stepLine(find, step, systemClock.nowMs() - beganMs));
    },
  });
  writeFileSync(join(folder, 'capacity.json'), `${JSON.stringify(document, null, 2)}\n`, { mode: 0o600 });
  writeFileSync(join(folder, ARTIFACTS.html), renderCapacityHtml(document), { mode: 0o600 });
  if (json) printJson(document);
  else say(stream, ...summaryLines(document, join(folder, ARTIFACTS.html)));
  return document;
}

/** The scenario as its steps use it: with the variant and the overrides of the options, without what no step has. */
function writtenOf({ raw, source }: FoundScenario, options: Options): Scenario {
  const variant = selectVariant(raw, source, options.variant);
  const overridden = withoutVariants(override(raw, { ...variant?.set, ...parseOverrides(options.set) })) as Scenario;
  const { chaos: _, ...written } = overridden;
  return written;
}

/** @throws SquallError `BAD_OPTION` for options that contradict each other */
function requireUsable({ find, target, rate: perSecond, from, max }: Options): void {
  if (find === 'replicas' && target !== undefined)
    throw optionError(
      '--find rate or --find users with --target',
      '--find replicas',
      'Squall starts no replicas of a target.',
    );
  if (find !== 'replicas' && perSecond !== undefined)
    throw optionError('--rate only with --find replicas', `--find ${find}`, 'Where the search begins is --from.');
  if (find !== 'rate')
    for (const [name, value] of Object.entries({ '--from': from, '--max': max }))
      if (value !== undefined && !Number.isInteger(value))
        throw optionError(`${name} to be a whole number of ${find}`, String(value), 'Give one of 1 or more.');
  if (from !== undefined && from > (max ?? DEFAULT_MAX[find]))
    throw optionError(
      `--from to be at most --max (${max ?? DEFAULT_MAX[find]})`,
      String(from),
      'Lower --from, or raise --max.',
    );
}

/** Load or number of replicas of the first step. */
function startOf({ find, from, max }: Options, { load }: ResolvedScenario, highest: number, replicas: number): number {
  const users = Math.max(0, ...(load.stages ?? []).flatMap(stage => [stage.users ?? 0, stage.toUsers ?? 0]));
  const own = { rate: highest || DEFAULT_FROM, users: users || DEFAULT_FROM, replicas }[find];
  return Math.min(from ?? own, max ?? DEFAULT_MAX[find]);
}

function optionError(expected: string, found: string, next: string): SquallError {
  return new SquallError('option', 'BAD_OPTION', `Expected ${expected}, got ${found}`, { next });
}

/** The command that repeats the search: that of a run of its scenario, with the options of the search. */
function replayOf(source: string, options: Options): string {
  const { variant, salt: _, ...own } = options;
  const words = [
    loadOptionsOf(source, {
      ...own,
      platform: options.platform === 'virtual' ? 'process' : options.platform,
    }).replay.replace(' run ', ' capacity '),
    ...(variant === undefined ? [] : ['--variant', variant]),
    ...['--find', options.find, '--budget', formatDuration(options.budget)],
    ...(options.rate === undefined ? [] : ['--rate', `${options.rate}/s`]),
    ...(options.from === undefined ? [] : ['--from', String(options.from)]),
    ...(options.max === undefined ? [] : ['--max', String(options.max)]),
    ...(options.step === undefined ? [] : ['--step', formatDuration(options.step)]),
    ...['--precision', String(100 * options.precision), '--max-steps', String(options.maxSteps)],
    ...(options.platform === 'process' ? ['--platform', 'process'] : []),
  ];
  return words.join(' ');
}

function duration(text: string): number {
  const ms = durationMs(text);
  if (ms !== undefined && ms >= 1000 && ms <= MAX_WAIT_MS) return ms;
  throw new InvalidArgumentError(`Expected ${DURATION_WORDS}, from 1s to ${MAX_WAIT_MS / 3_600_000}h.`);
}

function rate(text: string): number {
  const perSecond = ratePerSecond(text);
  if (perSecond !== undefined && perSecond > 0) return perSecond;
  throw new InvalidArgumentError(`Expected ${RATE_WORDS.replace('of 0 or more', 'above 0')}.`);
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a number above 0, such as 1e9.');
}

function percent(text: string): number {
  const value = Number(/^(.*?)\s*%?$/.exec(text)![1]);
  if (value >= 1 && value <= 100) return value / 100;
  throw new InvalidArgumentError('Expected a percentage from 1 to 100, such as 10%.');
}
