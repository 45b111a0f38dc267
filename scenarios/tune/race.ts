import { beats, type Instance, type Ledger, type Score } from './ledger.ts';
import type { Point } from './proposals.ts';

/** A point that raced, and what became of it. */
export interface Raced {
  readonly point: Point;
  /** Instances that it ran on before that was decided. */
  readonly runs: number;
  /** `best`: it beats the best point so far on all instances; `better`: it does on those it ran on, but another one costs less. */
  readonly outcome: 'best' | 'better' | 'worse';
  /** Mean cost in proportion to that of the best point so far on the same instances; null where one of the two has none. */
  readonly costRatio: number | null;
  /** Why it is out; empty for the best one. */
  readonly reason: string;
}

/** Options of {@link race}. */
export interface RaceOptions {
  readonly ledger: Ledger;
  readonly points: readonly Point[];
  /** It has run on all instances. */
  readonly best: Point;
  readonly instances: readonly Instance[];
  /** Whether there is time for as many runs. */
  readonly hasTime: (runs: number) => boolean;
}

/**
 * Lets points race against the best one so far: on one instance, then on two, four and so on, the hard ones first. Out is what does not beat
 * it on the instances so far, and of the rest the worse half (successive halving, Jamieson & Talwalkar, AISTATS 2016).
 * @returns undefined where the time does not suffice
 */
export async function race(options: RaceOptions): Promise<readonly Raced[] | undefined> {
  const { ledger, points, best, instances, hasTime } = options;
  const ordered = ledger.hardestFirst(best, instances);
  const raced: Raced[] = [];
  let racing = points;
  let from = 0;
  while (racing.length > 0 && from < ordered.length) {
    const until = Math.min(Math.max(1, 2 * from), ordered.length);
    const now = ordered.slice(from, until);
    if (!hasTime(racing.length * now.length)) return undefined;
    await ledger.run(racing, now);
    ledger.countFailures(racing, now);
    const soFar = ordered.slice(0, until);
    const measure = ledger.score(best, soFar);
    const scored = racing.map(point => ({ point, score: ledger.score(point, soFar) }));
    const out = (entry: { point: Point; score: Score }, outcome: Raced['outcome'], reason: string) =>
      raced.push({ point: entry.point, runs: until, outcome, costRatio: ratioOf(entry.score, measure), reason });
    const better = scored.filter(({ score }) => beats(score, measure)).sort((a, b) => order(a.score, b.score));
    for (const entry of scored.filter(({ score }) => !beats(score, measure)))
      out(entry, 'worse', entry.score.reason || 'costs no less');
    const kept = better.slice(0, until === ordered.length ? 1 : Math.ceil(better.length / 2));
    for (const entry of better.slice(kept.length)) out(entry, 'better', 'another one is better');
    if (until === ordered.length && kept[0]) out(kept[0], 'best', '');
    racing = kept.map(({ point }) => point);
    from = until;
  }
  return raced;
}

function order(a: Score, b: Score): number {
  return beats(a, b) ? -1 : beats(b, a) ? 1 : 0;
}

function ratioOf(score: Score, measure: Score): number | null {
  const ratio = score.cost / measure.cost;
  return Number.isFinite(ratio) ? ratio : null;
}
