import { quantity } from '../format.ts';
import { type Content, html } from '../html.ts';
import type { ValueScale } from './chart-scale.ts';

/** Widths for which each chart is drawn, so that its text never shrinks; CSS selects one. `right` has room for the names of lines. */
export const SIZES = [
  { name: 'narrow', width: 340, plotHeight: 150, left: 52, right: 90 },
  { name: 'middle', width: 680, plotHeight: 160, left: 60, right: 120 },
  { name: 'wide', width: 1120, plotHeight: 180, left: 64, right: 140 },
] as const;

/** Width for which a chart is drawn. */
export type Size = (typeof SIZES)[number];

/** Drawing area in SVG units; `x` and `y` map values into it. */
export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** Width between `right` and the edge of the drawing. */
  readonly room: number;
  x(value: number): number;
  y(value: number): number;
}

/** Tick of the horizontal axis. */
export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** Horizontal lines with their values. */
export function drawRows(scale: ValueScale, unit: string, frame: Frame): Content {
  return scale.ticks.map(
    tick =>
      html`<path class="${tick === scale.ticks[0] && scale.ticks.length > 1 ? 'base' : 'grid'}" d="M${frame.left} ${round(frame.y(tick))}H${frame.right}"/><text class="tick" text-anchor="end" x="${frame.left - 7}" y="${round(frame.y(tick) + 4)}">${tickLabel(tick, unit)}</text>`,
  );
}

/** Notches below the chart with their labels. */
export function drawColumns(ticks: readonly Tick[], frame: Frame): Content {
  return ticks.map(({ at, label }) => {
    const x = round(frame.x(at));
    return html`<path class="notch" d="M${x} ${frame.bottom}v4"/><text class="tick" text-anchor="middle" x="${x}" y="${frame.bottom + 17}">${label}</text>`;
  });
}

/** A flood makes millions of requests; a narrow page has no room for all the digits. */
function tickLabel(value: number, unit: string): string {
  return unit === '' && value >= 1e6 ? quantity(value / 1e6, 'M') : quantity(value, unit);
}

/** Coordinate with one decimal, which is all that a screen shows. */
export function round(value: number): string {
  return String(Number(value.toFixed(1)));
}
