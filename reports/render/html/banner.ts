import type { RunPlan } from '../../../harness/plan.ts';
import type { RenderInput, RunDocument, WindowResult } from '../../store/run-document.ts';
import { firstOf, requirementOf } from '../cells.ts';
import { quantity, share } from './format.ts';
import { type Content, type Html, html, missing } from './html.ts';
import { readObjective } from './read-objective.ts';
import { standingOf, verdictSign } from './verdict-sign.ts';

/** The top of the report: what came out and why, what was tried, and the few figures that matter most. */
export function banner({ document, plan }: RenderInput): Html {
  const standing = standingOf(document);
  return html`<header class="banner ${standing}">
<p class="verdict">${verdictSign(standing)}</p>
<h1>${document.scenario}</h1>
<p class="summary">${summaryOf(document)}</p>
${document.reasons.length > 0 && html`<ul class="reasons">${document.reasons.map(reason => html`<li>${reason}</li>`)}</ul>`}
</header>
${plan.why !== '' && html`<p class="why">${plan.why}</p>`}
${coverage(plan)}
${keyFigures(document, firstOf(plan))}`;
}

function coverage({ covers }: RunPlan): Content {
  if (covers.length === 0) return null;
  const rows = covers.map(requirementOf);
  return html`<details><summary>Covers ${rows.map(({ id }) => id).join(', ')}</summary>
<p class="hint">What the objectives judge, at least in part.</p>
<ul class="plain">${rows.map(({ id, text }) => html`<li><b>${id}</b> ${text}</li>`)}</ul></details>`;
}

/** One sentence that says why the run stands as it does. */
function summaryOf(document: RunDocument): string {
  const { slos, faults } = document;
  const of = (verdict: string) => slos.filter(slo => slo.verdict === verdict);
  const objectives = (count: number) => `${count} of ${slos.length} objective${slos.length === 1 ? '' : 's'}`;
  const names = (verdict: string) =>
    of(verdict)
      .map(slo => `“${slo.name}”`)
      .join(', ');
  switch (standingOf(document)) {
    case 'pass': {
      if (slos.length === 0) return 'Nothing was asserted, and nothing went wrong.';
      const bitten = faults.filter(fault => fault.bitAtMs !== null).length;
      const held = slos.length === 1 ? 'The objective held' : `All ${slos.length} objectives held`;
      if (bitten === 0) return `${held}.`;
      return `${held} while ${bitten === 1 ? '1 fault was' : `${bitten} faults were`} seen to act.`;
    }
    case 'fail':
      return of('fail').length === 0 ? 'The run failed.' : `${objectives(of('fail').length)} missed: ${names('fail')}.`;
    case 'inconclusive':
      return of('inconclusive').length === 0
        ? 'Nothing could be decided.'
        : `${objectives(of('inconclusive').length)} could not be decided: ${names('inconclusive')}.`;
    case 'invalid':
      if (document.windows.length === 0) return 'The run ended before it was driven, so it proves nothing.';
      return 'The figures of this run prove nothing, whichever way they point.';
    case 'interrupted':
      return `The run was stopped after ${quantity(document.durationMs, 'ms')}; what follows covers that part alone.`;
  }
}

function keyFigures(document: RunDocument, first: string): Html {
  const { load } = document;
  const ended = load.completed + load.failed;
  const figures: [string, Content, Content][] = [
    [
      'Requests',
      quantity(load.sent, ''),
      `of ${quantity(load.offered, '')} offered, ${quantity(load.dropped, '')} dropped`,
    ],
    [
      'Errors',
      share(load.failed, ended) ?? missing('no request ended'),
      `${quantity(load.failed, '')} of ${quantity(ended, '')} failed`,
    ],
    ...firstFigures(document.windows, first),
    recoveryFigure(document),
    ['Duration', quantity(document.durationMs, 'ms'), 'up to down'],
  ];
  return html`<dl class="key-figures">${figures.map(([name, value, note]) => html`<div><dt>${name}</dt><dd><b>${value}</b> <small>${note}</small></dd></div>`)}</dl>`;
}

function firstFigures(windows: readonly WindowResult[], first: string): [string, Content, Content][] {
  const baseline = windows.find(window => window.name === 'baseline')?.ttftMs.p99 ?? null;
  const faulty = windows.filter(window => window.name.startsWith('fault:') && window.ttftMs.p99 !== null);
  const worst = faulty.sort((a, b) => b.ttftMs.p99! - a.ttftMs.p99!)[0];
  const factor = worst && baseline ? `, ×${Number((worst.ttftMs.p99! / baseline).toPrecision(2))}` : '';
  return [
    [
      `P99 first ${first}, baseline`,
      baseline === null ? missing(`no first ${first} in the baseline window`) : quantity(baseline, 'ms'),
      'before any fault',
    ],
    [
      `P99 first ${first}, worst fault`,
      worst ? quantity(worst.ttftMs.p99!, 'ms') : missing(`no first ${first} in any fault window`),
      worst ? `${worst.name}${factor}` : 'no fault window',
    ],
  ];
}

function recoveryFigure({ slos }: RunDocument): [string, Content, Content] {
  const recoveries = slos.filter(slo => readObjective(slo.objective)?.objective.kind === 'recovery');
  const slowest = recoveries.filter(slo => slo.measured !== null).sort((a, b) => b.measured! - a.measured!)[0];
  if (slowest) return ['Recovery', quantity(slowest.measured!, slowest.unit), slowest.objective];
  const why = recoveries.length === 0 ? 'no recovery objective' : 'never recovered, or not measured';
  return ['Recovery', missing(why), why];
}
