import type { RunPlan } from '../../../harness/plan.ts';
import type { RenderInput, RunDocument, WindowResult } from '../../store/run-document.ts';
import { firstUnit, formatLate, requirementOf, virtualNote } from '../cells.ts';
import { percentage, quantity } from './format.ts';
import { type Content, type Html, html, missing } from './html.ts';
import { readObjective } from './read-objective.ts';
import { statusOf, verdictSign } from './verdict-sign.ts';

/** Head of the report: verdict and reasons, purpose of the scenario, and key figures. */
export function banner({ document, plan }: RenderInput): Html {
  const status = statusOf(document);
  const note = virtualNote(document);
  return html`<header class="banner ${status}">
<p class="verdict">${verdictSign(status)}</p>
<h1>${document.scenario}</h1>
<p class="summary">${summaryOf(document)}</p>
${status !== 'pass' && document.reasons.length > 0 && html`<ul class="reasons">${document.reasons.map(reason => html`<li>${reason}</li>`)}</ul>`}
</header>
${note !== undefined && html`<p class="virtual">${note}</p>`}
${plan.why !== '' && html`<p class="why">${plan.why}</p>`}
${coverage(plan)}
${keyFigures(document, firstUnit(plan))}`;
}

function coverage({ covers }: RunPlan): Content {
  if (covers.length === 0) return null;
  const rows = covers.map(requirementOf);
  return html`<details><summary>Covers ${rows.map(({ id }) => id).join(', ')}</summary>
<p class="hint">Requirements that the SLOs verify, at least in part.</p>
<ul class="plain">${rows.map(({ id, text }) => html`<li><b>${id}</b> ${text}</li>`)}</ul></details>`;
}

/** Sentence that explains the status of the run. */
function summaryOf(document: RunDocument): string {
  const { slos, faults } = document;
  const of = (verdict: string) => slos.filter(slo => slo.verdict === verdict);
  const countOf = (verdict: string) =>
    `${of(verdict).length} of ${slos.length} SLO${slos.length === 1 ? ' was' : 's were'}`;
  const names = (verdict: string) =>
    of(verdict)
      .map(slo => `“${slo.name}”`)
      .join(', ');
  switch (statusOf(document)) {
    case 'pass': {
      const count = faults.filter(fault => fault.effectiveAtMs !== null).length;
      const met = slos.length === 1 ? 'The SLO was met' : `All ${slos.length} SLOs were met`;
      return count === 0 ? `${met}.` : `${met} with ${count} fault${count === 1 ? '' : 's'} in effect.`;
    }
    case 'fail':
      return `${countOf('fail')} missed: ${names('fail')}.`;
    case 'inconclusive':
      return of('inconclusive').length === 0
        ? 'Nothing could be decided.'
        : `${countOf('inconclusive')} inconclusive: ${names('inconclusive')}.`;
    case 'invalid':
      if (document.windows.length === 0) return 'The run ended before its load phase, so it proves nothing.';
      return 'The figures of this run prove nothing, neither success nor failure.';
    case 'interrupted':
      return `The run was stopped after ${quantity(document.durationMs, 'ms')}; this report covers only that part.`;
  }
}

function keyFigures(document: RunDocument, first: string): Html {
  const { load } = document;
  const ended = load.completed + load.failed;
  const figures: [string, Content, Content][] = [
    [
      'Requests',
      quantity(load.sent, ''),
      `of ${quantity(load.offered, '')} offered${formatLate(document)}, ${quantity(load.dropped, '')} dropped`,
    ],
    [
      'Errors',
      percentage(load.failed, ended) ?? missing('no request ended'),
      `${quantity(load.failed, '')} of ${quantity(ended, '')} failed`,
    ],
    ...latencyFigures(document.windows, first),
    recoveryFigure(document),
    [
      'Duration',
      quantity(document.durationMs, 'ms'),
      `startup to shutdown${document.platform === 'virtual' ? ', in virtual time' : ''}`,
    ],
  ];
  return html`<dl class="key-figures">${figures.map(([name, value, note]) => html`<div><dt>${name}</dt><dd><b>${value}</b> <small>${note}</small></dd></div>`)}</dl>`;
}

function latencyFigures(windows: readonly WindowResult[], first: string): [string, Content, Content][] {
  const term = first === 'token' ? 'TTFT' : 'TTFB';
  const baseline = windows.find(window => window.name === 'baseline')?.ttftMs.p99 ?? null;
  const faulty = windows.filter(window => window.name.startsWith('fault:') && window.ttftMs.p99 !== null);
  const worst = faulty.sort((a, b) => b.ttftMs.p99! - a.ttftMs.p99!)[0];
  const factor = worst && baseline ? `, ×${Number((worst.ttftMs.p99! / baseline).toPrecision(2))}` : '';
  return [
    [
      `P99 ${term}, baseline`,
      baseline === null ? missing(`no first ${first} in the baseline window`) : quantity(baseline, 'ms'),
      'before any fault',
    ],
    [
      `P99 ${term}, worst fault`,
      worst ? quantity(worst.ttftMs.p99!, 'ms') : missing(`no first ${first} in any fault window`),
      worst ? `${worst.name}${factor}${failedIn(worst)}` : 'no fault window',
    ],
  ];
}

/** Failed requests of a window beside a quantile of those that have the value. */
function failedIn({ failed, requests }: WindowResult): string {
  return failed === 0 ? '' : `, without the ${percentage(failed, requests)} that failed`;
}

function recoveryFigure({ slos }: RunDocument): [string, Content, Content] {
  const recoveries = slos.filter(slo => readObjective(slo.objective)?.objective.kind === 'recovery');
  const slowest = recoveries.filter(slo => slo.measured !== null).sort((a, b) => b.measured! - a.measured!)[0];
  if (slowest) return ['Recovery', quantity(slowest.measured!, slowest.unit), slowest.objective];
  const why = recoveries.length === 0 ? 'no SLO on recovery' : 'not recovered, or not measured';
  return ['Recovery', missing(why), why];
}
