import type { Estimate, VariantsDocument } from '../../store/variants-document.ts';
import { linearScale, scaleFor } from '../html/charts/chart-scale.ts';
import { sample } from '../html/charts/figure.ts';
import { drawColumns, drawRows, type Frame, round, SIZES, type Size } from '../html/charts/frame.ts';
import { markersAt } from '../html/charts/lines.ts';
import { quantity } from '../html/format.ts';
import { type Content, type Html, html } from '../html/html.ts';
import { COLUMNS, frontierText } from './cells.ts';

const TOP = 10;
const BOTTOM = 24;
/** Styles of the variants, in turn. */
const LOOKS = [1, 2, 3, 8, 9, 7];
/** How far a label is right of its point. */
const LABEL_GAP = 9;

interface Place {
  readonly name: string;
  readonly look: number;
  readonly cost: Estimate;
  readonly latency: Estimate;
  readonly words: string;
  readonly isOn: boolean;
}

/**
 * Cost against P99: a point a variant with its two intervals, and the frontier as stairs through those that no other dominates. Null where
 * fewer than two variants have both figures.
 */
export function frontierChart(document: VariantsDocument): Html | null {
  const places = document.variants.flatMap((variant, index): Place[] => {
    const { [document.cost]: cost, [document.latency]: latency } = variant.figures;
    if (!cost || !latency || variant.onFrontier === null) return [];
    const look = LOOKS[index % LOOKS.length]!;
    return [{ name: variant.name, look, cost, latency, words: frontierText(variant), isOn: variant.onFrontier }];
  });
  if (places.length < 2) return null;
  const absent = document.variants.filter(({ name }) => !places.some(place => place.name === name));
  const heading = COLUMNS.find(({ name }) => name === document.latency)!.heading;
  const costName = document.cost === 'per1000Requests' ? '$ per 1,000 requests' : 'Replica-hours';
  const costUnit = document.cost === 'per1000Requests' ? '$' : '\u00a0h';
  const label = `${costName} against ${heading}: ${places.map(({ name, cost, latency, words }) => `${name} ${formatCost(cost.mean, costUnit)}, ${quantity(latency.mean, 'ms')}, ${words}`).join('; ')}`;
  return html`<figure class="distribution">
<figcaption><h3>${heading} <small>over ${costName}; lower left is better, the stairs are the frontier${absent.length > 0 && `; not drawn: ${absent.map(variant => `${variant.name} (${frontierText(variant)})`).join(', ')}`}</small></h3>
<ul class="legend">${places.map(({ name, look, words }) => html`<li>${sample({ kind: 'line', look })}<span>${name}: ${words}</span></li>`)}</ul></figcaption>
<div class="plot">${SIZES.map(size => drawAt(places, size, label, costUnit))}</div>
</figure>`;
}

function drawAt(places: readonly Place[], size: Size, label: string, costUnit: string): Html {
  const right = size.width - size.right;
  const bottom = TOP + size.plotHeight;
  const costs = linearScale(Math.max(...places.map(({ cost }) => cost.upper ?? cost.mean)));
  const latencies = scaleFor(places.flatMap(({ latency }) => [latency.mean, latency.upper ?? latency.mean]));
  const clip = (ratio: number) => Math.min(1.02, Math.max(0, ratio));
  const frame: Frame = {
    ...{ left: size.left, right, top: TOP, bottom, room: size.right },
    x: cost => size.left + clip(costs.at(cost)) * (right - size.left),
    y: ms => bottom - clip(latencies.at(ms)) * size.plotHeight,
  };
  const ticks = costs.ticks.map(at => ({ at, label: formatCost(at, costUnit) }));
  return html`<svg class="${size.name}" viewBox="0 0 ${size.width} ${bottom + BOTTOM}" role="img" aria-label="${label}">
${drawRows(latencies, 'ms', frame)}${drawColumns(ticks, frame)}${stairs(places, frame)}${places.map(place => point(place, frame))}${names(places, frame)}
</svg>`;
}

/** `$0.42`, or `12 h`. */
function formatCost(value: number, unit: string): string {
  return unit === '$' ? `$${quantity(value, '')}` : `${quantity(value, '')}${unit}`;
}

/** The edge of what is possible: from the fastest to the cheapest. */
function stairs(places: readonly Place[], frame: Frame): Content {
  const on = places.filter(({ isOn }) => isOn).sort((a, b) => a.cost.mean - b.cost.mean);
  const [first, ...others] = on;
  if (!first || others.length === 0) return null;
  const steps = others.map(({ cost, latency }) => `H${round(frame.x(cost.mean))}V${round(frame.y(latency.mean))}`);
  return html`<path class="series look-4" d="M${round(frame.x(first.cost.mean))} ${round(frame.y(first.latency.mean))}${steps.join('')}"/>`;
}

function point({ look, cost, latency }: Place, frame: Frame): Content {
  const [x, y] = [frame.x(cost.mean), frame.y(latency.mean)];
  const across = `M${round(frame.x(cost.lower ?? cost.mean))} ${round(y)}H${round(frame.x(cost.upper ?? cost.mean))}`;
  const along = `M${round(x)} ${round(frame.y(latency.lower ?? latency.mean))}V${round(frame.y(latency.upper ?? latency.mean))}`;
  return html`<path class="leader look-${look}" d="${across}${along}"/>${markersAt(look, [[x, y]])}`;
}

/** Names beside the points, moved down where they would lie on each other. */
function names(places: readonly Place[], frame: Frame): Content {
  const labels: { readonly place: Place; readonly x: number; readonly y: number }[] = [];
  const widthOf = ({ name }: Place) => CHARACTER * name.length;
  for (const place of [...places].sort((a, b) => b.latency.mean - a.latency.mean)) {
    const x = frame.x(place.cost.mean) + LABEL_GAP;
    let y = frame.y(place.latency.mean) - 4;
    const isTaken = () =>
      labels.some(
        other => Math.abs(other.y - y) < LINE && x < other.x + widthOf(other.place) && other.x < x + widthOf(place),
      );
    while (isTaken()) y += 1;
    labels.push({ place, x, y });
  }
  return labels.map(
    ({ place: { name, look }, x, y }) =>
      html`<text class="end-label look-${look}" x="${round(x)}" y="${round(y)}">${name}</text>`,
  );
}

/** Height of a line, and width of a character, of a name. */
const LINE = 13;
const CHARACTER = 8;
