import { styleText } from 'node:util';
import type { Command } from 'commander';
import { renderTerminal } from '../reports/render/terminal.ts';
import type { RenderInput } from '../reports/store/run-document.ts';
import type { CompiledScenario } from '../scenarios/compile.ts';
import { runSession, type Session } from '../scenarios/session.ts';
import type { TargetOptions } from '../scenarios/target.ts';
import { planLines } from './dry-run.ts';
import { worstExit } from './exit.ts';
import {
  loadScenario,
  type ReplayOptions,
  type RunOptions,
  type ShareOptions,
  withRunOptions,
  withSegment,
  withTargetOptions,
  withVersions,
  withWorkers,
} from './options.ts';
import { startProgress } from './progress.ts';

/** `squall run <scenario…>`: runs, judges, reports. */
export function defineRun(command: Command, signal: AbortSignal): void {
  withVersions(withSegment(withWorkers(withTargetOptions(withRunOptions(command)))))
    .argument('<scenario...>', 'name from `squall list`, or a .yaml, .json or .ts file')
    .option('--dry-run', 'show what would happen, and start nothing', false)
    .action(
      async (
        names: string[],
        options: RunOptions & TargetOptions & ShareOptions & ReplayOptions & { dryRun: boolean },
      ) => {
        const scenarios = await Promise.all(names.map(name => loadScenario(name, options, signal)));
        if (options.dryRun) {
          const plans = scenarios.map(({ compiled }) => compiled.plan);
          if (options.json) printJson(plans.length === 1 ? plans[0] : plans);
          else process.stdout.write(`${scenarios.flatMap(planLines).join('\n')}\n`);
          return;
        }
        const sessions: Session[] = [];
        for (const { compiled } of scenarios) {
          if (sessions.length > 0) signal.throwIfAborted();
          sessions.push(await runWithProgress(compiled, options, signal));
        }
        const documents = sessions.map(session => session.result.document);
        if (options.json) printJson(documents.length === 1 ? documents[0] : documents);
        process.exitCode = worstExit(documents.map(document => document.exitCode));
      },
    );
}

/**
 * Runs one compiled scenario with progress and its summary, both on stderr when stdout carries JSON.
 * @throws SquallError also for a run that crashed, once it has said where its report is
 */
export async function runWithProgress(
  compiled: CompiledScenario,
  { out, json, quiet, startAt, versions }: RunOptions & ShareOptions & ReplayOptions,
  signal: AbortSignal,
): Promise<Session> {
  const stream = json ? process.stderr : process.stdout;
  const live = Boolean(stream.isTTY) && !process.env.CI;
  let session: Session;
  {
    using progress = quiet ? undefined : startProgress({ stream, plan: compiled.plan, live });
    session = await runSession(compiled, {
      out,
      signal,
      ...(startAt ? { startAt } : {}),
      ...(versions ? { requiredVersions: versions } : {}),
      ...(progress ? { observer: progress } : {}),
    });
  }
  if (session.crash) {
    process.stderr.write(`${where(session)}\n`);
    throw session.crash;
  }
  if (!json) process.stdout.write(`\n${terminalSummary(session.result)}\n${where(session)}\n`);
  return session;
}

/** The summary of a run, as wide and as colourful as stdout allows. */
export function terminalSummary(result: RenderInput): string {
  const { isTTY, columns } = process.stdout;
  const colour = process.stdout.hasColors?.() ?? false;
  return renderTerminal(result, { colour, ...(isTTY ? { columns } : {}) });
}

/** Writes a document to stdout, as the only thing there. */
export function printJson(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

function where({ directory, result }: Session): string {
  return `${styleText('bold', 'report')}  ${directory}/${result.document.artifacts.html}`;
}
