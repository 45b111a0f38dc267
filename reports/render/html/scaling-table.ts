import type { DecisionRow, ScalingResult } from '../../store/elasticity-results.ts';
import type { RunDocument } from '../../store/run-document.ts';
import { formatCost, SCALING_STAGES } from '../cells.ts';
import { instant, quantity } from './format.ts';
import { type Content, type Html, html, missing } from './html.ts';
import { scrollTable } from './table.ts';

const WIDTH = 240;
/** Height of a stage in the waterfall. */
const ROW = 7;
/** Limits of what is listed; the rest is in the event file. */
const MAX_REACTIONS = 60;
const MAX_DECISIONS = 400;

/** Everything about scaling: reactions to each step, cost, and the decisions of the autoscaler. */
export function scalingSection(
  { cost, timeScale }: Pick<RunDocument, 'cost' | 'timeScale'>,
  scaling: readonly ScalingResult[],
  decisions: readonly DecisionRow[],
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
    caption: html`Times since the step; below them the earliest that the observation leaves open. In the waterfall each stage has a row, from the stage before it; the last one is the time until the SLOs held again, from the step.${production}${more > 0 && ` ${more} more are in run.json.`}`,
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
  const notes = [
    ...(reaction.broken.length > 0 ? [`broke ${reaction.broken.join(', ')}`] : []),
    ...(reaction.isNeeded ? [] : ['called for no other number of replicas']),
  ];
  return html`<tr><th scope="row">${reaction.trigger}${notes.map(note => html`<br><small>${note}</small>`)}</th><td>${instant(reaction.stepAtMs)}</td>${cells}<td>${waterfall(times, most)}</td></tr>`;
}

/** The earliest that a stage can have been, where that is another figure. */
function earliest(reaction: ScalingResult, stage: keyof ScalingResult['intervals']): Content {
  const [first = '', last = ''] = (reaction.intervals[stage] ?? []).map(ms => quantity(ms - reaction.stepAtMs, 'ms'));
  return first !== last && html`<br><small>from ${first}</small>`;
}

/** A row for each stage, from the one before it; the time until the objectives held again begins at the step. */
function waterfall(times: readonly (number | null)[], most: number): Content {
  if (most === 0 || times.every(value => !value)) return missing('no stage took time');
  let before = 0;
  const parts = SCALING_STAGES.map(([stage], index) => {
    const value = times[index]!;
    if (value === null) return null;
    const isWhole = stage === 'restored';
    const from = isWhole ? 0 : Math.min(before, value);
    before = Math.max(before, value);
    const [x, to] = [(from / most) * WIDTH, (value / most) * WIDTH];
    return html`<rect class="part-${isWhole ? 'whole' : index % 2}" x="${x.toFixed(1)}" y="${index * ROW}" width="${Math.max(1.5, to - x).toFixed(1)}" height="${ROW - 1}"><title>${stage}: ${quantity(value - from, 'ms')}</title></rect>`;
  });
  const height = SCALING_STAGES.length * ROW;
  return html`<svg class="waterfall" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" aria-hidden="true">${parts}</svg>`;
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
