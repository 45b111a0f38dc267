import type { RunDocument } from '../reports/store/run-document.ts';

/** The result of one proof. */
export interface ProofResult {
  /** The safeguard that was turned off. */
  readonly without: string;
  /** The SLO that has to fail. */
  readonly breaks: string;
  readonly run: string;
  /**
   * - `holds`: exactly the named SLO failed
   * - `proves-nothing`: the named SLO passed without its safeguard
   * - `breaks-more`: other SLOs failed, too
   * - `unusable`: the run was invalid, interrupted or inconclusive on the named SLO
   */
  readonly outcome: 'holds' | 'proves-nothing' | 'breaks-more' | 'unusable';
  readonly sentence: string;
}

/** Judges the run of a scenario without one of its safeguards: the named SLO must have failed, and no other. */
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
      `Without ${without}, "${breaks}" fails as expected, but so does ${others.join(', ')}.`,
    );
  return result('holds', `Without ${without} exactly "${breaks}" fails. ${measured}.`);
}
