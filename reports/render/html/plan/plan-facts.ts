import { processName } from '../../../../harness/arrivals/arrivals.ts';
import type { Distribution } from '../../../../harness/distribution.ts';
import { isStreamed, type Lengths, type LoadPlan, type RunPlan } from '../../../../harness/plan.ts';
import type { Fact } from '../facts.ts';
import { quantity } from '../format.ts';
import { html } from '../html.ts';

/** Facts of a load: its engine, arrivals, limits and clients. */
export function loadFacts({ load, arrivals, segment, seed }: RunPlan): Fact[] {
  const { clients } = load;
  return [
    ['Engine', `${load.engine}${load.workers === undefined ? '' : `, ${quantity(load.workers, '')} processes`}`],
    [
      'Arrivals',
      `${processName(load.arrivals)}, seed ${seed}`,
      arrivals
        ? `${quantity(arrivals.count, '')} with the warm-up`
        : 'as the responses allow: their number is not known in advance',
    ],
    segment && ['Segment', `${segment.index} of ${segment.of}`],
    arrivals && ['Arrivals, SHA-256', html`<code>${arrivals.sha256}</code>`],
    load.trace && ['Trace', html`<code>${load.trace.file}</code>`, html`SHA-256 <code>${load.trace.sha256}</code>`],
    ['In flight', `at most ${quantity(load.maxInFlight, '')}`, 'further arrivals are dropped'],
    [
      'Timeouts',
      `connect ${quantity(load.connectTimeoutMs, 'ms')}${load.firstTokenTimeoutMs === undefined ? '' : `, first token ${quantity(load.firstTokenTimeoutMs, 'ms')}`}, idle ${quantity(load.idleTimeoutMs, 'ms')}`,
    ],
    clients?.retry && [
      'Retries',
      `at most ${quantity(clients.retry.maxRetries, '')}, after ${quantity(clients.retry.baseDelayMs, 'ms')} doubled up to ${quantity(clients.retry.maxDelayMs, 'ms')}`,
    ],
    clients?.clientTimeout && [
      'Clients give up',
      `after ${distribution(clients.clientTimeout.afterMs, 'ms')}`,
      `until the ${clients.clientTimeout.until}; counted as ${clients.clientTimeout.countAs}`,
    ],
    clients &&
      clients.classes.length > 0 && [
        'Classes',
        clients.classes.map(({ name, weight }) => `${name} × ${quantity(weight, '')}`).join(', '),
      ],
  ];
}

/** Facts of what is sent. */
export function requestFacts({ workload, salt }: LoadPlan): Fact[] {
  if (workload.kind === 'http') {
    const { status, bodyContains } = workload.expect;
    return [
      ['Workload', workload.name],
      ['Request', html`<code>${workload.method} ${workload.path}</code>`],
      [
        'Expected',
        `${status.length === 0 ? 'any 2xx' : status.join(', ')}${bodyContains === null ? '' : `, containing “${bodyContains}”`}`,
      ],
    ];
  }
  return [
    ['Workload', workload.name],
    workload.model !== '' && ['Model', workload.model],
    ['API', `${workload.api ?? 'chat'}${isStreamed(workload) ? ', streamed' : ', in one piece'}`],
    ['Prompt tokens', lengths(workload.promptTokens)],
    ['Output tokens', lengths(workload.outputTokens)],
    workload.prompts && [
      'Prompts',
      html`<code>${workload.prompts.file}</code>`,
      html`SHA-256 <code>${workload.prompts.sha256}</code>`,
    ],
    workload.sharedPrefix && [
      'Shared prefix',
      `${quantity(workload.sharedPrefix.ratio, 'ratio')} of prompts begin with one of ${quantity(workload.sharedPrefix.variants, '')} texts of ${quantity(workload.sharedPrefix.tokens, '')} tokens`,
    ],
    workload.duplicates && [
      'Duplicates',
      `${quantity(workload.duplicates.ratio, 'ratio')} are one of ${quantity(workload.duplicates.distinct, '')} requests`,
    ],
    workload.sessions && [
      'Sessions',
      `${distribution(workload.sessions.turns, '')} turns, ${workload.sessions.thinkTimeMs.map(ms => quantity(ms, 'ms')).join(' – ')} between them`,
    ],
    salt !== undefined &&
      salt !== '' && ['Salt', html`<code>${salt}</code>`, 'what makes its prompts begin unlike those of other runs'],
  ];
}

function lengths(given: Lengths): string {
  if ('kind' in given && (given.kind === 'trace' || given.kind === 'prompts'))
    return `those of the ${given.kind === 'trace' ? 'trace' : 'file of prompts'}`;
  return distribution(given as Distribution, '');
}

function distribution(given: Distribution, unit: string): string {
  const text = (value: number) => quantity(value, unit);
  if (!('kind' in given)) return given[0] === given[1] ? text(given[0]) : `${text(given[0])} – ${text(given[1])}`;
  switch (given.kind) {
    case 'fixed':
      return text(given.value);
    case 'empirical':
      return `one of ${quantity(given.values.length, '')} values, ${text(given.values.reduce((a, b) => Math.min(a, b)))} – ${text(given.values.reduce((a, b) => Math.max(a, b)))}`;
    case 'normal':
      return `normal, mean ${text(given.mean)}, standard deviation ${text(given.stddev)}, ${text(given.min)} – ${text(given.max)}`;
    case 'lognormal':
      return `lognormal, median ${text(given.median)}, σ ${quantity(given.sigma, '')}, ${text(given.min)} – ${text(given.max)}`;
  }
}
