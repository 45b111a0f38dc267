import type { Command } from 'commander';
import { renderTerminal } from '../reports/render/terminal.ts';
import type { RenderInput, RunDocument } from '../reports/store/run-document.ts';
import type { CompiledScenario } from '../scenarios/compile.ts';
import { freshSalt, withSalt } from '../scenarios/salt.ts';
import { runSession, type Session } from '../scenarios/session/session.ts';
import { planLines } from './dry-run.ts';
import { worstExit } from './exit.ts';
import {
  loadScenario,
  type RunOptions,
  SCENARIO,
  withRequestOptions,
  withRunOptions,
  withSegment,
  withTargetOptions,
  withVersions,
} from './options.ts';
import { startProgress } from './progress.ts';
import { paint, printJson, say } from './terminal.ts';

/** Defines `squall run <scenario…>`. */
export function defineRun(command: Command, signal: AbortSignal): void {
  withVersions(withSegment(withTargetOptions(withRequestOptions(withRunOptions(command)))))
    .argument('<scenario...>', SCENARIO)
    .option('--dry-run', 'print the plan, and start nothing')
    .action(async (names: string[], options: RunOptions) => {
      const scenarios = await Promise.all(names.map(name => loadScenario(name, options, signal)));
      const printAll = (documents: readonly unknown[]) => printJson(documents.length === 1 ? documents[0] : documents);
      if (options.dryRun) {
        const { salt } = options;
        const planned = scenarios.map(({ compiled, ...own }) => ({
          ...own,
          compiled: salt === undefined ? compiled : withSalt(compiled, salt),
        }));
        if (options.json) printAll(planned.map(({ compiled }) => compiled.plan));
        else say(process.stdout, ...planned.flatMap(planLines));
        return;
      }
      const documents: RunDocument[] = [];
      for (const { compiled } of scenarios) {
        if (documents.length > 0) signal.throwIfAborted();
        documents.push((await runWithProgress(compiled, options, signal)).result.document);
      }
      if (options.json) printAll(documents);
      process.exitCode = worstExit(documents.map(document => document.exitCode));
    });
}

/**
 * Runs one compiled scenario and prints its progress, on stderr with `json`, and without `json` its summary.
 * @throws SquallError also for a run that crashed, after the path of its report has been printed
 */
export async function runWithProgress(
  compiled: CompiledScenario,
  { out, json, quiet, startAt, versions, salt }: RunOptions,
  signal: AbortSignal,
): Promise<Session> {
  const stream = json ? process.stderr : process.stdout;
  const live = Boolean(stream.isTTY) && !process.env.CI;
  let session: Session;
  {
    using progress = quiet ? undefined : startProgress(stream, compiled.plan, live);
    const salted = withSalt(compiled, salt ?? freshSalt(compiled.plan, startAt));
    session = await runSession(salted, { out, signal, startAt, requiredVersions: versions, observer: progress });
  }
  if (session.crash) {
    say(process.stderr, where(session));
    throw session.crash;
  }
  if (!json) {
    process.stdout.write(`\n${terminalSummary(session.result, session.wallMs)}\n`);
    say(process.stdout, where(session));
  }
  return session;
}

/** The summary of a run, in the width and the colours of stdout. @param wallMs time that it took on this machine. @default unknown */
export function terminalSummary(result: RenderInput, wallMs?: number): string {
  const { isTTY, columns } = process.stdout;
  const colour = process.stdout.hasColors?.() ?? false;
  return renderTerminal(result, { colour, wallMs, ...(isTTY ? { columns } : {}) });
}

function where({ directory, result }: Session): string {
  return `${paint('bold', 'report')}  ${directory}/${result.document.artifacts.html}`;
}
