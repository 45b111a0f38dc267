import type { RunDocument } from '../reports/store/run-document.ts';

/** What a proof showed. */
export interface ProofResult {
  /** The defence that was taken away. */
  readonly without: string;
  /** The SLO that had to fail. */
  readonly breaks: string;
  readonly run: string;
  /**
   * - `holds`: exactly the named SLO failed
   * - `proves-nothing`: the named SLO did not fail without its defence
   * - `breaks-more`: the named SLO failed, and others too
   * - `unusable`: the run was invalid, interrupted or inconclusive on the named SLO
   */
  readonly outcome: 'holds' | 'proves-nothing' | 'breaks-more' | 'unusable';
  readonly sentence: string;
}

/** Judges the run of a scenario without one of its defences: the named SLO must have failed, and only that one. */
export function judgeProof(proof: { without: string; breaks: string }, run: RunDocument): ProofResult {
  const { without, breaks } = proof;
  const result = (outcome: ProofResult['outcome'], sentence: string): ProofResult => ({
    without,
    breaks,
    run: run.id,
    outcome,
    sentence,
  });
  if (run.verdict === 'invalid' || run.interrupted)
    return result('unusable', `The run without ${without} cannot be judged: ${run.reasons.join('; ')}`);
  const named = run.slos.find(slo => slo.name === breaks);
  const others = run.slos.filter(slo => slo.name !== breaks && slo.verdict === 'fail').map(slo => `"${slo.name}"`);
  const measured = (named?.reason ?? 'it was not judged').replace(/\.$/, '');
  if (named?.verdict === 'pass')
    return result(
      'proves-nothing',
      `The SLO "${breaks}" proves nothing: it also passes without ${without} (${measured}).`,
    );
  if (named?.verdict !== 'fail')
    return result('unusable', `Without ${without} the SLO "${breaks}" is ${named?.verdict ?? 'missing'}: ${measured}.`);
  if (others.length > 0)
    return result(
      'breaks-more',
      `Without ${without}, "${breaks}" fails as it should, but so does ${others.join(', ')}.`,
    );
  return result('holds', `Without ${without} exactly "${breaks}" fails. ${measured}.`);
}
