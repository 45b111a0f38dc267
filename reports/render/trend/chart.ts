import type { TrendChange, TrendNight, TrendPoint, TrendSeries } from '../../store/trend-document.ts';
import { linearScale, scaleFor } from '../html/charts/chart-scale.ts';
import { drawColumns, drawRows, type Frame, round, SIZES, type Size } from '../html/charts/frame.ts';
import { markersAt } from '../html/charts/lines.ts';
import { quantity } from '../html/format.ts';
import { type Content, type Html, html } from '../html/html.ts';
import { commitText, dateText, indicatorText, stepText } from './texts.ts';

const TOP = 22;
const BOTTOM = 24;
/** Width that a date needs below the chart. */
const DATE_WIDTH = 56;
/** Width that the name of a commit needs above it. */
const COMMIT_WIDTH = 90;
/** Limits and bounds beyond this many times the largest value would flatten the curve. */
const MAX_FACTOR = 3;
/** Styles of nights by the verdict of their runs. */
const LOOKS = { pass: 1, undecided: 7, fail: 9 } as const;
const WORDS = { pass: 'SLO met', undecided: 'undecided', fail: 'SLO missed' } as const;
type Kind = keyof typeof LOOKS;

/** An indicator over the nights of its scenario, with intervals, limit and changes. @param own indices of these nights, ascending */
export function trendChart(series: TrendSeries, nights: readonly TrendNight[], own: readonly number[]): Html {
  const { slo, unit, limit, points, changes, untested, isCurrent } = series;
  const notes = [
    indicatorText(series),
    ...(untested === undefined ? [] : [`not searched for changes: ${untested.replace(/\.$/, '').toLowerCase()}`]),
    ...(isCurrent ? [] : ['load, faults or SLO are others since']),
  ];
  const kinds = (['pass', 'undecided', 'fail'] as const).filter(kind =>
    points.some(point => isDrawn(point) && kindOf(point) === kind),
  );
  return html`<figure>
<figcaption><h3>${slo} <small>${notes.join('; ')}</small></h3>
<ul class="legend">${kinds.map(kind => html`<li>${sampleOf(markersAt(LOOKS[kind], [[14, 7]]))}<span>${WORDS[kind]}</span></li>`)}${limit !== null && html`<li>${sampleOf(html`<path class="limit" d="M0 7H28"/>`)}<span>limit ${quantity(limit, unit)}${limit > mostOf(series) && ' (above this chart)'}</span></li>`}${changes.length > 0 && html`<li>${sampleOf(html`<path class="series look-1" d="M0 7H28"/>`)}<span>mean between changes</span></li>`}</ul></figcaption>
<div class="plot">${SIZES.map(size => drawAt(size, series, nights, own))}</div>
${changes.map(change => html`<p class="hint">${change.kind === 'worse' ? 'Worse' : 'Better'} from ${dateText(nights[change.night]!, nights)}${nights[change.night]!.commit !== null && ` (${commitText(nights[change.night]!.commit!)})`}: ${stepText(change, series)}.${change.alsoChanged.length > 0 && ` Also changed that night: ${change.alsoChanged.join(', ')}.`}</p>`)}</figure>`;
}

function sampleOf(shape: Content): Html {
  return html`<svg class="sample" viewBox="0 0 28 14" width="28" height="14" aria-hidden="true">${shape}</svg>`;
}

/** Limits and bounds above this are not drawn. */
function mostOf({ points }: TrendSeries): number {
  return Math.max(0, ...points.map(({ value }) => value ?? 0)) * MAX_FACTOR || 1;
}

function kindOf({ verdicts }: TrendPoint): Kind {
  if (verdicts.includes('fail')) return 'fail';
  return verdicts.length > 0 && verdicts.every(verdict => verdict === 'pass') ? 'pass' : 'undecided';
}

function isDrawn({ value, isInfinite }: TrendPoint): boolean {
  return value !== null || isInfinite;
}

