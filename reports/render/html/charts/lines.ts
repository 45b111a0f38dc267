import { type Content, type Html, html } from '../html.ts';
import { type Frame, round } from './frame.ts';

/** Line in SVG units; null where it breaks. */
export interface Line {
  /** Written at its end. */
  readonly name: string;
  /** Number of its style: colour, dash and marker, see `style/charts.css`. */
  readonly look: number;
  readonly points: readonly (readonly [x: number, y: number] | null)[];
  /** Length of each step of a staircase, whose points are where its steps begin. @default straight lines between the points */
  readonly step?: number;
}

/** Markers of the styles by their number, as paths around a point; a style without one is told by its width. */
const MARKERS: Readonly<Record<number, string>> = {
  1: 'm-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0',
  2: 'm-3-3h6v6h-6z',
  3: 'm0-3.6l3.4 6h-6.8z',
  7: 'm0-4l4 4-4 4-4-4z',
  8: 'm0 3.6l3.4-6h-6.8z',
  9: 'm-3-3l6 6m0-6l-6 6',
};
/** Distance between two markers of a line, in SVG units. */
const MARKER_DISTANCE = 84;

/** Markers of a style at some points; null if it has none. */
export function markersAt(look: number, points: readonly (readonly [x: number, y: number])[]): Html | null {
  const shape = MARKERS[look];
  if (shape === undefined || points.length === 0) return null;
  return html`<path class="marker look-${look}" d="${points.map(([x, y]) => `M${round(x)} ${round(y)}${shape}`).join('')}"/>`;
}

/**
 * Draws lines with their markers, those of each line at places of their own, so that lines that lie on each other are told apart, and
 * with their names at their ends.
 */
export function drawLines(lines: readonly Line[], frame: Frame): Content {
  return [
    lines.map(line => {
      const d = line.step ? stepPath(line) : linePath(line);
      return [
        d !== '' && html`<path class="series look-${line.look}" d="${d}"/>`,
        lonePoints(line).map(
          ([x, y]) => html`<circle class="dot look-${line.look}" cx="${round(x)}" cy="${round(y)}" r="2.4"/>`,
        ),
      ];
    }),
    lines.map((line, index) => markers(line, (index + 0.5) / lines.length, frame)),
    endLabels(lines, frame),
  ];
}

/** Path that breaks at nulls. */
function linePath({ points }: Line): string {
  let path = '';
  for (const [index, point] of points.entries())
    if (point) path += `${points[index - 1] ? 'L' : 'M'}${round(point[0])} ${round(point[1])}`;
  return path;
}

/** Staircase: each value holds for one step. */
function stepPath({ points, step = 0 }: Line): string {
  let path = '';
  let y: string | null = null;
  for (const [index, point] of points.entries()) {
    if (!point) {
      y = null;
      continue;
    }
    const height = round(point[1]);
    if (y === null) path += `M${round(point[0])} ${height}`;
    else if (height !== y) path += `H${round(point[0])}V${height}`;
    y = height;
    if (!points[index + 1]) path += `H${round(point[0] + step)}`;
  }
  return path;
}

/** Points between two breaks, which a line cannot show. */
function lonePoints({ points, step }: Line): (readonly [number, number])[] {
  if (step) return [];
  return points.filter((point, index) => point !== null && !points[index - 1] && !points[index + 1]) as [
    number,
    number,
  ][];
}

/** Markers every {@link MARKER_DISTANCE}, the first at `phase` (0–1) of it. */
function markers({ look, points }: Line, phase: number, frame: Frame): Content {
  let next = frame.left + phase * MARKER_DISTANCE;
  const marked = points.filter(point => {
    if (!point || point[0] < next) return false;
    next += MARKER_DISTANCE * Math.ceil((point[0] - next + 1e-6) / MARKER_DISTANCE);
    return true;
  });
  return markersAt(look, marked as (readonly [number, number])[]);
}

const LABEL_HEIGHT = 14;
const CHARACTER_WIDTH = 8;
const LEADER = 12;

/** Names of lines right of the chart at the height of their ends, moved apart where they would lie on each other. */
function endLabels(lines: readonly Line[], frame: Frame): Content {
  const ends = lines
    .flatMap(line => {
      const last = line.points.findLast(point => point !== null);
      return last ? [{ line, x: last[0] + (line.step ?? 0), y: last[1] }] : [];
    })
    .sort((a, b) => a.y - b.y);
  const heights = apart(
    ends.map(({ y }) => y),
    frame,
  );
  return ends.map(({ line: { name, look }, x, y }, index) => {
    const at = heights[index]!;
    return html`<path class="leader look-${look}" d="M${round(x + 2)} ${round(y)}H${frame.right + 1}L${frame.right + LEADER - 2} ${round(at)}"/><text class="end-label look-${look}" x="${frame.right + LEADER}" y="${round(at + 4)}">${cutLabel(name, frame.room)}</text>`;
  });
}

/** Ascending heights, moved down, then up, until each has its room; in a chart that is too low for all they come closer. */
function apart(heights: readonly number[], { top, bottom }: Frame): number[] {
  const room = Math.min(LABEL_HEIGHT, (bottom - top) / Math.max(1, heights.length - 1));
  const moved = [...heights];
  for (let i = 0; i < moved.length; i += 1) moved[i] = Math.max(moved[i]!, i === 0 ? top : moved[i - 1]! + room);
  for (let i = moved.length - 1; i >= 0; i -= 1)
    moved[i] = Math.min(moved[i]!, i === moved.length - 1 ? bottom : moved[i + 1]! - room);
  return moved;
}

/** Text that fits into a width, after the leader to it. */
function cutLabel(text: string, width: number): string {
  const length = Math.max(3, Math.floor((width - LEADER) / CHARACTER_WIDTH));
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
