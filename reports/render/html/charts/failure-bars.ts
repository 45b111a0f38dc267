import type { FailurePoint } from '../../../store/run-document.ts';
import type { Bar, ChartSeries, TimeAxis } from './chart.ts';

/** Styles of the bars, in turn; `dropped` has one of its own. */
const LOOKS = [5, 10, 11, 12, 13];
const LOOK_OF_DROPPED = 6;
const LOOK_OF_OTHERS = 14;
/** Bars that fit side by side into a narrow chart, and keep a report small. */
const MAX_BARS = 140;
/** Kinds that are drawn, most frequent first; the others are drawn together. */
const MAX_KINDS = LOOKS.length;
const OTHERS = 'other kinds';

/**
 * Failures by kind, as bars and as series for the table. The time axis is divided anew where the band of a fault begins or ends, into
 * parts of about a slot, or longer ones in a long run, so that no bar lies partly in a band. In the table a slot has the rate of the
 * bar at its middle, and of one that is shorter than a slot.
 *
 * ```
 *      │▒▒▒▒▒▒▒▒▒▒▒▒▒│
 *  ███ │ ███ ███ ███ │ ███
 * ```
 */
export function failureBars(
  failures: readonly FailurePoint[],
  { slotMs, endMs, bands }: TimeAxis,
  slots: number,
): { readonly series: ChartSeries[]; readonly bars: Bar[] } {
  const kinds = kindsOf(failures);
  const looks = new Map(kinds.map((kind, index) => [kind, lookOf(kind, index)]));
  const values = new Map(kinds.map(kind => [kind, new Array<number>(slots).fill(0)]));
  const edges = bands.flatMap(({ fromMs, toMs }) => [fromMs, toMs]).filter(ms => ms > 0 && ms < endMs);
  const partMs = Math.max(slotMs, endMs / MAX_BARS);
  const parts = partsOf(
    [...new Set([0, ...edges, endMs])].sort((a, b) => a - b),
    partMs,
  );
  let next = 0;
  const bars = parts.flatMap(({ fromMs, toMs }) => {
    const counts = new Map<string, number>();
    for (; next < failures.length && failures[next]!.atMs < toMs; next += 1) {
      const kind = looks.has(failures[next]!.kind) ? failures[next]!.kind : OTHERS;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    const covered = slotsOf(fromMs, toMs, slotMs).filter(slot => slot < slots);
    let low = 0;
    return kinds.flatMap((kind): Bar[] => {
      const count = counts.get(kind) ?? 0;
      if (count === 0) return [];
      const rate = (count * 1000) / (toMs - fromMs);
      for (const slot of covered) values.get(kind)![slot] = Math.max(values.get(kind)![slot]!, rate);
      const high = low + rate;
      const bar = { fromMs, toMs, look: looks.get(kind)!, low, high };
      low = high;
      return [bar];
    });
  });
  const series = kinds.map(
    (kind): ChartSeries => ({ name: kind, kind: 'bar', look: looks.get(kind)!, values: values.get(kind)! }),
  );
  return { series, bars };
}

/** Slots whose middle lies in an interval, or else that of its own middle. */
function slotsOf(fromMs: number, toMs: number, slotMs: number): number[] {
  const first = Math.ceil(fromMs / slotMs - 0.5);
  const count = Math.ceil(toMs / slotMs - 0.5) - first;
  if (count < 1) return [Math.floor((fromMs + toMs) / 2 / slotMs)];
  return Array.from({ length: count }, (_, index) => first + index);
}

/** Equal parts of about `partMs` between each two edges, at least one. */
function partsOf(edges: readonly number[], partMs: number): { readonly fromMs: number; readonly toMs: number }[] {
  return edges.slice(1).flatMap((toMs, index) => {
    const fromMs = edges[index]!;
    const count = Math.max(1, Math.round((toMs - fromMs) / partMs));
    const at = (part: number) => (part === count ? toMs : fromMs + ((toMs - fromMs) * part) / count);
    return Array.from({ length: count }, (_, part) => ({ fromMs: at(part), toMs: at(part + 1) }));
  });
}

/** Kinds in the order in which they are stacked: the most frequent at the bottom, then all others, then what was dropped. */
function kindsOf(failures: readonly FailurePoint[]): string[] {
  const counts = new Map<string, number>();
  for (const { kind } of failures) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const failed = [...counts.keys()].filter(kind => kind !== 'dropped');
  const frequent = failed.sort((a, b) => counts.get(b)! - counts.get(a)! || (a < b ? -1 : 1)).slice(0, MAX_KINDS);
  const others = failed.length > MAX_KINDS ? [OTHERS] : [];
  return [...frequent, ...others, ...(counts.has('dropped') ? ['dropped'] : [])];
}

function lookOf(kind: string, index: number): number {
  return kind === 'dropped' ? LOOK_OF_DROPPED : kind === OTHERS ? LOOK_OF_OTHERS : LOOKS[index]!;
}