function drawAt(size: Size, series: TrendSeries, nights: readonly TrendNight[], own: readonly number[]): Html {
  const { points, unit, limit, changes, slo } = series;
  const [right, bottom] = [size.width - 24, TOP + size.plotHeight];
  const values = points.flatMap(({ value }) => value ?? []);
  const most = mostOf(series);
  const bounds = points.flatMap(({ upper, lower }) => [upper, lower]).filter(bound => bound !== null && bound <= most);
  const hasLimit = limit !== null && limit <= most;
  const drawn = [...values, ...(bounds as number[]), ...(hasLimit ? [limit] : [])];
  // Shares are often 0, which has no logarithm.
  const ys = unit === '%' ? linearScale(Math.max(0, ...drawn)) : scaleFor(drawn);
  const step = (right - size.left) / own.length;
  const frame: Frame = {
    ...{ left: size.left, right, top: TOP, bottom, room: 0 },
    x: night => size.left + (own.indexOf(night) + 0.5) * step,
    y: value => bottom - Math.min(1, Math.max(0, ys.at(value))) * size.plotHeight,
  };
  const every = Math.ceil(DATE_WIDTH / step);
  const ticks = own
    .filter((_, index) => (own.length - 1 - index) % every === 0)
    .map(night => ({ at: night, label: nights[night]!.startedAt.slice(5, 10) }));
  const label = `${slo} over ${points.length} nights${changes.length === 0 ? ', no change' : ''}: ${changes.map(change => `${change.kind} from ${dateText(nights[change.night]!, nights)}, ${stepText(change, series)}`).join('; ')}`;
  return html`<svg class="${size.name}" viewBox="0 0 ${size.width} ${bottom + BOTTOM}" role="img" aria-label="${label}">
${drawRows(ys, unit, frame)}${drawColumns(ticks, frame)}${hasLimit && html`<path class="limit" d="M${size.left} ${round(frame.y(limit))}H${right}"/>`}${levels(series, own, frame, step)}${onsets(changes, nights, frame, step)}${points.map(point => whisker(point, frame))}${(
  ['pass', 'undecided', 'fail'] as const
).map(kind =>
  markersAt(
    LOOKS[kind],
    points
      .filter(point => kindOf(point) === kind && isDrawn(point))
      .map(({ night, value }) => [frame.x(night), value === null ? TOP - 8 : frame.y(value)] as const),
  ),
)}
</svg>`;
}

/** Mean level between two changes. */
function levels({ points, changes }: TrendSeries, own: readonly number[], frame: Frame, step: number): Content {
  if (changes.length === 0) return null;
  const starts = [points[0]!.night, ...changes.map(({ night }) => night)];
  const ends = [...changes.map(({ night }) => own[own.indexOf(night) - 1]!), points.at(-1)!.night];
  const heights = [changes[0]!.from, ...changes.map(({ to }) => to)];
  return heights.map(
    (height, index) =>
      html`<path class="series look-1" d="M${round(frame.x(starts[index]!) - step / 2)} ${round(frame.y(height))}H${round(frame.x(ends[index]!) + step / 2)}"/>`,
  );
}

/** Where changes are, with their commits as far as these have room on one of their sides, from the newest on. */
function onsets(changes: readonly TrendChange[], nights: readonly TrendNight[], frame: Frame, step: number): Content {
  const { x, top, bottom, left, right } = frame;
  const lines = changes.map(({ night }) => x(night) - step / 2);
  const taken: (readonly [from: number, to: number])[] = lines.map(at => [at, at]);
  const isFree = (from: number, to: number) =>
    from >= left && to <= right && taken.every(([start, end]) => to <= start || from >= end);
  return changes.toReversed().map(({ night }) => {
    const at = x(night) - step / 2;
    const { commit, startedAt } = nights[night]!;
    const isRight = isFree(at, at + COMMIT_WIDTH);
    const hasRoom = isRight || isFree(at - COMMIT_WIDTH, at);
    if (hasRoom) taken.push(isRight ? [at, at + COMMIT_WIDTH] : [at - COMMIT_WIDTH, at]);
    return html`<path class="onset" d="M${round(at)} ${top - 16}V${bottom}"/>${hasRoom && html`<text class="band-label" text-anchor="${isRight ? 'start' : 'end'}" x="${round(at + (isRight ? 4 : -4))}" y="${top - 8}">${commit === null ? startedAt.slice(0, 10) : commitText(commit)}</text>`}`;
  });
}

function whisker({ night, value, lower, upper }: TrendPoint, { x, y, top, bottom }: Frame): Content {
  if (value === null || (lower === null && upper === null)) return null;
  const from = lower === null ? bottom : y(lower);
  const to = upper === null ? top : y(upper);
  return html`<path class="whisker" d="M${round(x(night))} ${round(from)}V${round(to)}"/>`;
}
