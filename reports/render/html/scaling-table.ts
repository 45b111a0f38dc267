import type { CostResult, DecisionRow, ScalingResult } from '../../store/elasticity-results.ts';
import { formatCost, SCALING_STAGES } from '../cells.ts';
import { instant, quantity } from './format.ts';
import { type Content, type Html, html, missing } from './html.ts';
import { scrollTable } from './table.ts';

const WIDTH = 240;
/** Limits of what is listed; the rest is in the event file. */
const MAX_REACTIONS = 60;
const MAX_DECISIONS = 400;

/** Everything about scaling: reactions to each step, cost, and the decisions of the autoscaler. */
export function scalingSection(
  scaling: readonly ScalingResult[],
  decisions: readonly DecisionRow[],
  cost: CostResult | undefined,
  timeScale: number,
): Html {
  return html`${scaling.length === 0 ? html`<p class="empty">The load has no step, and no fault took replicas.</p>` : reactionTable(scaling, timeScale)}
${cost && html`<p>Cost: ${formatCost(cost)}.</p>`}
${decisions.length > 0 && decisionLog(decisions)}`;
}

/** Table of the reactions, with a waterfall of the stages after each step, all to one scale. */
function reactionTable(scaling: readonly ScalingResult[], timeScale: number): Html {
  const shown = scaling.slice(0, MAX_REACTIONS);
  const most = Math.max(0, ...shown.flatMap(reaction => timesOf(reaction).map(value => value ?? 0)));
  const more = scaling.length - shown.length;
  const production = timeScale === 1 ? '' : ` In production they are ${timeScale} times as long.`;
  return scrollTable({
    id: 'scaling-table',
    caption: html`Times since the step; below them the earliest that the observation leaves open. Each part of the bar ends when its stage was reached.${production}${more > 0 && ` ${more} more are in run.json.`}`,
    head: html`<tr><th scope="col">Step</th><th scope="col">At</th>${SCALING_STAGES.map(([name]) => html`<th scope="col">${name}</th>`)}<th scope="col">Waterfall</th></tr>`,
    rows: shown.map(reaction => row(reaction, most)),
  });
}

/** Times of the stages since the step, in order. */
function timesOf(reaction: ScalingResult): (number | null)[] {
  return SCALING_STAGES.map(([, key]) => (reaction[key] === null ? null : reaction[key] - reaction.stepAtMs));
}

function row(reaction: ScalingResult, most: number): Html {
  const times = timesOf(reaction);
  const cells = SCALING_STAGES.map(([stage], index) => {
    const value = times[index]!;
    if (value === null) return html`<td>${missing(reaction.missing[stage] ?? 'not observed')}</td>`;
    return html`<td>${quantity(value, 'ms')}${earliest(reaction, stage)}</td>`;
  });
  const broke = reaction.broken.length > 0 && html`<br><small>broke ${reaction.broken.join(', ')}</small>`;
  return html`<tr><th scope="row">${reaction.trigger}${broke}</th><td>${instant(reaction.stepAtMs)}</td>${cells}<td>${waterfall(times, most)}</td></tr>`;
}

/** The earliest that a stage can have been, where its interval is not short. */
function earliest(reaction: ScalingResult, stage: keyof ScalingResult['intervals']): Content {
  const [fromMs, toMs] = reaction.intervals[stage] ?? [0, 0];
  return toMs - fromMs >= 1 && html`<br><small>from ${quantity(fromMs - reaction.stepAtMs, 'ms')}</small>`;
}

function waterfall(times: readonly (number | null)[], most: number): Content {
  if (most === 0 || times.every(value => !value)) return missing('no stage took time');
  let from = 0;
  const parts = times.map((value, index) => {
    if (value === null || value < from) return null;
    const [x, to] = [(from / most) * WIDTH, (value / most) * WIDTH];
    from = value;
    return html`<rect class="part-${index % 2}" x="${x.toFixed(1)}" y="2" width="${Math.max(0.5, to - x - 1).toFixed(1)}" height="12"/>`;
  });
  return html`<svg class="waterfall" viewBox="0 0 ${WIDTH} 16" width="${WIDTH}" height="16" aria-hidden="true">${parts}</svg>`;
}

/** Decisions in order of time, collapsed by default. */
function decisionLog(decisions: readonly DecisionRow[]): Html {
  const shown = decisions.slice(0, MAX_DECISIONS);
  const more = decisions.length - shown.length;
  const changes = decisions.filter(({ current, desired }) => current !== desired).length;
  const table = scrollTable({
    id: 'decision-table',
    caption: `What the metrics proposed, and what was decided after windows and limits${more > 0 ? `; ${quantity(more, '')} more are in the event file` : ''}`,
    head: html`<tr><th scope="col">At</th><th scope="col">Replicas</th><th scope="col">Proposed</th><th scope="col">Reason</th></tr>`,
    rows: shown.map(({ atMs, current, proposal, desired, reason, kept = 1 }) => {
      const again = kept > 1 && ` (and ${quantity(kept - 1, '')} more like it)`;
      // The reason begins with the numbers.
      const why = reason.replace(/^\d+(?: -> \d+)?: /, '');
      return html`<tr><th scope="row">${instant(atMs, 3)}</th><td>${current}${desired !== current && ` → ${desired}`}</td><td>${proposal}</td><td class="words">${why}${again}</td></tr>`;
    }),
  });
  return html`<details class="events"><summary>${quantity(changes, '')} change${changes === 1 ? '' : 's'} of the number of replicas, and the decisions in between</summary>
${table}</details>`;
}
