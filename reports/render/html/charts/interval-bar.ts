import type { SloResult } from '../../../store/run-document.ts';
import { type Html, html } from '../html.ts';
import { readObjective } from '../read-objective.ts';

const WIDTH = 200;
const HEIGHT = 26;
const MIDDLE = HEIGHT / 2;

/**
 * Measured value and interval against the limit, on an axis that begins at zero unless all values are far from it:
 *
 * ```
 * permitted│
 * ░░├──●──┤│
 * ░░░░░░░░░│
 * ```
 *
 * An infinite bound is an arrow at the edge; without bounds there is no bar. Null if there is nothing to draw.
 */
export function intervalBar(slo: SloResult): Html | null {
  const { measured, confidence } = slo;
  const objective = readObjective(slo.objective)?.objective;
  const limit = objective?.limit ?? null;
  const known = [measured, confidence.lower, confidence.upper, limit].filter(value => value !== null);
  if (measured === null || !known.every(Number.isFinite)) return null;
  const [min, max] = [Math.min(...known), Math.max(...known)];
  const fromZero = min >= 0 && min < max * 0.6;
  const pad = (max - (fromZero ? 0 : min)) * 0.12 || Math.abs(max) * 0.1 || 1;
  const [low, high] = [fromZero ? 0 : min - pad, max + pad];
  const x = (value: number) => 4 + ((value - low) / (high - low)) * (WIDTH - 8);
  const from = confidence.lower === null ? 0 : x(confidence.lower);
  const to = confidence.upper === null ? WIDTH : x(confidence.upper);
  const at = (value: number) => Number(value.toFixed(1));
  const below = objective?.comparison.startsWith('<') ?? true;
  const lowerEnd = confidence.lower === null ? `M5 ${MIDDLE - 4}L0 ${MIDDLE}l5 4` : `M${at(from)} ${MIDDLE - 4}v8`;
  const upperEnd = confidence.upper === null ? `M${WIDTH - 5} ${MIDDLE - 4}l5 4l-5 4` : `M${at(to)} ${MIDDLE - 4}v8`;
  return html`<svg class="interval ${slo.verdict}" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" aria-hidden="true">
${limit !== null && html`<rect class="permitted" x="${below ? 0 : at(x(limit))}" y="3" width="${at(below ? x(limit) : WIDTH - x(limit))}" height="${HEIGHT - 6}"/>`}
${(confidence.lower !== null || confidence.upper !== null) && html`<path class="span" d="M${at(from)} ${MIDDLE}H${at(to)}${lowerEnd}${upperEnd}"/>`}
<circle class="measured" cx="${at(x(measured))}" cy="${MIDDLE}" r="4"/>
${limit !== null && html`<path class="limit-mark" d="M${at(x(limit))} 1V${HEIGHT - 1}"/>`}</svg>`;
}
