import { quantity } from '../format.ts';
import { type Content, type Html, html } from '../html.ts';
import { timeTicks, type ValueScale } from './chart-scale.ts';
import { type FaultBand, joinedBands, placeLabels } from './fault-bands.ts';

/** Line, step line or stacked bars; each has its own dash or pattern besides its colour, see `style/charts.css`. */
export interface ChartSeries {
  readonly name: string;
  readonly kind: 'line' | 'step' | 'bar';
  /** Number of its style, 1…7. */
  readonly look: number;
  readonly values: readonly (number | null)[];
}

/** Limit of an SLO: a horizontal line over part of the time axis. */
export interface ChartLimit {
  readonly label: string;
  readonly value: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Chart; `label` describes it to screen readers. */
export interface Chart {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly label: string;
  readonly scale: ValueScale;
  readonly series: readonly ChartSeries[];
  readonly limits: readonly ChartLimit[];
  /** Limits that are far above its values, and only named in its legend. */
  readonly hiddenLimits: readonly ChartLimit[];
  /** Of its values, see `quantity`. */
  readonly unit: string;
}

/** Time axis shared by all charts of a report. */
export interface TimeAxis {
  readonly slotMs: number;
  readonly endMs: number;
  readonly bands: readonly FaultBand[];
}

/** Widths for which each chart is drawn, so that its text never shrinks; CSS selects one. */
const WIDTHS = [
  { name: 'narrow', width: 340, plotHeight: 150, left: 52, right: 12 },
  { name: 'middle', width: 680, plotHeight: 160, left: 60, right: 14 },
  { name: 'wide', width: 1120, plotHeight: 180, left: 64, right: 16 },
] as const;
const LANE_HEIGHT = 17;
const BOTTOM = 24;

interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  x(atMs: number): number;
  y(value: number): number;
}

/** Draws a chart for every width. */
export function drawChart(chart: Chart, axis: TimeAxis): Html {
  return html`${WIDTHS.map(size => drawAt(chart, axis, size))}`;
}

function drawAt(chart: Chart, axis: TimeAxis, size: (typeof WIDTHS)[number]): Html {
  const right = size.width - size.right;
  const x = (atMs: number) => size.left + (Math.min(Math.max(atMs, 0), axis.endMs) / axis.endMs) * (right - size.left);
  const labels = placeLabels(
    axis.bands.map(band => ({ text: band.label, x: x(band.fromMs) + 3 })),
    size.left,
    right,
  );
  const lanes = Math.max(0, ...labels.map(label => label.lane + 1));
  const top = 10 + lanes * LANE_HEIGHT;
  const bottom = top + size.plotHeight;
  const y = (value: number) => bottom - Math.min(1.02, Math.max(0, chart.scale.at(value))) * size.plotHeight;
  const frame: Frame = { left: size.left, right, top, bottom, x, y };
  return html`<svg class="${size.name}" viewBox="0 0 ${size.width} ${bottom + BOTTOM}" role="img" aria-label="${chart.label}" data-left="${size.left}" data-right="${right}" data-top="${top}" data-bottom="${bottom}">
${drawBands(axis.bands, frame)}${drawGrid(chart, axis, frame, size.width)}${chart.limits.map(limit => drawLimit(limit, frame))}${drawSeries(chart, axis, frame)}
${labels.map(label => html`<text class="band-label" x="${round(label.x)}" y="${label.lane * LANE_HEIGHT + 13}">${label.text}</text>`)}
</svg>`;
}

/** Bands of the faults, in one shade however many overlap; a line at each observed onset, a fainter one at each recovery. */
function drawBands(bands: readonly FaultBand[], frame: Frame): Content {
  const height = frame.bottom - frame.top;
  const areas = joinedBands(bands).map(({ fromMs, toMs }) => {
    const width = Math.max(1, frame.x(toMs) - frame.x(fromMs));
    return html`<rect class="band" x="${round(frame.x(fromMs))}" y="${frame.top}" width="${round(width)}" height="${height}"/>`;
  });
  const line = (name: string, atMs: number | null) =>
    atMs !== null && html`<path class="${name}" d="M${round(frame.x(atMs))} ${frame.top}V${frame.bottom}"/>`;
  return [areas, bands.map(band => [line('recovered', band.toMs), line('onset', band.onsetMs)])];
}

