import type { Command } from 'commander';
import { SquallError } from '../harness/errors.ts';
import { runMessage, variantsMessage } from '../reports/render/message.ts';
import { runMetrics, variantsMetrics } from '../reports/render/metrics/families.ts';
import { renderTerminal } from '../reports/render/terminal.ts';
import type { RenderInput, RunDocument } from '../reports/store/run-document.ts';
import type { VariantsDocument } from '../reports/store/variants-document.ts';
import type { CompiledScenario } from '../scenarios/compile.ts';
import { findScenario } from '../scenarios/find.ts';
import type { LoadedScenario } from '../scenarios/load-scenario.ts';
import { freshSalt, withSalt } from '../scenarios/salt.ts';
import { MAX_SEEDS } from '../scenarios/scenario.ts';
import { requireInstalled } from '../scenarios/session/installed.ts';
import { requireWritable } from '../scenarios/session/run-directory.ts';
import { diskBytesOf } from '../scenarios/session/run-size.ts';
import { runSession, type Session } from '../scenarios/session/session.ts';
import { variantsOf } from '../scenarios/variants/select.ts';
import { planLines } from './dry-run.ts';
import { worstExit } from './exit.ts';
import { loadScenario } from './load-scenario.ts';
import { linkOf, type Notify, type NotifyOptions, notifyOf, withNotify } from './notify.ts';
import {
  type RunOptions,
  SCENARIO,
  wholeNumber,
  withRequestOptions,
  withRunOptions,
  withSegment,
  withTargetOptions,
  withVariant,
  withVersions,
} from './options.ts';
import { startProgress } from './progress.ts';
import { paint, printJson, say } from './terminal.ts';
import { compareLoaded, type LoadedVariants, loadVariants, type VariantsOptions } from './variants/compare.ts';

/** Defines `squall run <scenario…>`. */
export function defineRun(command: Command, signal: AbortSignal): void {
  withNotify(
    withVariant(
      withVersions(withSegment(withTargetOptions(withRequestOptions(withRunOptions(command))))),
      'all of them',
    ),
  )
    .argument('<scenario...>', SCENARIO)
    .option('--seeds <n>', 'seeds that each variant runs with, from --seed on', wholeNumber(1, MAX_SEEDS))
    .option('--jobs <n>', 'variants that run side by side in virtual time', wholeNumber(1, 64))
    .option('--dry-run', 'print the plan, check whether it can run here, and start nothing')
    .action(async (names: string[], options: VariantsOptions & NotifyOptions) => {
      const notify = notifyOf(options, process.env);
      const scenarios = await Promise.all(names.map(name => load(name, options, signal)));
      const printAll = (documents: readonly unknown[]) => printJson(documents.length === 1 ? documents[0] : documents);
      if (options.dryRun) {
        const { salt } = options;
        const planned = scenarios
          .flatMap(found => ('variants' in found ? [...found.variants.values()] : [found]))
          .map(({ compiled, ...own }) => ({
            ...own,
            compiled: salt === undefined ? compiled : withSalt(compiled, salt),
          }));
        if (options.json) printAll(planned.map(({ compiled }) => compiled.plan));
        else say(process.stdout, ...planned.flatMap(planLines));
        const bytes = planned.reduce((sum, { compiled }) => sum + diskBytesOf(compiled.plan), 0);
        requireWritable('--out', options.out, bytes);
        for (const { compiled } of planned) await requireInstalled(compiled, signal);
        return;
      }
      const documents: (RunDocument | VariantsDocument)[] = [];
      for (const found of scenarios) {
        if (documents.length > 0) signal.throwIfAborted();
        documents.push(await runAndTell(found, options, notify, signal));
      }
      if (options.json) printAll(documents);
      process.exitCode = worstExit(documents.map(document => document.exitCode));
    });
}

/** Runs a scenario, or all its variants, and tells those who want to know, of a run that crashed too. */
async function runAndTell(
  found: LoadedScenario | LoadedVariants,
  options: VariantsOptions,
  notify: Notify,
  signal: AbortSignal,
): Promise<RunDocument | VariantsDocument> {
  const where = linkOf(process.env);
  try {
    if ('variants' in found) {
      const runOne = ({ compiled }: LoadedScenario, own: RunOptions) => runWithProgress(compiled, own, signal);
      const document = await compareLoaded(found, options, signal, runOne);
      await notify.send(variantsMessage(document, where), variantsMetrics(document));
      return document;
    }
    const { document } = (await runWithProgress(found.compiled, options, signal)).result;
    await notify.send(runMessage(document, where), runMetrics(document));
    return document;
  } catch (error) {
    const name = 'variants' in found ? found.found.source : found.scenario.name;
    await notify.failed(name, error, signal);
    throw error;
  }
}

/** A scenario, or all its variants. */
async function load(
  name: string,
  options: VariantsOptions,
  signal: AbortSignal,
): Promise<LoadedScenario | LoadedVariants> {
  const found = await findScenario(name);
  if (options.variant === undefined && variantsOf(found.raw).length > 0) return loadVariants(found, options, signal);
  if (options.seeds !== undefined)
    throw new SquallError(
      'option',
      'NO_VARIANTS',
      `Expected --seeds with a scenario that has \`variants\`, got ${name}${options.variant === undefined ? ', which has none' : ' and --variant'}`,
      {
        next: 'Leave --seeds out, or give --seed.',
      },
    );
  return loadScenario(found, options, signal);
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
