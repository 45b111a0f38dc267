import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { SquallError } from '../harness/errors.ts';
import { judgeDirectory, publish } from '../reports/publish.ts';
import { JSON_FLAG, withOut } from './options.ts';
import { printJson, terminalSummary } from './run.ts';

const RUN = 'path of a run directory, a run id, or "last"';

/** Defines `squall report <run>`, which renders a stored run again. */
export function defineReport(command: Command): void {
  withOut(command)
    .argument('<run>', RUN)
    .action(async (run: string, { out }: { out: string }) => {
      const directory = requireRun(run, out);
      const result = await judgeDirectory(directory);
      publish(directory, result);
      process.stdout.write(`${join(directory, result.document.artifacts.html ?? '')}\n`);
    });
}

/** Defines `squall recheck <run>`, which judges a stored run again. */
export function defineRecheck(command: Command): void {
  withOut(command)
    .argument('<run>', RUN)
    .option(...JSON_FLAG)
    .action(async (run: string, { json, out }: { json?: boolean; out: string }) => {
      const result = await judgeDirectory(requireRun(run, out));
      if (json) printJson(result.document);
      else process.stdout.write(`${terminalSummary(result)}\n`);
      process.exitCode = result.document.exitCode;
    });
}

/**
 * The absolute directory of a stored run.
 * @param run its path, its id, or "last"
 * @param out the folder in which ids and "last" are looked up
 * @throws SquallError `UNKNOWN_RUN`
 */
export function requireRun(run: string, out: string): string {
  const stored = storedRuns(out);
  const candidates = run === 'last' ? stored.slice(-1).map(id => join(out, id)) : [run, join(out, run)];
  const directory = candidates.find(isRun);
  if (directory) return resolve(directory);
  const message = `Expected a run directory, the id of a run in ${resolve(out)} or "last", got "${run}"`;
  const next =
    stored.length > 0 ? `The newest runs there are ${stored.slice(-3).join(', ')}.` : 'There are no runs there.';
  throw new SquallError('option', 'UNKNOWN_RUN', message, {
    next: `${next} Name another folder of runs with \`--out\`.`,
  });
}

function isRun(directory: string): boolean {
  return existsSync(join(directory, 'events.ndjson'));
}

/** Ids of stored runs, oldest first: an id ends with its start and a random tail. */
function storedRuns(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(name => isRun(join(folder, name)))
    .sort((a, b) => (a.slice(-20) < b.slice(-20) ? -1 : 1));
}
