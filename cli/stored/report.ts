import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Command, Option } from 'commander';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { interruptible } from '../../harness/host/interrupts.ts';
import { pathFrom } from '../../harness/input/files.ts';
import type { EngineName } from '../../load/engines.ts';
import { withSlos } from '../../reports/judge/asked.ts';
import { type JudgeInput, judge } from '../../reports/judge/judge.ts';
import { parseObjective } from '../../reports/judge/objective.ts';
import { ARTIFACTS, publish, readRun } from '../../reports/publish.ts';
import type { RenderInput } from '../../reports/store/run-document.ts';
import { unmeasuredBy } from '../../scenarios/load/engine-choice.ts';
import { JSON_FLAG, withOut } from '../options.ts';
import { terminalSummary } from '../run.ts';
import { printJson, say } from '../terminal.ts';

const RUN = 'path of a run directory, a run id, or "last"';

/** Defines `squall report <run>`, which renders a stored run again. */
export function defineReport(command: Command): void {
  withOut(command)
    .argument('<run>', RUN)
    .action(async (run: string, { out }: { out: string }) => {
      const directory = requireRun(run, out);
      await judgeStored(directory, result => publish(directory, result));
      say(process.stdout, join(directory, ARTIFACTS.html));
    });
}

/** Defines `squall recheck <run>`, which judges a stored run again. */
export function defineRecheck(command: Command): void {
  withOut(command)
    .argument('<run>', RUN)
    .addOption(
      new Option(
        '--slo <objective>',
        'judge this instead of its own SLOs, e.g. "p99(ttft, class vip) <= 500 ms in fault:kill" (repeatable)',
      )
        .argParser((value: string, before: string[]) => [...before, value])
        .default([], 'those of the run'),
    )
    .option(...JSON_FLAG)
    .action(async (run: string, { json, out, slo }: { json?: boolean; out: string; slo: readonly string[] }) => {
      const result = await judgeStored(requireRun(run, out), result => result, slo);
      if (json) printJson(result.document);
      else process.stdout.write(`${terminalSummary(result)}\n`);
      process.exitCode = result.document.exitCode;
    });
}

/**
 * Judges a stored run, which somebody else may have made or changed.
 * @param use what becomes of the result
 * @param slos to judge instead of its own, see `withSlos`
 * @throws SquallError `CHANGED_RUN` and `BAD_RUN` for records that cannot be those of the run, `OUTPUT_NOT_WRITABLE`, `BAD_SLO` for one that says nothing about them
 */
export async function judgeStored<Result>(
  directory: string,
  use: (result: RenderInput, input: JudgeInput) => Result,
  slos: readonly string[] = [],
): Promise<Result> {
  try {
    return await interruptible(async () => {
      const input = withSlos(await readRun(directory), slos);
      if (slos.length > 0) requireMeasured(input);
      return use(judge(input), input);
    });
  } catch (error) {
    if (error instanceof SquallError) throw error;
    // A system error is one of writing: what cannot be read has been refused.
    if (error instanceof Error && 'syscall' in error)
      throw new SquallError('environment', 'OUTPUT_NOT_WRITABLE', `The reports cannot be written: ${error.message}`, {
        cause: error,
        next: 'Move away what is in the way, or make the folder writable.',
      });
    const isField = error instanceof TypeError || error instanceof RangeError;
    const why = isField ? `a value in ${ARTIFACTS.events} is missing or another than expected` : messageOf(error);
    const message = `Expected ${directory} to contain the records of a run, but: ${why}`;
    const next = 'Check that this is the directory of a run of this version, and that its files are unchanged.';
    throw new SquallError('environment', 'BAD_RUN', message, { cause: error, next });
  }
}

/** @throws SquallError `BAD_SLO` for one on a latency that the engine of the run did not measure, which would look like failures */
export function requireMeasured({ events }: Pick<JudgeInput, 'events'>): void {
  for (const event of events) {
    if (event.type !== 'plan') continue;
    const { load, slos } = event.plan;
    const parsed = slos.map(slo => ({ ...slo, objective: parseObjective(slo.objective) }));
    const [wrong] = unmeasuredBy(load.engine as EngineName, load, parsed);
    if (!wrong) continue;
    const message = `Expected \`--slo\` to be ${wrong.expected}, got "${wrong.found}"`;
    throw new SquallError('option', 'BAD_SLO', message, { next: 'Ask for what the engine of this run has measured.' });
  }
}

/**
 * The absolute directory of a stored run.
 * @param run its path, its id, or "last"
 * @param out the folder in which ids and "last" are looked up
 * @throws SquallError `UNKNOWN_RUN`
 */
export function requireRun(run: string, out: string): string {
  const folder = pathFrom(out);
  const stored = storedRuns(folder);
  const candidates = run === 'last' ? stored.slice(-1).map(id => join(folder, id)) : [pathFrom(run), join(folder, run)];
  const directory = candidates.find(isRun);
  if (directory) return directory;
  const message = `Expected a run directory, the id of a run in ${folder} or "last", got "${run}"`;
  const inside = [pathFrom(run), join(folder, run)].flatMap(path => firstRunIn(path) ?? [])[0];
  if (inside !== undefined)
    throw new SquallError('option', 'UNKNOWN_RUN', `Expected one run, got "${run}", a folder with several`, {
      next: `Name one of them, such as ${inside}`,
    });
  const next =
    stored.length > 0 ? `The newest runs there are ${stored.slice(-3).join(', ')}.` : 'There are no runs there.';
  throw new SquallError('option', 'UNKNOWN_RUN', message, {
    next: `${next} Name another folder of runs with \`--out\`.`,
  });
}

/** The first run in a folder, such as that of a suite. @param levels below it in which it is looked for */
function firstRunIn(folder: string, levels = 2): string | undefined {
  for (const inside of foldersIn(folder)) {
    const found = isRun(inside) ? inside : levels > 0 ? firstRunIn(inside, levels - 1) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether a folder is that of a run. */
export function isRun(directory: string): boolean {
  return existsSync(join(directory, 'events.ndjson'));
}

/** Paths of the folders in a folder; none where it is no folder. */
export function foldersIn(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  const inside = readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory());
  return inside.map(({ name }) => join(folder, name));
}

/** Ids of stored runs, oldest first: an id ends with its start and a random tail. */
function storedRuns(folder: string): string[] {
  return foldersIn(folder)
    .filter(isRun)
    .map(path => basename(path))
    .sort((a, b) => (a.slice(-20) < b.slice(-20) ? -1 : 1));
}
