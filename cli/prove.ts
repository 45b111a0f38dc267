import type { Command } from 'commander';
import { SquallError } from '../harness/errors.ts';
import { judgeProof, type ProofResult } from '../scenarios/proof.ts';
import { EXIT, worstExit } from './exit.ts';
import {
  loadScenario,
  type RunOptions,
  SCENARIO,
  withRequestOptions,
  withRunOptions,
  withTargetOptions,
} from './options.ts';
import { runWithProgress } from './run.ts';
import { paint, printJson, say } from './terminal.ts';

const EXIT_OF: Readonly<Record<ProofResult['outcome'], number>> = {
  holds: EXIT.pass,
  'proves-nothing': EXIT.sloFailed,
  'breaks-more': EXIT.sloFailed,
  unusable: EXIT.inconclusive,
};

/** Defines `squall prove <scenario…>`, which shows that each SLO with a proof fails without the safeguard it depends on. */
export function defineProve(command: Command, signal: AbortSignal): void {
  withTargetOptions(withRequestOptions(withRunOptions(command)))
    .argument('<scenario...>', SCENARIO)
    .addHelpText(
      'after',
      '\nExit codes: 0 in every proof exactly the named SLO fails · 1 a proof proves nothing or breaks more · 2 the baseline run does not pass, or a run cannot be judged',
    )
    .action(async (names: string[], options: RunOptions) => {
      const results: { scenario: string; proofs: ProofResult[] }[] = [];
      const codes: number[] = [];
      for (const name of names) {
        const proofs = await prove(name, options, signal);
        results.push({ scenario: name, proofs: proofs.results });
        codes.push(proofs.exitCode);
      }
      if (options.json) printJson(results.length === 1 ? results[0] : results);
      process.exitCode = worstExit(codes);
    });
}

async function prove(
  name: string,
  options: RunOptions,
  signal: AbortSignal,
): Promise<{ results: ProofResult[]; exitCode: number }> {
  const { scenario, compiled } = await loadScenario(name, options, signal);
  if (scenario.proof.length === 0)
    throw new SquallError(
      'scenario',
      'NO_PROOF',
      `Expected ${name} to have a \`proof\`, found none, so there is nothing to prove`,
      { next: 'Name under `proof` the safeguard that each SLO depends on; see CONTRIBUTING.md.' },
    );
  // All variants compile before the first run, so that a mistake in the last one does not surface after minutes.
  const variants = await Promise.all(
    scenario.proof.map(async proof => ({ proof, variant: await loadScenario(name, options, signal, proof.set) })),
  );
  const stream = options.json ? process.stderr : process.stdout;
  const { document } = (await runWithProgress(compiled, options, signal)).result;
  if (document.verdict !== 'pass') {
    const verdict = `the verdict of the baseline run is ${document.verdict}. ${document.reasons.join(' ')}`;
    say(stream, '', `Nothing can be proved: ${verdict}`);
    return { results: [], exitCode: document.interrupted ? EXIT.interrupted : EXIT.inconclusive };
  }
  const results: ProofResult[] = [];
  for (const { proof, variant } of variants) {
    say(stream, '', paint('bold', `without ${proof.without}`));
    const { result } = await runWithProgress(variant.compiled, options, signal);
    if (result.document.interrupted) return { results, exitCode: EXIT.interrupted };
    results.push(judgeProof(proof, result.document));
  }
  say(stream, '', paint('bold', `proofs of ${scenario.name}`));
  for (const { outcome, sentence } of results) say(stream, `  ${outcome === 'holds' ? '✓' : '✗'} ${sentence}`);
  return { results, exitCode: worstExit(results.map(result => EXIT_OF[result.outcome])) };
}
