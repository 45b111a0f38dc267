import { expectedArrivals, type Ramp, stagesOf } from '../../../../harness/arrivals/arrivals.ts';
import type { FaultPlan, LoadPlan, RunPlan } from '../../../../harness/plan.ts';
import { instant, quantity } from '../format.ts';
import { type Content, type Html, html } from '../html.ts';
import { scrollTable } from '../table.ts';
import { parameters } from './parameters.ts';

/** Rows of a table of the plan; a file can have thousands. */
const MAX_ROWS = 40;

/** Stages of a load with their rates and lengths. */
export function stageTable({ load }: RunPlan): Html {
  const stages = stagesOf(load.ramps);
  const rows = stages.slice(0, MAX_ROWS).map(stage => {
    const own = load.ramps.filter(({ fromMs, toMs }) => fromMs >= stage.fromMs && toMs <= stage.toMs);
    const expected = own.reduce((sum, ramp) => sum + expectedArrivals(ramp), 0);
    const values = [
      instant(stage.fromMs),
      quantity(stage.toMs - stage.fromMs, 'ms'),
      rateText(load, stage, own),
      expected > 0 ? quantity(Math.round(expected), '') : '–',
    ];
    return html`<tr><th scope="row">${stage.name}${stage.fromMs < 0 && html` <small>not measured</small>`}</th>${values.map(value => html`<td>${value}</td>`)}</tr>`;
  });
  return planTable(
    'plan-stages',
    'Stages',
    'From the start of the load phase',
    ['Stage', 'From', 'Length', 'Rate', 'Arrivals, mean'],
    rows,
    stages.length,
  );
}

function planTable(
  id: string,
  title: string,
  caption: string,
  heads: readonly string[],
  rows: readonly Html[],
  all: number,
): Html {
  const rest = all - rows.length;
  return html`<h3>${title}</h3>${scrollTable({
    id,
    caption:
      rest > 0
        ? `${caption}: the first ${quantity(rows.length, '')}; ${quantity(rest, '')} more are in the event file`
        : caption,
    head: html`<tr>${heads.map(name => html`<th scope="col">${name}</th>`)}</tr>`,
    rows,
  })}`;
}

/** `0 → 40/s`, `20 → 60 → 20/s` with the peak of a stage that is a curve, or `8 → 64 users`. */
function rateText(load: LoadPlan, stage: Ramp, own: readonly Ramp[]): string {
  if (load.connections !== undefined) return `${quantity(load.connections, '')} connections, back to back`;
  const isUsers = stage.toUsers !== undefined;
  const [from, to] = isUsers ? [stage.fromUsers ?? 0, stage.toUsers ?? 0] : [stage.fromPerSecond, stage.toPerSecond];
  const peak = Math.max(
    ...own.map(ramp =>
      isUsers ? Math.max(ramp.fromUsers ?? 0, ramp.toUsers ?? 0) : Math.max(ramp.fromPerSecond, ramp.toPerSecond),
    ),
  );
  const steps = [from, ...(peak > Math.max(from, to) ? [peak] : []), to].map(value => quantity(value, ''));
  return `${steps.filter((text, index) => text !== steps[index - 1]).join(' → ')}${isUsers ? ' users' : '/s'}`;
}

/** Faults as planned; null without any. */
export function plannedFaults(faults: readonly FaultPlan[]): Content {
  if (faults.length === 0) return null;
  const rows = faults
    .slice(0, MAX_ROWS)
    .map(
      fault =>
        html`<tr><th scope="row">${fault.id}</th><td><code>${fault.kind}</code></td><td><code>${fault.target}</code></td><td>${instant(fault.atMs)}</td><td>${fault.forMs === null ? 'until it recovers' : quantity(fault.forMs, 'ms')}</td><td class="words">${parameters(fault.parameters)}</td></tr>`,
    );
  return planTable(
    'plan-faults',
    'Faults, as planned',
    'When each is injected, and for how long',
    ['Fault', 'Kind', 'Target', 'At', 'For', 'Parameters'],
    rows,
    faults.length,
  );
}

/** SLOs as planned; null without any. */
export function plannedSlos({ slos }: RunPlan): Content {
  if (slos.length === 0) return null;
  const rows = slos
    .slice(0, MAX_ROWS)
    .map(
      slo =>
        html`<tr><th scope="row">${slo.name}</th><td class="words"><code>${slo.objective}</code></td><td class="words"><code>${slo.window}</code>${slo.class !== undefined && html` <small>class ${slo.class}</small>`}</td></tr>`,
    );
  return planTable('plan-slos', 'SLOs', 'What must hold, and when', ['SLO', 'Objective', 'Window'], rows, slos.length);
}
