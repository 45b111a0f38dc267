import type { FaultResult } from '../../../store/run-document.ts';

/** Fault on the time axis: a band like its window, a line where its effect was first observed. */
export interface FaultBand {
  readonly label: string;
  /** Where its injection began. */
  readonly fromMs: number;
  /** Observed onset; null if none was observed. */
  readonly onsetMs: number | null;
  /** Observed recovery. */
  readonly toMs: number;
}

/** Faults of a run as bands; one without observed recovery lasts to the end of the axis. */
export function faultBands(
  faults: readonly Pick<FaultResult, 'id' | 'injectedAtMs' | 'effectiveAtMs' | 'healedAtMs'>[],
  endMs: number,
): FaultBand[] {
  return faults.flatMap(({ id, injectedAtMs, effectiveAtMs: onsetMs, healedAtMs }) => {
    const fromMs = injectedAtMs ?? onsetMs;
    if (fromMs === null) return [];
    const remark = onsetMs === null ? ' (no effect)' : healedAtMs === null ? ' (no recovery)' : '';
    return [{ label: id + remark, fromMs, onsetMs, toMs: healedAtMs ?? endMs }];
  });
}

/** Intervals with at least one fault, ascending and disjoint. */
export function joinedBands(bands: readonly FaultBand[]): { fromMs: number; toMs: number }[] {
  const joined: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of [...bands].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = joined.at(-1);
    if (last && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else joined.push({ fromMs, toMs });
  }
  return joined;
}

/** Placed label: `x` is its left edge, `lane` its row from the top. */
export interface PlacedLabel {
  readonly text: string;
  readonly x: number;
  readonly lane: number;
}

const CHARACTER_WIDTH = 7.2;
const LABEL_GAP = 12;
const MAX_LANES = 6;
const MAX_CHARACTERS = 34;

/**
 * Places labels in rows so that none overlaps another or leaves [left, right]. Labels that do not fit into six rows are omitted; the
 * table below the charts still names their faults.
 */
export function placeLabels(
  wanted: readonly { text: string; x: number }[],
  left: number,
  right: number,
): PlacedLabel[] {
  const laneEnds: number[] = [];
  const placed: PlacedLabel[] = [];
  for (const { text, x } of [...wanted].sort((a, b) => a.x - b.x)) {
    const maxLength = Math.min(MAX_CHARACTERS, Math.floor((right - left) / CHARACTER_WIDTH));
    const characters = [...text];
    const short = characters.length > maxLength ? `${characters.slice(0, maxLength - 1).join('')}…` : text;
    const width = [...short].length * CHARACTER_WIDTH;
    const start = Math.max(left, Math.min(x, right - width));
    const free = laneEnds.findIndex(end => end + LABEL_GAP <= start);
    const lane = free === -1 ? laneEnds.length : free;
    if (lane >= MAX_LANES) continue;
    laneEnds[lane] = start + width;
    placed.push({ text: short, x: start, lane });
  }
  return placed;
}
