import { formatMs } from '../../harness/quantity.ts';
import { ratioBounds } from '../../reports/judge/statistics.ts';
import { blindTexts } from '../../reports/render/variants/cells.ts';
import type { TuneDocument, TuneEvidence } from '../../reports/store/tune-document.ts';
import type { Difference } from '../../reports/store/variants-document.ts';

/** What a result is derived from. */
export interface TuneResult
  extends Pick<TuneDocument, 'file' | 'end' | 'evidence' | 'saving' | 'confirmations' | 'changes' | 'rounds'> {
  /** Time that one run took on this machine, with those beside it, in ms. */
  readonly perRunMs: number;
  /** Runs that a result needs, beside those of the search. */
  readonly neededRuns: number;
}

const ENDS: Readonly<Record<Exclude<TuneDocument['end'], 'converged'>, string>> = {
  rounds: 'The search ended after --rounds; more of them may find more.',
  budget: 'The time ended before the search had converged; more --minutes may find more.',
  interrupted: 'The search was interrupted.',
};

/**
 * The result: `better` if every SLO passed in all held-out runs of the tuned file, and either the user's own failed in one of them, or the
 * seeds show that the tuned file costs less.
 */
export function outcomeOf(result: TuneResult): Pick<TuneDocument, 'outcome' | 'answer' | 'reasons'> {
  const { file, evidence, saving, confirmations, changes, rounds } = result;
  const training = totals(evidence, 'training');
  const heldOut = totals(evidence, 'held-out');
  const last = confirmations.at(-1);
  const failures = confirmations.filter(({ outcome }) => outcome === 'fail').length;
  const dropped =
    failures === 0
      ? []
      : [
          `${failures === 1 ? 'One configuration' : `${failures} configurations`} that met the SLOs on the training seeds failed on held-out ones, and ${failures === 1 ? 'was' : 'were'} dropped: ${confirmations.find(({ outcome }) => outcome === 'fail')!.reason}.`,
        ];
  const ended = [
    ...new Set(evidence.flatMap(({ comparison }) => blindTexts(comparison))),
    ...dropped,
    ...endOf(result),
  ];
  if (changes.length === 0) {
    const answer =
      training.own.runs === 0
        ? `nothing is known: no run of ${file} ended in time`
        : rounds === 0
          ? `nothing else was tried than ${file}, which meets the SLOs in ${training.own.met} of ${training.own.runs} runs`
          : training.own.met === training.own.runs
            ? `nothing cheaper than ${file} was found that meets the SLOs`
            : `nothing was found that meets the SLOs, which ${file} misses in ${ofRuns(training.own)}`;
    return { outcome: 'nothing-better', answer, reasons: ended };
  }
  if (last?.outcome !== 'pass') {
    const why = last?.outcome === 'unfinished' ? last.reason : 'no held-out seed has run';
    const found = training.own.met === training.own.runs ? costText(saving.training) : 'it meets the SLOs';
    return {
      outcome: 'unconfirmed',
      answer: `not confirmed: on the training seeds ${found}, but ${why}`,
      reasons: ended,
    };
  }
  const isCheaper = saving.heldOut?.evidence === 'lower';
  const shown = ratioBounds(heldOut.tuned.met, heldOut.tuned.runs).lower;
  const bound = `All SLOs passed in ${heldOut.tuned.met} of ${heldOut.tuned.runs} held-out runs, which shows that they do in at least ${Math.floor(100 * shown)} % of all (at 95 %).`;
  const cost = costText(saving.heldOut);
  if (heldOut.own.met < heldOut.own.runs)
    return {
      outcome: 'better',
      answer: `meets the SLOs, which ${file} misses in ${missed(heldOut.own)} of ${heldOut.own.runs} held-out runs; ${cost}`,
      reasons: [bound, ...ended],
    };
  if (isCheaper)
    return { outcome: 'better', answer: `${cost}, with all SLOs met on held-out seeds`, reasons: [bound, ...ended] };
  return {
    outcome: 'unconfirmed',
    answer: `not confirmed: on held-out seeds ${cost}, which is no evidence of a difference`,
    reasons: [bound, ...ended],
  };
}

/** Why the search ended, and what to change; nothing where it came to its end. */
function endOf({ end, rounds, perRunMs, neededRuns }: TuneResult): string[] {
  if (end === 'converged') return [];
  if (end !== 'budget' || rounds > 0) return [ENDS[end]];
  const minutes = Math.ceil((3 * neededRuns * perRunMs) / 60_000);
  return [
    `There was no time to search: a run takes ${formatMs(perRunMs)} on this machine, and the comparison alone needs ${neededRuns}. Use --minutes ${minutes}, fewer --seeds or --held-out, or a shorter scenario.`,
  ];
}

interface Total {
  readonly met: number;
  readonly runs: number;
}

function totals(evidence: readonly TuneEvidence[], phase: TuneEvidence['phase']): { own: Total; tuned: Total } {
  const found = evidence.filter(one => one.phase === phase);
  const sum = (side: 'own' | 'tuned'): Total => ({
    met: found.reduce((all, one) => all + (one[side]?.met ?? 0), 0),
    runs: found.reduce((all, one) => all + (one[side]?.runs ?? 0), 0),
  });
  return { own: sum('own'), tuned: sum('tuned') };
}

function missed({ met, runs }: Total): number {
  return runs - met;
}

function ofRuns(total: Total): string {
  return `${missed(total)} of ${total.runs} runs`;
}

/** `it costs 23 % less (18 % … 27 %) than your file`, over all scenarios and seeds. */
export function costText(saving: Difference | null): string {
  if (!saving) return 'its cost is not comparable';
  const { mean, lower, upper } = saving;
  const number = (value: number) => `${Number(Math.abs(value).toPrecision(2))} %`;
  const word = (value: number) => (value <= 0 ? 'less' : 'more');
  const interval =
    lower === null || upper === null || lower === upper
      ? ''
      : ` (95 %: ${number(lower)} ${word(lower)} to ${number(upper)} ${word(upper)})`;
  return mean === 0 ? 'it costs the same' : `it costs ${number(mean)} ${word(mean)}${interval}`;
}
