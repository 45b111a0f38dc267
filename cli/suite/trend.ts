import { type Command, InvalidArgumentError } from 'commander';
import { pathFrom } from '../../harness/input/files.ts';
import { requireWritable } from '../../scenarios/session/run-directory.ts';
import { EXIT } from '../exit.ts';
import { JSON_FLAG, withOut } from '../options.ts';
import { suiteFolder } from '../stored/kept.ts';
import { printJson } from '../terminal.ts';
import { type RetentionOptions, updateHistory, withRetention } from './history.ts';

interface TrendOptions extends RetentionOptions {
  readonly out: string;
  readonly commit?: string;
  readonly json?: boolean;
}

/** Defines `squall trend <history> [folder…]`, which shows what changed in a history, and appends suites that have ended. */
export function defineTrend(command: Command): void {
  withRetention(
    withOut(command)
      .argument('<history>', 'folder of the history; made if it does not exist')
      .argument('[folder...]', 'suites or runs that have ended, to append: a folder, or an id in that of --out')
      .option('--commit <name>', 'commit of what is appended (default: what was checked out when it ran)', parseCommit),
  )
    .option(...JSON_FLAG)
    .addHelpText(
      'after',
      '\nA suite appends itself: squall suite nightly --history <history>.\n\nExit codes: 0 done · 3 there is nothing to append, or to show · 4 a night or a run cannot be read, and is left out',
    )
    .action(async (written: string, folders: string[], options: TrendOptions) => {
      const { out, json } = options;
      const history = pathFrom(written);
      requireWritable('<history>', history);
      const stream = json ? process.stderr : process.stdout;
      const { document, problems } = await updateHistory(
        history,
        folders.map(folder => suiteFolder(folder, out)),
        options,
        stream,
      );
      if (json) printJson(document);
      process.exitCode = problems.length > 0 ? EXIT.environment : EXIT.pass;
    });
}

function parseCommit(text: string): string {
  if (/^\w[\w./+-]{0,99}$/.test(text)) return text;
  throw new InvalidArgumentError('Expected a commit, or another name of letters, digits and ./+-_ without blanks.');
}
