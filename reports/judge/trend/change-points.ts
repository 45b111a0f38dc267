import { studentTails } from '../statistics.ts';

/** Value of an indicator on a night, on a scale on which its error is about the same on all nights. */
export interface NightValue {
  readonly value: number;
  /** Standard error of `value`, above 0. */
  readonly error: number;
}

/** Ratio of the tests of one history that may be false among those that it tells, see {@link findChanges}. */
export const FALSE_DISCOVERY_RATE = 0.05;
/** An indicator over nights. */
export interface NightSeries {
  readonly nights: readonly NightValue[];
  /** Degrees of freedom that the errors are taken to have by themselves, before any two nights are compared. */
  readonly freedom: number;
}

/**
 * Nights on which something changed, for all indicators of a history together.
 *
 * ```
 *  value ─┬─ ┬ ─┬─ ─┬┐        ┌┬─ ─┬─ ─┬─
 *                    └───┬┬───┘            the nights between i and j against all others
 *                    i        j
 * ```
 *
 * Within an indicator by circular binary segmentation (Olshen, Venkatraman, Lucito & Wigler, Biostatistics 5, 2004): the nights that differ most from
 * all others, at the end or in the middle, are told apart, then each part is searched again; last each boundary must hold between its two
 * neighbours alone. A difference is measured in the errors of the nights, and these are scaled up where nights of one part differ by more than
 * their errors say: moderated t (Smyth, Stat. Appl. Genet. Mol. Biol. 3, 2004), never down. So three nights are enough where they differ by far
 * more than their intervals, and the spread from night to night counts as soon as there are nights to show it. The number of places that were
 * tried divides the level (Bonferroni).
 *
 * Of all indicators those with a change are told by Benjamini & Hochberg (J. R. Stat. Soc. B 57, 1995) at {@link FALSE_DISCOVERY_RATE}: without
 * any change no more than one history in twenty shows one, however many indicators it has. Their further changes are held to the same level.
 *
 * @returns of each indicator the indices of the first nights after a change, ascending
 */
export function findChanges(indicators: readonly NightSeries[]): number[][] {
  const firsts = indicators.map(series => strongestArc(series, 0, series.nights.length)?.p ?? 1);
  const sorted = firsts.toSorted((a, b) => a - b);
  const rank = sorted.findLastIndex((p, index) => p <= (FALSE_DISCOVERY_RATE * (index + 1)) / sorted.length);
  const level = (FALSE_DISCOVERY_RATE * (rank + 1)) / Math.max(1, sorted.length);
  return indicators.map((series, index) =>
    firsts[index]! <= level ? withoutWeak(series, split(series, level), level) : [],
  );
}

/** Boundaries of parts that differ, each the index of a first night. */
function split(series: NightSeries, level: number): number[] {
  const found: number[] = [];
  const open: (readonly [from: number, to: number])[] = [[0, series.nights.length]];
  for (let part = open.pop(); part; part = open.pop()) {
    const [from, to] = part;
    const arc = strongestArc(series, from, to);
    if (!arc || arc.p > level) continue;
    const edges = [from, ...[arc.from, arc.to].filter(at => at > from && at < to), to];
    found.push(...edges.slice(1, -1));
    for (let index = 1; index < edges.length; index += 1) open.push([edges[index - 1]!, edges[index]!]);
  }
  return found.sort((a, b) => a - b);
}

/** Leaves out, the weakest first, what does not hold between its neighbours alone. */
function withoutWeak(series: NightSeries, boundaries: readonly number[], level: number): number[] {
  const edges = [0, ...boundaries, series.nights.length];
  for (;;) {
    const ps = edges.slice(1, -1).map((at, index) => {
      const [from, to] = [edges[index]!, edges[index + 2]!];
      return pOf(testOf(series, sumsOf(series, from, to), 0, at - from)) * (to - from - 1);
    });
    const weakest = Math.max(0, ...ps);
    if (weakest <= level) return edges.slice(1, -1);
    edges.splice(1 + ps.indexOf(weakest), 1);
  }
}

interface Arc {
  readonly from: number;
  readonly to: number;
  /** Corrected for the number of arcs. */
  readonly p: number;
}

/** The nights of a part that differ most from its others; null where there are not two. */
function strongestArc(series: NightSeries, from: number, to: number): Arc | null {
  const count = to - from;
  if (count < 2) return null;
  const sums = sumsOf(series, from, to);
  let best = { i: 0, j: 1, test: testOf(series, sums, 0, 1) };
  // An arc and its complement are the same test, so none ends with the last night but as the complement of another.
  for (let i = 0; i < count; i += 1)
    for (let j = i + 1; j < count; j += 1) {
      const test = testOf(series, sums, i, j);
      if (test.t > best.test.t) best = { i, j, test };
    }
  return { from: from + best.i, to: from + best.j, p: pOf(best.test) * ((count * (count - 1)) / 2) };
}

/** Cumulative sums over nights, each weighted by its precision: of weights, values and squares. */
type Sums = Readonly<Record<'weights' | 'values' | 'squares', Float64Array>>;

function sumsOf({ nights }: NightSeries, from: number, to: number): Sums {
  const zeros = () => new Float64Array(to - from + 1);
  const sums = { weights: zeros(), values: zeros(), squares: zeros() };
  // Squares of values far from 0 would cancel.
  const origin = nights[from]!.value;
  for (let index = 0; index < to - from; index += 1) {
    const { value, error } = nights[from + index]!;
    const weight = 1 / error ** 2;
    sums.weights[index + 1] = sums.weights[index]! + weight;
    sums.values[index + 1] = sums.values[index]! + weight * (value - origin);
    sums.squares[index + 1] = sums.squares[index]! + weight * (value - origin) ** 2;
  }
  return sums;
}

interface Test {
  readonly t: number;
  readonly freedom: number;
}

/** Moderated t of the nights from i to before j against all others. */
function testOf({ freedom: prior }: NightSeries, { weights, values, squares }: Sums, i: number, j: number): Test {
  const count = weights.length - 1;
  const inner = weights[j]! - weights[i]!;
  const outer = weights[count]! - inner;
  const [one, other] = [(values[j]! - values[i]!) / inner, (values[count]! - values[j]! + values[i]!) / outer];
  const residual = Math.max(0, squares[count]! - inner * one ** 2 - outer * other ** 2);
  const freedom = prior + count - 2;
  const scale = Math.sqrt(Math.max(1, (prior + residual) / freedom));
  return { t: Math.abs(one - other) / Math.sqrt(1 / inner + 1 / outer) / scale, freedom };
}

/** Two-sided. */
function pOf({ t, freedom }: Test): number {
  return studentTails(t, freedom);
}
