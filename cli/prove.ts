import type { Command } from 'commander';
import { SquallError } from '../harness/errors.ts';
import type { CompiledScenario } from '../scenarios/compile.ts';
import { judgeProof, type ProofResult } from '../scenarios/proof.ts';
import type { ResolvedScenario } from '../scenarios/scenario.ts';
import { EXIT, worstExit } from './exit.ts';
import { loadScenario } from './load-scenario.ts';
import {
  type RunOptions,
  SCENARIO,
  withRequestOptions,
  withRunOptions,
  withTargetOptions,
  withVariant,
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
  withVariant(withTargetOptions(withRequestOptions(withRunOptions(command))), 'the first')
    .argument('<scenario...>', SCENARIO)
    .addHelpText(
      'after',
      '\nExit codes: 0 in every proof exactly the named SLO fails · 1 a proof proves nothing or breaks more · 2 the baseline run does not pass, or a run cannot be judged',
    )
    .action(async (names: string[], options: RunOptions) => {
      // All compile before the first run, so that a mistake in the last one does not surface after minutes.
      const suspects = await Promise.all(names.map(name => load(name, options, signal)));
      const results: { scenario: string; proofs: ProofResult[] }[] = [];
      const codes: number[] = [];
      for (const suspect of suspects) {
        const proofs = await prove(suspect, options, signal);
        results.push({ scenario: suspect.name, proofs: proofs.results });
        codes.push(proofs.exitCode);
      }
      if (options.json) printJson(results.length === 1 ? results[0] : results);
      process.exitCode = worstExit(codes);
    });
}

/** A scenario as it is, and without each of its safeguards. */
interface Suspect {
  readonly name: string;
  readonly scenario: ResolvedScenario;
  readonly compiled: CompiledScenario;
  readonly variants: readonly {
    readonly proof: ResolvedScenario['proof'][number];
    readonly compiled: CompiledScenario;
  }[];
}

async function load(name: string, options: RunOptions, signal: AbortSignal): Promise<Suspect> {
  const { scenario, compiled } = await loadScenario(name, options, signal);
  if (scenario.proof.length === 0)
    throw new SquallError(
      'scenario',
      'NO_PROOF',
      `Expected ${name} to have a \`proof\`, found none, so there is nothing to prove`,
      { next: 'Name under `proof` the safeguard that each SLO depends on; see CONTRIBUTING.md.' },
    );
  const variants = scenario.proof.map(async proof => {
    const variant = await loadScenario(name, options, signal, proof.set);
    return { proof, compiled: variant.compiled };
  });
  return { name, scenario, compiled, variants: await Promise.all(variants) };
}

async function prove(
  { scenario, compiled, variants }: Suspect,
  options: RunOptions,
  signal: AbortSignal,
): Promise<{ results: ProofResult[]; exitCode: number }> {
  const stream = options.json ? process.stderr : process.stdout;
  const { document } = (await runWithProgress(compiled, options, signal)).result;
  if (document.verdict !== 'pass') {
    const verdict = `the verdict of the baseline run is ${document.verdict}. ${document.reasons.join(' ')}`;
    say(stream, '', `Nothing can be proved: ${verdict}`);
    return { results: [], exitCode: document.interrupted ? EXIT.interrupted : EXIT.inconclusive };
  }
  const results: ProofResult[] = [];
  for (const { proof, compiled } of variants) {
    say(stream, '', paint('bold', `without ${proof.without}`));
    const { result } = await runWithProgress(compiled, options, signal);
    if (result.document.interrupted) return { results, exitCode: EXIT.interrupted };
    results.push(judgeProof(proof, result.document));
  }
  say(stream, '', paint('bold', `proofs of ${scenario.name}`));
  for (const { outcome, sentence } of results) say(stream, `  ${outcome === 'holds' ? '✓' : '✗'} ${sentence}`);
  return { results, exitCode: worstExit(results.map(result => EXIT_OF[result.outcome])) };
}
