import type { TuneDocument, TunePoint } from '../../store/tune-document.ts';
import { linearScale, scaleFor } from '../html/charts/chart-scale.ts';
import { sample } from '../html/charts/figure.ts';
import { drawColumns, drawRows, type Frame, round, SIZES, type Size } from '../html/charts/frame.ts';
import { markersAt } from '../html/charts/lines.ts';
import { quantity } from '../html/format.ts';
import { type Content, type Html, html } from '../html/html.ts';

const TOP = 16;
const BOTTOM = 24;
/** Styles of the two files, and of others by whether they met all SLOs. */
const LOOK = { own: 2, tuned: 3, met: 1, missed: 9 } as const;
type Kind = keyof typeof LOOK;
const WORDS: Readonly<Record<Kind, string>> = {
  own: 'yours',
  tuned: 'tuned',
  met: 'another that met all SLOs',
  missed: 'one that missed an SLO',
};
/** Distance of a label from its point. */
const LABEL_GAP = 9;

interface Place {
  readonly kind: Kind;
  readonly cost: number;
  readonly ttftMs: number;
  readonly met: boolean;
}

/**
 * Cost against P99 of the time to first token of all configurations that ran, each a mean over its runs, with the frontier as stairs through
 * those that met all SLOs and that no other one of these dominates. Null where fewer than two have both figures.
 */
export function tuneChart({ points }: TuneDocument): Html | null {
  const places = points.flatMap(placeOf);
  if (places.length < 2) return null;
  const kinds = (['own', 'tuned', 'met', 'missed'] as const).filter(kind => places.some(place => place.kind === kind));
  const absent = points.length - places.length;
  const label = `Cost in proportion to yours against P99 TTFT: ${places.map(({ kind, cost, ttftMs }) => `${WORDS[kind]} ${percentOf(cost)}, ${quantity(ttftMs, 'ms')}`).join('; ')}`;
  return html`<figure class="distribution">
<figcaption><h3>P99 TTFT <small>over the cost in proportion to yours; lower left is better, the stairs are the frontier of those that met all SLOs${absent > 0 && `; not drawn: ${absent} without a P99`}</small></h3>
<ul class="legend">${kinds.map(kind => html`<li>${sample({ kind: 'line', look: LOOK[kind] })}<span>${WORDS[kind]}</span></li>`)}</ul></figcaption>
<div class="plot">${SIZES.map(size => drawAt(places, size, label))}</div>
</figure>`;
}

function placeOf({ file, met, costRatio, ttftP99Ms }: TunePoint): Place[] {
  if (costRatio === null || ttftP99Ms === null) return [];
  return [{ kind: file === 'other' ? (met ? 'met' : 'missed') : file, cost: costRatio, ttftMs: ttftP99Ms, met }];
}

function drawAt(places: readonly Place[], size: Size, label: string): Html {
  const right = size.width - size.right;
  const bottom = TOP + size.plotHeight;
  const costs = linearScale(Math.max(...places.map(({ cost }) => cost)));
  const latencies = scaleFor(places.map(({ ttftMs }) => ttftMs));
  const frame: Frame = {
    ...{ left: size.left, right, top: TOP, bottom, room: size.right },
    x: cost => size.left + costs.at(cost) * (right - size.left),
    y: ms => bottom - latencies.at(ms) * size.plotHeight,
  };
  const ticks = costs.ticks.map(at => ({ at, label: percentOf(at) }));
  return html`<svg class="${size.name}" viewBox="0 0 ${size.width} ${bottom + BOTTOM}" role="img" aria-label="${label}">
${drawRows(latencies, 'ms', frame)}${drawColumns(ticks, frame)}${stairs(places, frame)}${(
  ['missed', 'met', 'own', 'tuned'] as const
).map(kind =>
  markersAt(
    LOOK[kind],
    places.filter(place => place.kind === kind).map(({ cost, ttftMs }) => [frame.x(cost), frame.y(ttftMs)] as const),
  ),
)}${places.filter(({ kind }) => kind === 'own' || kind === 'tuned').map(place => labelOf(place, frame))}
</svg>`;
}

function percentOf(ratio: number): string {
  return `${quantity(100 * ratio, '')}\u00a0%`;
}

/** Those that met all SLOs, and that none of them beats in both. */
function stairs(places: readonly Place[], frame: Frame): Content {
  const met = places.filter(place => place.met);
  const [first, ...others] = met
    .filter(
      ({ cost, ttftMs }) => !met.some(a => a.cost <= cost && a.ttftMs <= ttftMs && a.cost + a.ttftMs < cost + ttftMs),
    )
    .sort((a, b) => a.cost - b.cost);
  if (!first || others.length === 0) return null;
  const steps = others.map(({ cost, ttftMs }) => `H${round(frame.x(cost))}V${round(frame.y(ttftMs))}`);
  return html`<path class="series look-4" d="M${round(frame.x(first.cost))} ${round(frame.y(first.ttftMs))}${steps.join('')}"/>`;
}

/** The tuned one has its label on the cheaper side, where few others are. */
function labelOf({ kind, cost, ttftMs }: Place, frame: Frame): Content {
  const [anchor, gap] = kind === 'tuned' ? ['end', -LABEL_GAP] : ['start', LABEL_GAP];
  return html`<text class="end-label look-${LOOK[kind]}" text-anchor="${anchor}" x="${round(frame.x(cost) + gap)}" y="${round(frame.y(ttftMs) - 5)}">${WORDS[kind]}</text>`;
}
