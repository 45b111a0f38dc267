import type { Ramp } from '../../../../harness/arrivals/arrivals.ts';
import { loadEndMs, type RunPlan } from '../../../../harness/plan.ts';
import type { TimeAxis } from '../charts/chart.ts';
import { linearScale } from '../charts/chart-scale.ts';
import { faultBands } from '../charts/fault-bands.ts';
import { figure } from '../charts/figure.ts';
import { facts } from '../facts.ts';
import { quantity } from '../format.ts';
import { type Content, type Html, html } from '../html.ts';
import { loadFacts, requestFacts } from './plan-facts.ts';
import { plannedFaults, plannedSlos, stageTable } from './plan-tables.ts';

/** Points of the chart of the planned rate. */
const CHART_SLOTS = 200;

/** The plan of a run: its load over time with its faults, stages, requests, faults and SLOs, and the scenario's text. */
export function planSection(plan: RunPlan): Html {
  return html`${rateFigure(plan)}
${stageTable(plan)}
<div class="columns"><div><h3>Load</h3>${facts(loadFacts(plan))}</div><div><h3>Requests</h3>${facts(requestFacts(plan.load))}</div></div>
${plannedFaults(plan.faults)}
${plannedSlos(plan)}
${scenarioText(plan)}`;
}

/** Planned rate, or number of users, with the faults as planned; null where neither is known. */
function rateFigure({ load, faults }: RunPlan): Html | null {
  const endMs = loadEndMs({ load });
  const isClosed = load.ramps.some(({ toUsers }) => toUsers !== undefined);
  const at = ({ fromMs, toMs, ...ramp }: Ramp, atMs: number) => {
    const [from, to] = isClosed ? [ramp.fromUsers ?? 0, ramp.toUsers ?? 0] : [ramp.fromPerSecond, ramp.toPerSecond];
    return from + ((to - from) * (atMs - fromMs)) / (toMs - fromMs);
  };
  const slotMs = endMs / CHART_SLOTS;
  let next = 0;
  const values = Array.from({ length: CHART_SLOTS }, (_, slot) => {
    const atMs = (slot + 0.5) * slotMs;
    while (next < load.ramps.length - 1 && load.ramps[next]!.toMs <= atMs) next += 1;
    const ramp = load.ramps[next];
    return ramp ? at(ramp, atMs) : 0;
  });
  const max = Math.max(0, ...values);
  if (endMs <= 0 || max === 0) return null;
  const planned = faults.map(({ id, atMs, forMs }) => ({
    id,
    injectedAtMs: atMs,
    effectiveAtMs: atMs,
    healedAtMs: forMs === null ? endMs : atMs + forMs,
  }));
  const axis: TimeAxis = { slotMs, endMs, bands: faultBands(planned, endMs) };
  const [title, unit] = isClosed ? ['Planned users', ''] : ['Planned rate', '/s'];
  return figure(
    {
      id: 'plan',
      title,
      note: 'with the faults as planned; one without a duration lasts until the stack has recovered by itself',
      label: `${title} over the run, at most ${quantity(max, unit)}`,
      scale: linearScale(max),
      series: [{ name: isClosed ? 'users' : 'planned', kind: 'line', look: 1, values }],
      limits: [],
      hiddenLimits: [],
      unit,
    },
    axis,
  );
}

function scenarioText({ source }: RunPlan): Content {
  if (source === undefined) return html`<p class="hint">This run did not record the text of its scenario.</p>`;
  return html`<details class="source"><summary>The scenario as it was run</summary>
<p class="hint">With the changes of --set applied, and secrets masked.</p>
<pre tabindex="0"><code>${source}</code></pre></details>`;
}
