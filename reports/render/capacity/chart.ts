import { parseObjective } from '../../judge/objective.ts';
import type { CapacityDocument, CapacityStep } from '../../store/capacity-document.ts';
import { linearScale, scaleFor } from '../html/charts/chart-scale.ts';
import { drawColumns, drawRows, type Frame, round, SIZES, type Size } from '../html/charts/frame.ts';
import { markersAt } from '../html/charts/lines.ts';
import { quantity } from '../html/format.ts';
import { type Content, type Html, html } from '../html/html.ts';
import { costPerMillionTokens, loadText } from './cells.ts';

const TOP = 22;
const BOTTOM = 24;
/** Styles of the line through the medians, of steps that met all SLOs, and of those that did not. */
const LOOK = { line: 1, met: 1, missed: 9, unknown: 7 } as const;
/** Limits beyond this many times the largest value would flatten the curve. */
const MAX_LIMIT_FACTOR = 3;

/** One figure over the load. */
interface Curve {
  readonly title: string;
  readonly unit: string;
  /** Chart of the objectives whose limits are drawn. */
  readonly chart?: 'ttft' | 'latency';
  readonly value: (step: CapacityStep) => number | null;
}

interface Point {
  readonly x: number;
  readonly y: number;
  readonly step: CapacityStep;
}

/** Charts of all figures that any step has. */
export function capacityCharts(document: CapacityDocument): Html[] {
  const { replicas, find } = document;
  const curves: Curve[] = [
    { title: 'P99 TTFT', unit: 'ms', chart: 'ttft', value: step => step.p99TtftMs },
    { title: 'P50 TTFT', unit: 'ms', value: step => step.p50TtftMs },
    { title: 'P99 latency', unit: 'ms', chart: 'latency', value: step => step.p99LatencyMs },
    { title: 'Output tokens per second', unit: '/s', value: step => step.tokensPerSecond || null },
    {
      title: 'Cost of a million output tokens',
      unit: '$',
      value: step =>
        costPerMillionTokens(document, find === 'replicas' ? step.value : (replicas ?? 1), step.tokensPerSecond),
    },
  ];
  return curves.flatMap(curve => {
    const points = document.steps.flatMap((step): Point[] => {
      const y = curve.value(step);
      return y === null ? [] : [{ x: step.value, y, step }];
    });
    return points.length === 0 ? [] : [figureOf(curve, points, document)];
  });
}

function figureOf(curve: Curve, points: readonly Point[], document: CapacityDocument): Html {
  const { find, edge, knee } = document;
  const limits = limitsOf(curve, document);
  const note = [
    `over the ${find}`,
    ...(edge && edge.lower < edge.upper ? ['the shaded interval holds the edge'] : []),
    ...(knee === null ? [] : [`knee at ${loadText(find, knee)}`]),
  ].join('; ');
  const used = (['met', 'missed', 'unknown'] as const).filter(kind => points.some(({ step }) => kindOf(step) === kind));
  const words = { met: 'SLOs met', missed: 'SLOs missed', unknown: 'no result' } as const;
  return html`<figure>
<figcaption><h3>${curve.title} <small>${note}</small></h3>
<ul class="legend">${used.map(kind => html`<li>${dot(LOOK[kind])}<span>${words[kind]}</span></li>`)}<li><svg class="sample" viewBox="0 0 28 14" width="28" height="14" aria-hidden="true"><path class="series look-${LOOK.line}" d="M0 7H28"/></svg><span>median</span></li>${limits.map(({ name, limit }) => html`<li><svg class="sample" viewBox="0 0 28 14" width="28" height="14" aria-hidden="true"><path class="limit" d="M0 7H28"/></svg><span>${name} limit ${quantity(limit, 'ms')}</span></li>`)}</ul></figcaption>
<div class="plot">${SIZES.map(size => drawAt(size, curve, points, limits, document))}</div>
</figure>`;
}

function dot(look: number): Html {
  return html`<svg class="sample" viewBox="0 0 28 14" width="28" height="14" aria-hidden="true">${markersAt(look, [[14, 7]])}</svg>`;
}

function kindOf({ met }: CapacityStep): keyof typeof LOOK {
  return met === null ? 'unknown' : met ? 'met' : 'missed';
}

