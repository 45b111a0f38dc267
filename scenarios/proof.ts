import type { RunDocument } from '../reports/store/run-document.ts';

/** The result of one proof. */
export interface ProofResult {
  /** The safeguard that was turned off. */
  readonly without: string;
  /** The SLOs that have to fail. */
  readonly breaks: readonly string[];
  readonly run: string;
  /**
   * - `holds`: exactly the named SLOs failed
   * - `proves-nothing`: a named SLO passed without its safeguard
   * - `breaks-more`: other SLOs failed, too
   * - `unusable`: the run was invalid, interrupted or inconclusive on a named SLO
   */
  readonly outcome: 'holds' | 'proves-nothing' | 'breaks-more' | 'unusable';
  readonly sentence: string;
}

/** Judges the run of a scenario without one of its safeguards: the named SLOs must have failed, and no others. */
export function judgeProof(proof: Pick<ProofResult, 'without' | 'breaks'>, run: RunDocument): ProofResult {
  const { without, breaks } = proof;
  const result = (outcome: ProofResult['outcome'], sentence: string): ProofResult => ({
    without,
    breaks,
    run: run.id,
    outcome,
    sentence,
  });
  if (run.verdict === 'invalid' || run.interrupted)
    return result('unusable', `The run without ${without} cannot be judged: ${run.reasons.join(' ')}`);
  const named = breaks.map(name => {
    const slo = run.slos.find(slo => slo.name === name);
    return { name, verdict: slo?.verdict, measured: (slo?.reason ?? 'it was not judged').replace(/\.$/, '') };
  });
  const passed = named.find(({ verdict }) => verdict === 'pass');
  if (passed)
    return result(
      'proves-nothing',
      `The SLO "${passed.name}" proves nothing: it also passes without ${without} (${passed.measured}).`,
    );
  const open = named.find(({ verdict }) => verdict !== 'fail');
  if (open)
    return result(
      'unusable',
      `Without ${without} the SLO "${open.name}" is ${open.verdict ?? 'missing'}: ${open.measured}.`,
    );
  const quoted = (names: readonly string[]) => names.map(name => `"${name}"`).join(', ');
  const expected = `${quoted(breaks)} ${breaks.length === 1 ? 'fails' : 'fail'}`;
  const others = run.slos.filter(({ name, verdict }) => verdict === 'fail' && !breaks.includes(name));
  if (others.length > 0)
    return result(
      'breaks-more',
      `Without ${without}, ${expected} as expected, but so does ${quoted(others.map(slo => slo.name))}.`,
    );
  return result('holds', `Without ${without} exactly ${expected}. ${named[0]!.measured}.`);
}
