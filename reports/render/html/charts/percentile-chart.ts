import type { DistributionCurve, RenderInput } from '../../../store/run-document.ts';
import { firstUnit } from '../../cells.ts';
import { quantity } from '../format.ts';
import { type Content, type Html, html } from '../html.ts';
import { scaleFor, type ValueScale } from './chart-scale.ts';
import { sample } from './figure.ts';
import { drawColumns, drawRows, type Frame, round, SIZES, type Size, type Tick } from './frame.ts';
import { drawLines } from './lines.ts';

const TOP = 10;
const BOTTOM = 24;
/** Styles of the windows of faults, in turn, and of the two others. */
const LOOKS = [1, 2, 8, 9];
const LOOK_OF = { baseline: 7, whole: 3 } as const;
/** Room of the label of a quantile. */
const TICK_WIDTH = 52;
const QUANTILES = [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999];

/**
 * Percentile curves of time to first token and latency, as HdrHistogram plots them: the ratio of slower requests falls to the right by
 * factors of ten, so that the tail takes as much room as the rest. Null if no request has a value.
 */
export function distributionSection({ distributions, plan }: RenderInput): Html | null {
  const first = firstUnit(plan);
  const charts = [
    chartOf(
      `Time to first ${first}`,
      distributions.filter(({ metric }) => metric === 'ttft'),
    ),
    chartOf(
      'Latency',
      distributions.filter(({ metric }) => metric === 'latency'),
    ),
  ].filter(chart => chart !== null);
  if (charts.length === 0) return null;
  return html`<p class="hint">How slow the slowest are: read the value at P99 above 99%. Requests that failed or were dropped without the value are slower than every other; a curve that ends before the right edge, with a cross, ends where they begin.</p>${charts}`;
}

function chartOf(title: string, curves: readonly DistributionCurve[]): Html | null {
  const drawn = curves.filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return null;
  const values = drawn.flatMap(({ points }) => points.map(([, ms]) => ms));
  const scale = scaleFor(values);
  const label = `${title} by percentile: ${drawn.map(describe).join('; ')}`;
  let fault = 0;
  const styled = drawn.map(curve => ({
    curve,
    look: LOOK_OF[curve.window as keyof typeof LOOK_OF] ?? LOOKS[fault++ % LOOKS.length]!,
  }));
  return html`<figure class="distribution">
<figcaption><h3>${title} <small>by percentile${scale.kind === 'log' && ', logarithmic'}</small></h3>
<ul class="legend">${styled.map(({ curve, look }) => html`<li>${sample({ kind: 'line', look })}<span>${curve.window}: ${counts(curve)}</span></li>`)}</ul></figcaption>
<div class="plot">${SIZES.map(size => drawAt(styled, scale, size, label))}</div>
</figure>`;
}

function counts({ having, without }: DistributionCurve): string {
  return without === 0
    ? `${quantity(having, '')} requests`
    : `${quantity(having, '')} with a value, ${quantity(without, '')} without`;
}

function describe(curve: DistributionCurve): string {
  const at = (q: number) => curve.points.find(([other]) => other >= q)?.[1];
  const parts = [0.5, 0.99].map(q => ({ q, ms: at(q) }));
  return `${curve.window} ${parts.map(({ q, ms }) => `P${100 * q} ${ms === undefined ? 'beyond every value' : quantity(ms, 'ms')}`).join(', ')}`;
}

function drawAt(
  styled: readonly { readonly curve: DistributionCurve; readonly look: number }[],
  scale: ValueScale,
  size: Size,
  label: string,
): Html {
  const right = size.width - size.right;
  const bottom = TOP + size.plotHeight;
  const ends = styled.map(({ curve }) => curve.having + curve.without);
  // A quantile of which no request is slower would be infinitely far to the right: half a request is.
  const decades = Math.max(1, Math.log10(2 * Math.max(...ends)));
  const frame: Frame = {
    ...{ left: size.left, right, top: TOP, bottom, room: size.right },
    x: q => size.left + (Math.min(decades, -Math.log10(1 - q)) / decades) * (right - size.left),
    y: value => bottom - Math.min(1.02, Math.max(0, scale.at(value))) * size.plotHeight,
  };
  const ticks: Tick[] = [];
  for (const q of QUANTILES.filter(q => -Math.log10(1 - q) < decades)) {
    const last = ticks.at(-1);
    if (last && frame.x(q) - frame.x(last.at) < TICK_WIDTH) continue;
    ticks.push({ at: q, label: `${Number((100 * q).toPrecision(7))}%` });
  }
  const lines = styled.map(({ curve, look }) => ({
    name: curve.window.replace(/^fault:/, ''),
    look,
    points: curve.points.map(
      ([q, ms]) => [frame.x(Math.min(q, 1 - 0.5 / (curve.having + curve.without))), frame.y(ms)] as const,
    ),
  }));
  return html`<svg class="${size.name}" viewBox="0 0 ${size.width} ${bottom + BOTTOM}" role="img" aria-label="${label}">
${drawRows(scale, 'ms', frame)}${ticks.map(({ at }) => html`<path class="grid" d="M${round(frame.x(at))} ${TOP}V${bottom}"/>`)}${drawColumns(ticks, frame)}${drawLines(lines, frame)}${styled.map(({ curve, look }, index) => curve.without > 0 && cross(lines[index]!.points.at(-1)!, look))}
</svg>`;
}

function cross([x, y]: readonly [number, number], look: number): Content {
  return html`<path class="curve-end look-${look}" d="M${round(x - 4)} ${round(y - 4)}l8 8m0-8l-8 8"/>`;
}
