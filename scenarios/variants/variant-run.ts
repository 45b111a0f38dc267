import { join, relative } from 'node:path';
import { NEVER } from '../../harness/clock.ts';
import { readHistory } from '../../harness/history.ts';
import { figuresOf } from '../../reports/judge/variants/figures.ts';
import { blindness } from '../../reports/judge/warnings/blind.ts';
import { ARTIFACTS } from '../../reports/publish.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import { FIGURES, type VariantRun } from '../../reports/store/variants-document.ts';
import type { FoundScenario } from '../find.ts';
import { type LoadOptions, loadScenario } from '../load-scenario.ts';
import { freshSalt, withSalt } from '../salt.ts';
import { runSession, type Session } from '../session/session.ts';

/** One run of a comparison. */
export interface VariantTask {
  readonly variant: string;
  readonly seed: number;
}

/** What a worker is sent; plain JSON. */
export interface VariantOrder extends VariantTask {
  readonly found: FoundScenario;
  /** Those of its variant and its seed; no target. */
  readonly options: LoadOptions;
  /** @default one that follows from the seed */
  readonly salt: string | undefined;
  /** Folder of the comparison. */
  readonly folder: string;
}

/** Folder of the runs of a variant. */
export function folderOf(folder: string, { variant }: VariantTask): string {
  return join(folder, variant);
}

/** Runs a variant with a seed in virtual time in this process. @throws SquallError for a scenario that cannot be run */
export async function runVariant({ found, options, salt, folder, ...task }: VariantOrder): Promise<VariantRun> {
  const { compiled } = await loadScenario(found, options);
  const salted = withSalt(compiled, salt ?? freshSalt(compiled.plan));
  return variantRun(task, await runSession(salted, { out: folderOf(folder, task), signal: NEVER }), folder);
}

/** What a comparison needs of a run. @param folder of the comparison */
export async function variantRun(
  task: VariantTask,
  { result, directory }: Session,
  folder: string,
): Promise<VariantRun> {
  const { verdict, exitCode, reasons, slos } = result.document;
  const events = readHistory(join(directory, ARTIFACTS.events));
  const warnings = blindness(events);
  return {
    ...task,
    directory: relative(folder, directory),
    ...{ verdict, exitCode, reasons },
    ...(warnings.length > 0 && { warnings }),
    slos: slos.map(({ name, window, objective, verdict, measured, unit }) => {
      return { name, window, objective, verdict, measured, unit };
    }),
    figures: figuresOf(result.plan, events, await readRequests(directory)),
  };
}

/** A run that left nothing to judge. @param reason what happened to it */
export function lostRun(task: VariantTask, reason: string): VariantRun {
  const figures = Object.fromEntries(FIGURES.map(name => [name, null])) as VariantRun['figures'];
  return { ...task, verdict: 'invalid', exitCode: 4, reasons: [reason], slos: [], figures };
}
