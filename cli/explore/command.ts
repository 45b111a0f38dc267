import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { systemClock } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import { pathFrom } from '../../harness/input/files.ts';
import { loadEndMs, type PlatformKind, type RunPlan } from '../../harness/plan.ts';
import { DEFAULT_SEED } from '../../harness/random.ts';
import type { ChaosPlan } from '../../scenarios/explore/chaos.ts';
import { type Exploration, explore, type Finding } from '../../scenarios/explore/explore.ts';
import { defaultFoundFolder, keepFound } from '../../scenarios/explore/found.ts';
import { startPool } from '../../scenarios/explore/pool.ts';
import { EMPTY } from '../../scenarios/explore/schedule.ts';
import { type Failure, isSameFailure, tryHere } from '../../scenarios/explore/trial.ts';
import { type FoundScenario, findScenario } from '../../scenarios/find.ts';
import type { LoadedScenario } from '../../scenarios/load-scenario.ts';
import { override, parseOverrides } from '../../scenarios/override.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { openRunDirectory, requireWritable } from '../../scenarios/session/run-directory.ts';
import { EXIT } from '../exit.ts';
import { loadScenario } from '../load-scenario.ts';
import { JSON_FLAG, QUIET_FLAG, SCENARIO, wholeNumber, withOut, withSet } from '../options.ts';
import { runWithProgress } from '../run.ts';
import { printJson, say } from '../terminal.ts';
import { type Kept, type Replay, startExploreProgress, summaryLines } from './summary.ts';

const MAX_JOBS = 64;
/** Real time for a run that takes seconds on an idle machine, in ms, beside twice its virtual time. */
const MIN_LIMIT_MS = 120_000;
/** Ratio of schedules that must have been judged for "nothing found" to mean anything. */
const MIN_JUDGED_RATIO = 0.8;

/** Of a scenario without a `chaos` section. */
const NOTHING: ChaosPlan = { kinds: [], budget: 0, atOnce: 1, fromMs: 0, untilMs: 0, stack: {} };

interface Options {
  readonly runs: number;
  readonly seed: number;
  readonly from: number;
  readonly minutes?: number;
  readonly jobs: number;
  readonly confirm?: PlatformKind;
  readonly found: string;
  readonly out: string;
  readonly set: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Defines `squall explore <scenario>`, which looks for schedules of faults under which a scenario fails. */
export function defineExplore(command: Command, signal: AbortSignal): void {
  const jobs = Math.min(MAX_JOBS, availableParallelism());
  withSet(withOut(command))
    .argument('<scenario>', SCENARIO)
    .option('--runs <n>', 'number of schedules', wholeNumber(1, 1_000_000), 200)
    .option(
      '--seed <n>',
      'seed of the schedules; the runs all have that of `squall run`',
      wholeNumber(0, 0xffffffff),
      1,
    )
    .option('--from <index>', 'index of the first schedule, to go on where another one ended', wholeNumber(0, 1e9), 0)
    .option('--minutes <n>', 'begin no schedule after this time', wholeNumber(1, 100_000))
    .option('--jobs <n>', 'processes that run schedules side by side', wholeNumber(1, MAX_JOBS), jobs)
    .addOption(
      new Option('--confirm <platform>', 'run what was found in real time, too').choices(['process', 'docker']),
    )
    .option('--found <folder>', 'folder for the scenario files of what was found', defaultFoundFolder())
    .option(...JSON_FLAG)
    .option(...QUIET_FLAG)
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing found · 1 a schedule fails · 2 the scenario does not pass without random faults, or too few schedules could be judged',
    )
    .action(async (name: string, options: Options) => {
      process.exitCode = await exploreAndTell(name, options, signal);
    });
}

