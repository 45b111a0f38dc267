import type { ConnectionCounts } from '../../../harness/requests.ts';
import type { RenderInput, RunDocument } from '../../store/run-document.ts';
import { formatCacheUse, formatCost, formatLate, formatUpstreams, revisionText } from '../cells.ts';
import { facts } from './facts.ts';
import { percentage, quantity, quantityOr } from './format.ts';
import { type Content, type Html, html } from './html.ts';

/** Validity of the figures: results of the guards, and figures of the load generator. */
export function validitySection({ document, plan, events }: RenderInput): Html {
  const { load } = document;
  const { attempts, abandoned, promptTokens } = load;
  const isVirtual = document.platform === 'virtual';
  const notReported = isVirtual ? 'not measured in virtual time' : 'the generator did not report it';
  const isAlone = !document.segments && (plan.load.workers ?? 1) === 1;
  const objections = events.filter(event => event.kind === 'invalid');
  return html`${
    objections.length > 0
      ? html`<p>A validity check failed, so the figures of this run prove nothing:</p><ul class="bad">${objections.map(({ text }) => html`<li>${text}</li>`)}</ul>`
      : html`<p>${document.verdict === 'invalid' ? 'The run is invalid for the reasons at the top of this report.' : 'No validity check failed.'}${isVirtual && ' Those of processors are not measured in virtual time.'}</p>`
  }${facts([
    ['Load engine', load.engine],
    [
      'P99 send lateness',
      quantityOr(load.lateMsP99, 'ms', load.sent > 0 ? 'unknown' : 'nothing was sent'),
      'delay between scheduled and actual sending; included in latencies',
    ],
    [
      'Generator CPU',
      quantityOr(load.cpuCores, load.cpuCores === 1 ? 'core' : 'cores', notReported),
      isVirtual
        ? 'the generator takes no time there, and is never the bottleneck'
        : `a value near ${isAlone ? 'one core' : 'one core per process'} means that the generator is the bottleneck`,
    ],
    [
      'Dropped arrivals',
      `${quantity(load.dropped, '')}${load.offered > 0 ? ` (${percentage(load.dropped, load.offered)})` : ''}`,
      'not sent because too many requests were in flight',
    ],
    [
      'Offered, sent, completed, failed',
      `${[load.offered, load.sent, load.completed, load.failed].map(count => quantity(count, '')).join(', ')}${formatLate(document)}`,
    ],
    document.cost && ['Cost', formatCost(document.cost), 'of the load, at prices of an hour of the run'],
    promptTokens && [
      'Prompt tokens',
      `${quantity(promptTokens.planned, '')} planned, ${quantity(promptTokens.counted, '')} counted`,
      promptTokens.cached === undefined
        ? 'by the usage that the server reports'
        : `by the usage that the server reports; ${percentage(promptTokens.cached, promptTokens.counted)} from its prefix cache`,
    ],
    attempts !== undefined && [
      'Attempts',
      `${quantity(attempts, '')}${load.sent === 0 ? '' : ` (${quantity(attempts / load.sent, '')} per request)`}`,
      'including retries; a request counts once',
    ],
    abandoned !== undefined && [
      'Abandoned',
      quantity(abandoned, ''),
      'the client stopped waiting; neither completed nor failed',
    ],
    load.resent !== undefined && [
      'Resent',
      quantity(load.resent, ''),
      'a reused connection ended before any byte of a response, and the request was sent once more on a new one: what a client sees that does the same',
    ],
    document.prefixCache && [
      'Prefix cache',
      formatCacheUse(document.prefixCache),
      'prompt tokens, by the counters of the engines during the load, other clients included',
    ],
    document.upstreams && ['Served by', formatUpstreams(document), 'requests by upstream, as responses name it'],
    load.connections && ['Connections', connectionsText(load.connections), 'established, warm-up included'],
  ])}`;
}