function drawAt(
  size: Size,
  curve: Curve,
  points: readonly Point[],
  limits: readonly { readonly limit: number }[],
  document: CapacityDocument,
): Html {
  const { find, edge, knee } = document;
  const right = size.width - size.right;
  const bottom = TOP + size.plotHeight;
  const xs = linearScale(Math.max(...points.map(({ x }) => x), edge?.upper ?? 0), find !== 'rate');
  const largest = Math.max(...points.map(({ y }) => y));
  const drawn = limits.filter(({ limit }) => limit <= MAX_LIMIT_FACTOR * largest);
  const ys = scaleFor([...points.map(({ y }) => y), ...drawn.map(({ limit }) => limit)]);
  const frame: Frame = {
    ...{ left: size.left, right, top: TOP, bottom, room: size.right },
    x: value => size.left + xs.at(value) * (right - size.left),
    y: value => bottom - Math.min(1, Math.max(0, ys.at(value))) * size.plotHeight,
  };
  const every = size.name === 'narrow' ? 2 : 1;
  const ticks = xs.ticks
    .filter((_, index) => index % every === 0)
    .map(at => ({ at, label: find === 'rate' ? quantity(at, '/s') : quantity(at, '') }));
  const label = `${curve.title} by ${find}: ${medians(points)
    .map(({ x, y }) => `${loadText(find, x)} ${text(y, curve.unit)}`)
    .join('; ')}`;
  const path = medians(points)
    .map(({ x, y }, index) => `${index > 0 ? 'L' : 'M'}${round(frame.x(x))} ${round(frame.y(y))}`)
    .join('');
  return html`<svg class="${size.name}" viewBox="0 0 ${size.width} ${bottom + BOTTOM}" role="img" aria-label="${label}">
${edge && band(edge, document, frame)}${drawRows(ys, curve.unit === '$' ? '$' : curve.unit, frame)}${drawColumns(ticks, frame)}${drawn.map(({ limit }) => html`<path class="limit" d="M${frame.left} ${round(frame.y(limit))}H${frame.right}"/>`)}${knee !== null && upright('recovered', knee, frame)}${path !== '' && html`<path class="series look-${LOOK.line}" d="${path}"/>`}${(
  ['met', 'missed', 'unknown'] as const
).map(kind =>
  markersAt(
    LOOK[kind],
    points.filter(({ step }) => kindOf(step) === kind).map(({ x, y }) => [frame.x(x), frame.y(y)] as const),
  ),
)}${knee !== null && html`<text class="tick" text-anchor="${isKneeRight(edge, knee) ? 'start' : 'end'}" x="${round(frame.x(knee) + (isKneeRight(edge, knee) ? 4 : -4))}" y="${TOP - 8}">knee</text>`}
</svg>`;
}

function text(value: number, unit: string): string {
  return unit === '$' ? `$${quantity(value, '')}` : quantity(value, unit);
}

function band(edge: NonNullable<CapacityDocument['edge']>, { find, knee }: CapacityDocument, frame: Frame): Content {
  const [left, right] = [frame.x(edge.lower), frame.x(edge.upper)];
  const words = loadText(find, edge.value);
  const isLeft = isKneeRight(edge, knee);
  return html`<rect class="band" x="${round(left)}" y="${frame.top}" width="${round(Math.max(2, right - left))}" height="${frame.bottom - frame.top}"/>${upright('onset', edge.value, frame)}<text class="band-label" text-anchor="${isLeft ? 'end' : 'start'}" x="${round(frame.x(edge.value) + (isLeft ? -4 : 4))}" y="${TOP - 8}">${words}</text>`;
}

/** On which side of the edge the knee is: their labels are on the outer sides of both. */
function isKneeRight(edge: CapacityDocument['edge'], knee: number | null): boolean {
  return edge !== null && knee !== null && knee > edge.value;
}

function upright(style: string, value: number, { x, top, bottom }: Frame): Html {
  return html`<path class="${style}" d="M${round(x(value))} ${top - 6}V${bottom}"/>`;
}

/** Median by load of the steps with a result, ascending. */
function medians(points: readonly Point[]): { x: number; y: number }[] {
  const byLoad = new Map<number, number[]>();
  for (const { x, y, step } of points) if (step.met !== null) byLoad.set(x, [...(byLoad.get(x) ?? []), y]);
  return [...byLoad]
    .sort(([a], [b]) => a - b)
    .map(([x, ys]) => ({ x, y: ys.sort((a, b) => a - b)[Math.floor(ys.length / 2)]! }));
}

/** Limits of the objectives of a chart. */
function limitsOf({ chart }: Curve, { steps }: CapacityDocument): { name: string; limit: number }[] {
  const names = new Set(steps.flatMap(({ tallies }) => tallies.map(({ name }) => name.split(', class ')[0]!)));
  return [...names].flatMap(name => {
    // A growing lag is no objective.
    if (!/[<>]/.test(name)) return [];
    const { objective, check } = parseObjective(name);
    const line = check.line?.(objective);
    return chart !== undefined && line?.chart === chart ? [{ name: line.name, limit: objective.limit }] : [];
  });
}
