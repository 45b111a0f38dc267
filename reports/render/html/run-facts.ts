import { processName } from '../../../harness/arrivals/arrivals.ts';
import type { RunPlan } from '../../../harness/plan.ts';
import type { RenderInput, RunDocument } from '../../store/run-document.ts';
import { quantity, quantityOr, share } from './format.ts';
import { type Content, type Html, html } from './html.ts';

type Fact = readonly [name: string, value: Content, meaning?: Content];

/** Whether the figures can be trusted: what the load generator and the guards say of themselves. */
export function trustSection({ document, plan, events }: RenderInput): Html {
  const { load } = document;
  const isAlone = !document.segments && (plan.load.workers ?? 1) === 1;
  const objections = events.filter(event => event.kind === 'invalid');
  return html`${
    objections.length > 0
      ? html`<p>A guard objected, so the figures of this run prove nothing:</p><ul class="bad">${objections.map(({ text }) => html`<li>${text}</li>`)}</ul>`
      : html`<p>${document.verdict === 'invalid' ? 'The run is invalid; the reasons stand at the top.' : 'No guard objected to this run.'}</p>`
  }${facts([
    ['Load engine', load.engine],
    [
      'Lateness, P99',
      quantityOr(load.lateMsP99, 'ms', load.sent > 0 ? 'the engine does not say' : 'nothing was sent'),
      'how far behind its schedule a request was sent; latencies include it',
    ],
    [
      'CPU of the generator',
      cores(load.cpuCores),
      `near or above ${isAlone ? 'one core' : 'one core for each of its processes'}, the generator itself becomes the bottleneck`,
    ],
    [
      'Dropped arrivals',
      `${quantity(load.dropped, '')}${load.offered > 0 ? ` (${share(load.dropped, load.offered)})` : ''}`,
      'never sent, because too many requests were in flight',
    ],
    [
      'Offered, sent, completed, failed',
      [load.offered, load.sent, load.completed, load.failed].map(count => quantity(count, '')).join(', '),
    ],
    ...sideFacts(load),
  ])}`;
}

function sideFacts({ attempts, abandoned, sent }: RunDocument['load']): Fact[] {
  const perRequest = attempts === undefined || sent === 0 ? '' : ` (${quantity(attempts / sent, '')} a request)`;
  return [
    ...(attempts === undefined
      ? []
      : [
          [
            'Attempts',
            `${quantity(attempts, '')}${perRequest}`,
            'clients tried again; a request is counted once',
          ] as const,
        ]),
    ...(abandoned === undefined
      ? []
      : [
          [
            'Abandoned',
            quantity(abandoned, ''),
            'their client had waited enough; neither completed nor failed',
          ] as const,
        ]),
  ];
}

function cores(value: number | null): Content {
  return quantityOr(value, value === 1 ? 'core' : 'cores', 'the generator never reported');
}

/** Where the run happened, how its time was scaled, how to repeat it, and what lies beside it. */
export function runSection({ document, plan }: RenderInput): Html {
  const { load } = plan;
  return html`<h3 id="replay">Repeat it</h3>
<div class="command"><code id="replay-command">${document.replay}</code><button type="button" class="scripted" id="copy" hidden>Copy</button></div>
<p class="hint">${timeScaleNote(document.timeScale)}</p>
${artifacts(document)}
<div class="columns"><div><h3>Run</h3>${facts([
    ['Id', document.id],
    ['Started', started(document.startedAt)],
    ['Platform', document.platform],
    ...(document.target === undefined ? [] : [['Target', document.target] as const]),
    ...segmentFacts(document),
    ['Seed', String(document.seed)],
    ['Exit code', String(document.exitCode)],
    ['Load', `${load.engine}, ${processName(load.arrivals)} arrivals, ${planned(plan)}`],
    ['Workload', load.workload.model === '' ? load.workload.name : `${load.workload.name} on ${load.workload.model}`],
    ...(plan.arrivals ? [['Arrivals, SHA-256', html`<code>${plan.arrivals.sha256}</code>`] as const] : []),
    ...(load.trace ? [['Trace, SHA-256', html`<code>${load.trace.sha256}</code>`] as const] : []),
  ])}</div><div><h3>Machine</h3>${facts(Object.entries(document.machine).map(([name, value]) => [name, machineValue(name, value)]))}</div>
<div><h3>Versions</h3>${facts(Object.entries(document.versions))}</div></div>`;
}

/** What a merged run was made of, and how well its parts met. */
function segmentFacts({ segments, spreadMs }: RunDocument): Fact[] {
  if (!segments) return [];
  return [
    [
      'Merged of',
      segments.map(({ index, run, requests }) => `${index}: ${run} (${quantity(requests, '')} requests)`).join(', '),
      'segments of one load, laid over one another at their time zeros',
    ],
    [
      'Time zeros apart',
      quantityOr(spreadMs ?? null, 'ms', 'not known'),
      'by the wall clocks of their machines, which may differ themselves',
    ],
  ];
}

function planned({ arrivals }: RunPlan): string {
  return arrivals
    ? `${quantity(arrivals.count, '')} planned`
    : 'which nobody can plan: a user sends when it has its answer';
}

function machineValue(name: string, value: string | number): string {
  if (typeof value === 'string') return value;
  return quantity(value, /bytes$/i.test(name) ? 'B' : /ms$/i.test(name) ? 'ms' : '');
}

/** What scaled time means, with an example; durations in the report are as measured. */
function timeScaleNote(timeScale: number): string {
  if (timeScale === 1) return 'Time was not scaled: durations are as in life.';
  const lived = 6000 * timeScale;
  return `Long durations of the stack, such as a model’s load time, are divided by ${quantity(timeScale, '')}: 6 s here stands for ${quantity(lived, 'ms').replaceAll('\u00a0', ' ')} in life. Figures in this report are as measured.`;
}

function facts(entries: readonly Fact[]): Html {
  if (entries.length === 0) return html`<p class="empty">Nothing was recorded.</p>`;
  return html`<dl class="facts">${entries.map(([name, value, meaning]) => html`<div><dt>${name}</dt><dd>${value}${meaning && html` <small>${meaning}</small>`}</dd></div>`)}</dl>`;
}

function started(startedAt: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/.exec(startedAt);
  return match ? `${match[1]} ${match[2]} UTC` : startedAt;
}

function artifacts({ artifacts }: RunDocument): Content {
  const entries = Object.entries(artifacts).filter(([name]) => name !== 'html');
  if (entries.length === 0) return null;
  return html`<h3>Beside this file</h3><ul class="plain links">${entries.map(([name, path]) => html`<li>${link(path)} <small>${name}</small></li>`)}</ul>`;
}

/** Links only to what lies in the run's own directory; a scheme, a root or a way upwards stays text. */
function link(path: string): Content {
  const inside = /^[^/\\:?#\s][^\\:?#]*$/.test(path) && !path.split('/').includes('..');
  const address = path.toWellFormed().split('/').map(encodeURIComponent).join('/');
  return inside ? html`<a href="./${address}">${path}</a>` : path;
}
