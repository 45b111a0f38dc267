import { type Content, type Html, html } from '../html.ts';
import { linearScale, timeTicks, type ValueScale } from './chart-scale.ts';
import { type FaultBand, joinedBands, placeLabels } from './fault-bands.ts';
import { drawColumns, drawRows, type Frame, round, SIZES, type Size } from './frame.ts';
import { drawLines, type Line } from './lines.ts';

/** Line, staircase or stacked bars over the slots; each has its own dash, marker or pattern besides its colour. */
export interface ChartSeries {
  readonly name: string;
  readonly kind: 'line' | 'step' | 'bar';
  /** Number of its style, see `style/charts.css`. */
  readonly look: number;
  /** Of bars those of whole slots, for the crosshair: `bars` of the chart are drawn. */
  readonly values: readonly (number | null)[];
  /** Those of its column in the table. @default the same */
  readonly column?: readonly (number | null)[];
}

/** Bar of a stack over a part of a slot, from `low` to `high`. */
export interface Bar {
  readonly fromMs: number;
  readonly toMs: number;
  /** Number of its style. */
  readonly look: number;
  readonly low: number;
  readonly high: number;
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
  /** Stacked bars, which may be narrower than a slot. @default none */
  readonly bars?: readonly Bar[];
  /** Whether each series has a row of its own, from 0 to its maximum, so that equal ones do not hide each other. @default false */
  readonly isRows?: boolean;
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

const LANE_HEIGHT = 17;
/** Room of the longest label of a time. */
const TICK_WIDTH = 62;
const BOTTOM = 24;
const ROW_HEIGHT = 34;
/** Part of a row that its values take. */
const ROW_FILL = 0.68;

/** Draws a chart for every width. */
export function drawChart(chart: Chart, axis: TimeAxis): Html {
  return html`${SIZES.map(size => drawAt(chart, axis, size))}`;
}

function drawAt(chart: Chart, axis: TimeAxis, size: Size): Html {
  const right = size.width - size.right;
  const x = (atMs: number) => size.left + (Math.min(Math.max(atMs, 0), axis.endMs) / axis.endMs) * (right - size.left);
  const labels = placeLabels(
    axis.bands.map(band => ({ text: band.label, x: x(band.fromMs) + 3 })),
    size.left,
    right,
  );
  const lanes = Math.max(0, ...labels.map(label => label.lane + 1));
  const top = 10 + lanes * LANE_HEIGHT;
  const height = chart.isRows ? chart.series.length * ROW_HEIGHT : size.plotHeight;
  const bottom = top + height;
  const y = (value: number) => bottom - Math.min(1.02, Math.max(0, chart.scale.at(value))) * height;
  const frame: Frame = { left: size.left, right, top, bottom, room: size.right, x, y };
  const ticks = timeTicks(axis.endMs, (right - size.left) / TICK_WIDTH).map(({ atMs, label }) => ({ at: atMs, label }));
  return html`<svg class="${size.name}" viewBox="0 0 ${size.width} ${bottom + BOTTOM}" role="img" aria-label="${chart.label}" data-left="${size.left}" data-right="${right}" data-top="${top}" data-bottom="${bottom}">
${drawBands(axis.bands, frame)}${drawColumns(ticks, frame)}${
  chart.isRows
    ? drawSeriesRows(chart, axis, frame)
    : [
        drawRows(chart.scale, chart.unit, frame),
        chart.limits.map(limit => drawLimit(limit, frame)),
        (chart.bars ?? []).map(bar => drawBar(bar, frame)),
        drawLines(linesOf(chart.series, axis, frame), frame),
      ]
}
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

function drawLimit(limit: ChartLimit, frame: Frame): Content {
  const y = round(frame.y(limit.value));
  return html`<path class="limit" d="M${round(frame.x(limit.fromMs))} ${y}H${round(frame.x(limit.toMs))}"/>`;
}

function linesOf(series: readonly ChartSeries[], { slotMs }: TimeAxis, frame: Frame): Line[] {
  return series
    .filter(({ kind }) => kind !== 'bar')
    .map(({ name, look, kind, values }) => ({
      ...{ name, look },
      points: values.map((value, index) =>
        value === null ? null : [frame.x((index + (kind === 'step' ? 0 : 0.5)) * slotMs), frame.y(value)],
      ),
      ...(kind === 'step' && { step: frame.x(slotMs) - frame.x(0) }),
    }));
}

/** One row a series, one below the other, each from 0 to its own maximum. */
function drawSeriesRows({ series, unit }: Chart, axis: TimeAxis, frame: Frame): Content {
  return series.map((one, row) => {
    const bottom = frame.top + (row + 1) * ROW_HEIGHT - 1;
    const scale = linearScale(Math.max(1, ...one.values.map(value => value ?? 0)), true);
    const max = scale.ticks.at(-1)!;
    const y = (value: number) => bottom - scale.at(value) * ROW_HEIGHT * ROW_FILL;
    const own: Frame = { ...frame, top: bottom - ROW_HEIGHT * ROW_FILL, bottom, y };
    const base = html`<path class="base" d="M${frame.left} ${round(bottom)}H${frame.right}"/>`;
    return [base, drawRows({ ...scale, ticks: [max] }, unit, own), drawLines(linesOf([one], axis, own), own)];
  });
}

/** A bar between the edges of its interval; at least 2 px high, because one failure among thousands matters. */
function drawBar({ fromMs, toMs, look, low, high }: Bar, frame: Frame): Content {
  const [from, to] = [frame.x(fromMs), frame.x(toMs)];
  const gap = (to - from) * 0.1;
  const [bottom, top] = [frame.y(low), Math.min(frame.y(high), frame.y(low) - 2)];
  return html`<rect class="bar look-${look}" x="${round(from + gap)}" y="${round(top)}" width="${round(Math.max(0.5, to - from - 2 * gap))}" height="${round(bottom - top)}"/>`;
}
