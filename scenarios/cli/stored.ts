import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { SquallError } from '../../harness/errors.ts';
import { judgeDirectory, publish } from '../../reports/publish.ts';
import { DEFAULT_OUT, findRunDirectory } from './options.ts';
import { printJson, terminalSummary } from './run.ts';

/** `squall report <run>` and `squall recheck <run>`: stored runs, without running again. */
export function addStored(program: Command): void {
  program
    .command('report')
    .description('render the reports of a stored run again, from its history')
    .argument('<run>', 'run directory, its id, or "last"')
    .action(async (run: string) => {
      const directory = requireRun(run);
      const result = await judgeDirectory(directory);
      publish(directory, result);
      process.stdout.write(`${join(directory, result.document.artifacts.html ?? '')}\n`);
    });
  program
    .command('recheck')
    .description('judge a stored run again, from its history; exits as the run would have')
    .argument('<run>', 'run directory, its id, or "last"')
    .option('--json', 'print run.json on stdout, and nothing else there', false)
    .action(async (run: string, { json }: { json: boolean }) => {
      const result = await judgeDirectory(requireRun(run));
      if (json) printJson(result.document);
      else process.stdout.write(`${terminalSummary(result)}\n`);
      process.exitCode = result.document.exitCode;
    });
}

/**
 * The directory of a stored run.
 * @param run its path, its id, or "last"
 * @throws SquallError `UNKNOWN_RUN`
 */
export function requireRun(run: string): string {
  const directory = findRunDirectory(run, storedRuns);
  if (directory) return directory;
  const newest = storedRuns(DEFAULT_OUT).slice(-3).join(', ');
  throw new SquallError('option', 'UNKNOWN_RUN', `Expected a run directory, the id of a run or "last", got "${run}"`, {
    next: newest ? `The newest runs are ${newest}.` : 'There is no stored run yet: `squall run node-loss` makes one.',
  });
}

/** Ids of stored runs, oldest first: an id ends with its start and a random tail. */
function storedRuns(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(name => existsSync(join(folder, name, 'events.ndjson')))
    .sort((a, b) => (a.slice(-20) < b.slice(-20) ? -1 : 1));
}