function drawGrid(chart: Chart, axis: TimeAxis, frame: Frame, width: number): Content {
  const rows = chart.scale.ticks.map(
    tick =>
      html`<path class="${tick === chart.scale.ticks[0] ? 'base' : 'grid'}" d="M${frame.left} ${round(frame.y(tick))}H${frame.right}"/><text class="tick" text-anchor="end" x="${frame.left - 7}" y="${round(frame.y(tick) + 4)}">${tickLabel(tick, chart.unit)}</text>`,
  );
  const columns = timeTicks(axis.endMs, width / 80).map(({ atMs, label }) => {
    const x = frame.x(atMs);
    const anchor = x > frame.right - 22 ? 'end' : 'middle';
    return html`<path class="notch" d="M${round(x)} ${frame.bottom}v4"/><text class="tick" text-anchor="${anchor}" x="${round(anchor === 'end' ? Math.max(x, frame.right) : x)}" y="${frame.bottom + 17}">${label}</text>`;
  });
  return [rows, columns];
}

/** A flood makes millions of requests; a narrow page has no room for all the digits. */
function tickLabel(value: number, unit: string): string {
  return unit === '' && value >= 1e6 ? quantity(value / 1e6, 'M') : quantity(value, unit);
}

function drawLimit(limit: ChartLimit, frame: Frame): Content {
  const y = round(frame.y(limit.value));
  return html`<path class="limit" d="M${round(frame.x(limit.fromMs))} ${y}H${round(frame.x(limit.toMs))}"/>`;
}

function drawSeries(chart: Chart, axis: TimeAxis, frame: Frame): Content {
  const floor = new Map<number, number>();
  return chart.series.map(series => {
    if (series.kind === 'bar') return drawBars(series, axis, frame, floor);
    const path = series.kind === 'step' ? stepPath(series, axis, frame) : linePath(series, axis, frame);
    const dots = series.kind === 'step' ? [] : lonePoints(series, axis, frame);
    return [
      path && html`<path class="series look-${series.look}" d="${path}"/>`,
      dots.map(([x, y]) => html`<circle class="dot look-${series.look}" cx="${round(x)}" cy="${round(y)}" r="2.4"/>`),
    ];
  });
}

/** Path that breaks at slots without a value. */
function linePath(series: ChartSeries, axis: TimeAxis, frame: Frame): string {
  let path = '';
  for (const [index, value] of series.values.entries()) {
    if (value === null) continue;
    const joined = index > 0 && (series.values[index - 1] ?? null) !== null;
    path += `${joined ? 'L' : 'M'}${round(frame.x((index + 0.5) * axis.slotMs))} ${round(frame.y(value))}`;
  }
  return path;
}

function stepPath(series: ChartSeries, axis: TimeAxis, frame: Frame): string {
  let path = '';
  let before: number | null = null;
  for (const [index, value] of series.values.entries()) {
    if (value !== null && value !== before) {
      path += `${before === null ? 'M' : 'H'}${round(frame.x(index * axis.slotMs))}${before === null ? ' ' : 'V'}${round(frame.y(value))}`;
    }
    if (value === null && before !== null) path += `H${round(frame.x(index * axis.slotMs))}`;
    before = value;
  }
  return before === null ? path : `${path}H${round(frame.x(series.values.length * axis.slotMs))}`;
}

/** Values between two gaps, which a line cannot show. */
function lonePoints(series: ChartSeries, axis: TimeAxis, frame: Frame): [number, number][] {
  const known = (index: number) => (series.values[index] ?? null) !== null;
  return series.values.flatMap((value, index): [number, number][] =>
    value === null || known(index - 1) || known(index + 1)
      ? []
      : [[frame.x((index + 0.5) * axis.slotMs), frame.y(value)]],
  );
}

/** Bars stacked on those of the previous series; at least 2 px high, because one failure among thousands matters. */
function drawBars(series: ChartSeries, axis: TimeAxis, frame: Frame, floor: Map<number, number>): Content {
  return series.values.map((value, index) => {
    if (!value) return null;
    const from = frame.x(index * axis.slotMs);
    const width = frame.x((index + 1) * axis.slotMs) - from;
    const bottom = floor.get(index) ?? frame.bottom;
    const top = bottom - Math.max(2, frame.bottom - frame.y(value));
    floor.set(index, top);
    return html`<rect class="bar look-${series.look}" x="${round(from + width * 0.12)}" y="${round(top)}" width="${round(Math.max(1, width * 0.76))}" height="${round(bottom - top)}"/>`;
  });
}

function round(value: number): string {
  return String(Number(value.toFixed(1)));
}
