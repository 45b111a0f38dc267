import { statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ARTIFACTS } from '../../reports/publish.ts';
import { fileDigest } from '../../reports/store/checksums.ts';
import type { SuiteProof, SuiteRun } from '../../reports/store/suite-document.ts';
import type { FoundScenario } from '../find.ts';
import { type LoadOptions, loadScenario } from '../load-scenario.ts';
import { judgeProof, type ProofResult } from '../proof.ts';
import { freshSalt, withSalt } from '../salt.ts';
import { runSession } from '../session/session.ts';

/** One run of a suite; plain JSON. */
export interface SuiteOrder {
  readonly found: FoundScenario;
  readonly options: LoadOptions;
  /** Folder of the suite. */
  readonly folder: string;
  /** Folder of the run directory. */
  readonly out: string;
  /** The proof whose safeguard `options` leave out. */
  readonly proof?: Pick<ProofResult, 'without' | 'breaks'>;
}

/** What a run of a suite leaves. */
export interface SuiteResult {
  readonly run: SuiteRun;
  readonly proof?: { readonly outcome: Exclude<SuiteProof['outcome'], 'not-run'>; readonly sentence: string };
  readonly interrupted: boolean;
}

/** Files of a run directory that its verdict rests on. */
const FILES = ['run.json', ARTIFACTS.events, ARTIFACTS.requests];

/** Runs one in this process. @throws SquallError for what cannot be run, or leaves nothing to judge */
export async function runOne(
  { found, options, folder, out, proof }: SuiteOrder,
  signal: AbortSignal,
): Promise<SuiteResult> {
  const { compiled } = await loadScenario(found, { ...options, signal });
  const { plan } = compiled;
  const { result, directory, wallMs } = await runSession(withSalt(compiled, freshSalt(plan)), { out, signal });
  const { document } = result;
  const { verdict, exitCode, reasons, durationMs, slos, interrupted } = document;
  const judged = proof && judgeProof(proof, document);
  return {
    interrupted,
    run: {
      directory: relative(folder, directory),
      ...{ verdict, exitCode, reasons, durationMs, wallMs },
      slos: slos.map(({ name, window, objective, verdict, measured, unit, reason }) => {
        return { name, window, objective, verdict, measured, unit, reason };
      }),
      files: digestsOf(directory),
    },
    ...(judged && { proof: { outcome: judged.outcome, sentence: judged.sentence } }),
  };
}

/** A run that left nothing to judge. @param reason what happened to it */
export function lostRun(reason: string, wallMs: number): SuiteRun {
  return { verdict: 'invalid', exitCode: 4, reasons: [reason], durationMs: 0, wallMs, slos: [], files: {} };
}

/** What is wrong with the folder of a run since it ended, such as that a file was changed; undefined for one as it was. */
export function damageOf(folder: string, { directory, files }: SuiteRun): string | undefined {
  if (directory === undefined) return undefined;
  const path = join(folder, directory);
  const now = digestsOf(path);
  const names = Object.keys(files);
  const lost = names.filter(name => now[name] === undefined);
  if (lost.length > 0)
    return `${lost.join(', ')} of ${path} ${lost.length > 1 ? 'are' : 'is'} gone since the run ended.`;
  const changed = names.filter(name => now[name] !== files[name]);
  if (changed.length > 0)
    return `${changed.join(', ')} of ${path} ${changed.length > 1 ? 'were' : 'was'} changed since the run ended.`;
  return undefined;
}

function digestsOf(directory: string): Record<string, string> {
  const found = FILES.filter(name => statSync(join(directory, name), { throwIfNoEntry: false })?.isFile());
  return Object.fromEntries(found.map(name => [name, fileDigest(join(directory, name))]));
}