/** Such as `84 to 10.0.0.1 (41), 10.0.0.2 (43), at most 10 requests on one`. */
function connectionsText({ opened, addresses, maxRequests }: ConnectionCounts): string {
  const each = Object.entries(addresses).map(([address, count]) => `${address} (${quantity(count, '')})`);
  return `${quantity(opened, '')} to ${each.join(', ')}, at most ${quantity(maxRequests, '')} ${maxRequests === 1 ? 'request' : 'requests'} on one`;
}

/** Facts of the run: replay command, time scale, other files, environment. */
export function runSection({ document }: RenderInput): Html {
  const { segments, spreadMs, revision } = document;
  return html`<h3 id="replay">Replay</h3>
<div class="command"><code id="replay-command">${document.replay}</code><button type="button" class="scripted" id="copy" hidden>Copy</button></div>
<p class="hint">${timeScaleNote(document)}</p>
${artifacts(document)}
<div class="columns"><div><h3>Run</h3>${facts([
    ['ID', document.id],
    [
      'Started',
      started(document.startedAt),
      document.platform === 'virtual' ? 'in virtual time, which begins at the same moment in every run' : undefined,
    ],
    ['Platform', document.platform],
    document.target !== undefined && ['Target', document.target],
    document.ready && ['Ready', quantity(document.ready.tookMs, 'ms'), readyMeaning(document.ready)],
    document.metrics && ['Metrics', document.metrics.join(', ')],
    // Of a merged run.
    segments && [
      'Merged from',
      segments.map(({ index, run, requests }) => `${index}: ${run} (${quantity(requests, '')} requests)`).join(', '),
      'segments of one load, aligned by their starts',
    ],
    segments && [
      'Difference of starts',
      quantityOr(spreadMs ?? null, 'ms', 'not known'),
      'by the wall clocks of their machines, which may differ',
    ],
    ['Seed', String(document.seed)],
    ['Exit code', String(document.exitCode)],
  ])}</div><div><h3>Machine</h3>${facts(Object.entries(document.machine).map(([name, value]) => [name, machineValue(name, value)]))}</div>
<div><h3>Versions</h3>${facts([...Object.entries(document.versions), revision && ['checked out', revisionText(revision)]])}</div></div>`;
}

function readyMeaning({ attempts, waitedFor }: NonNullable<RunDocument['ready']>): string {
  const before = waitedFor === '' ? '' : `; before it: ${waitedFor}`;
  return `until a first request of one token was complete, at attempt ${attempts}${before}`;
}

function machineValue(name: string, value: string | number): string {
  if (typeof value === 'string') return value;
  return quantity(value, /bytes$/i.test(name) ? 'B' : /ms$/i.test(name) ? 'ms' : '');
}

/** Explanation of the time scale, with an example. */
function timeScaleNote({ timeScale, platform }: RunDocument): string {
  if (timeScale === 1)
    return platform === 'virtual'
      ? 'Time is virtual and not scaled: all durations are those of production.'
      : 'Time is not scaled: all durations are in real time.';
  const realMs = 6000 * timeScale;
  return `Long durations of the stack, such as a model’s load time, are divided by ${quantity(timeScale, '')}: 6 s here stands for ${quantity(realMs, 'ms').replaceAll('\u00a0', ' ')} in production. The figures in this report are as measured.`;
}

function started(startedAt: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/.exec(startedAt);
  return match ? `${match[1]} ${match[2]} UTC` : startedAt;
}

function artifacts({ artifacts }: RunDocument): Content {
  const entries = Object.entries(artifacts).filter(([name]) => name !== 'html');
  if (entries.length === 0) return null;
  return html`<h3>Other files of this run</h3><ul class="plain links">${entries.map(([name, path]) => html`<li>${link(path)} <small>${name}</small></li>`)}</ul>`;
}

/** Link to a file in the run directory; a path with a scheme, a root or `..` remains text. */
function link(path: string): Content {
  const inside = /^[^/\\:?#\s][^\\:?#]*$/.test(path) && !path.split('/').includes('..');
  const address = path.toWellFormed().split('/').map(encodeURIComponent).join('/');
  return inside ? html`<a href="./${address}">${path}</a>` : path;
}