/** Explores, keeps what is found, and prints it. @returns the exit code */
async function exploreAndTell(name: string, options: Options, signal: AbortSignal): Promise<number> {
  const { out, json } = options;
  // Not after hours, when there is something to write.
  requireWritable('--found', options.found);
  const found = await findScenario(name);
  // Every run has the seed of `squall run`, so that a scenario file alone replays it.
  const given = { seed: DEFAULT_SEED, set: options.set, platform: 'virtual', out, quiet: true } as const;
  const { chaos, compiled } = await loadScenario(found, given, signal);
  const bound = chaos ?? { plan: NOTHING, written: override(found.raw, parseOverrides(options.set)) as Scenario };
  const { environment, directory } = openRunDirectory(`${compiled.plan.scenario}-explore`, out, systemClock);
  const startedMs = performance.now();
  const exploration = await exploreBound(
    found,
    bound,
    compiled.plan,
    chaos ? options : { ...options, runs: 0, quiet: true },
    signal,
  );
  const wallMs = Math.round(performance.now() - startedMs);
  const context = {
    scenario: bound.written,
    from: found.folder,
    source: name,
    set: options.set,
    exploration,
    environment,
  };
  const findings: Kept[] = [];
  for (const finding of exploration.findings) {
    const file = keepFound(pathFrom(options.found), finding, context);
    findings.push({ ...finding, file, ...(await replays(file, finding, options, signal)) });
  }
  const document = {
    schema: 1,
    id: environment.id,
    scenario: compiled.plan.scenario,
    ...exploration,
    wallMs,
    findings,
  };
  writeFileSync(join(directory, 'explore.json'), `${JSON.stringify(document, null, 2)}\n`, { mode: 0o600 });
  if (json) printJson(document);
  say(
    json ? process.stderr : process.stdout,
    ...summaryLines(exploration, findings, { ...options, wallMs, name, directory, hasChaos: chaos !== undefined }),
  );
  return exitCodeOf(exploration, chaos ? EXIT.inconclusive : EXIT.sloFailed, signal);
}

async function exploreBound(
  { source, folder }: FoundScenario,
  { plan: chaos, written: scenario }: NonNullable<LoadedScenario['chaos']>,
  plan: RunPlan,
  { seed, from, runs, minutes, jobs, quiet, json }: Options,
  signal: AbortSignal,
): Promise<Exploration> {
  using progress = quiet ? undefined : startExploreProgress(json ? process.stderr : process.stdout, runs);
  const subject = { scenario, source, folder, seed: DEFAULT_SEED };
  const loadMs = loadEndMs(plan);
  await using pool = startPool({ subject, jobs, signal, limitMs: MIN_LIMIT_MS + 2 * loadMs });
  return await explore({
    ...{ chaos, scenario, loadEndMs: loadMs, seed, from, runs, pool, jobs, signal },
    ...(minutes !== undefined && { forMs: minutes * 60_000 }),
    ...(progress && { onProgress: progress.show, onFinding: progress.found }),
  });
}

/** Runs the file of a finding as `squall run` does, in virtual time and where it is to be confirmed. */
async function replays(
  file: string,
  finding: Finding,
  { confirm, out }: Options,
  signal: AbortSignal,
): Promise<{ replay?: Replay; confirmed?: Replay }> {
  if (signal.aborted) return {};
  const replay = await replayOn('virtual', file, finding, out, signal);
  if (confirm === undefined || signal.aborted) return { replay };
  return { replay, confirmed: await replayOn(confirm, file, finding, out, signal) };
}

async function replayOn(
  platform: PlatformKind,
  file: string,
  { failure }: Finding,
  out: string,
  signal: AbortSignal,
): Promise<Replay> {
  try {
    const options = { seed: DEFAULT_SEED, set: [], platform, out, quiet: true, json: true };
    const { compiled } = await loadScenario(file, options, signal);
    const { directory, result } = await runWithProgress(compiled, options, signal);
    const { verdict, slos, reasons } = result.document;
    const isSame = ({ name, verdict }: (typeof slos)[number]) =>
      verdict === 'fail' && (name === failure.name || name.startsWith(`${failure.name} of `));
    const fails =
      failure.kind === 'slo' ? slos.some(isSame) : platform === 'virtual' ? await violates(file, failure) : undefined;
    return { platform, verdict, ...(fails !== undefined && { fails }), reason: reasons[0] ?? '', directory };
  } catch (error) {
    return { platform, verdict: 'crashed', fails: failure.kind === 'crash', reason: messageOf(error) };
  }
}

/** Whether the scenario of a file fails in the same way, by what a run is not judged by. */
async function violates(file: string, failure: Failure): Promise<boolean> {
  const { raw, source, folder } = await findScenario(file);
  const subject = { scenario: raw as Scenario, source, folder, seed: DEFAULT_SEED };
  return (await tryHere(subject, EMPTY)).failures.some(other => isSameFailure(other, failure));
}

/** @param obstacleCode where the scenario itself does not pass */
function exitCodeOf(
  { findings, obstacle, unjudged, from, next }: Exploration,
  obstacleCode: number,
  signal: AbortSignal,
): number {
  if (signal.aborted) return EXIT.interrupted;
  if (findings.length > 0) return EXIT.sloFailed;
  if (obstacle !== undefined) return obstacleCode;
  const open = unjudged.reduce((sum, { schedules }) => sum + schedules, 0);
  const judgedRatio = 1 - open / Math.max(1, next - from);
  return judgedRatio < MIN_JUDGED_RATIO ? EXIT.inconclusive : EXIT.pass;
}
