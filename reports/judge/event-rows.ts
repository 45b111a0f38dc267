import type { RunEvent, TimedEvent } from '../../harness/history.ts';
import { formatMs } from '../../harness/quantity.ts';
import { rounded } from '../rounding.ts';
import type { EventRow } from '../store/run-document.ts';

type LoggedEvent = Exclude<TimedEvent, { readonly type: 'sample' | 'notes' | 'decision' }>;

const ELSEWHERE: readonly TimedEvent['type'][] = ['sample', 'notes', 'decision'];

/**
 * Event log for the report, ordered by time of observation. Metric samples are left to the charts, but for circuit breakers that open and
 * close, upstreams that are taken out as zombies, and
 * versions that are rolled back; notes and decisions are left to sections of their own.
 */
export function eventRows(events: readonly TimedEvent[]): EventRow[] {
  return events
    .filter((event): event is LoggedEvent => !ELSEWHERE.includes(event.type))
    .map(event => ({
      atMs: rounded(event.type === 'fault' ? (event.seenMs ?? event.atMs) : event.atMs),
      kind: event.type as string,
      text: textOf(event),
    }))
    .concat(countRows(events, 'openBreakers', 'breaker', 'open circuit breaker'))
    .concat(countRows(events, 'zombies', 'zombie', 'ejected zombie'))
    .concat(rollbackRows(events))
    .sort((a, b) => a.atMs - b.atMs);
}

/** Changes of a number of each gateway, as seen by the samples of its metrics. @param what one of them is called */
function countRows(
  events: readonly TimedEvent[],
  metric: 'openBreakers' | 'zombies',
  kind: string,
  what: string,
): EventRow[] {
  const known = new Map<string, number>();
  return events.flatMap(event => {
    if (event.type !== 'sample') return [];
    return Object.entries(event.readings).flatMap(([gateway, { [metric]: count }]) => {
      if (count === undefined || count === (known.get(gateway) ?? 0)) return [];
      known.set(gateway, count);
      const text = `${gateway} has ${count || 'no'} ${what}${count === 1 ? '' : 's'}`;
      return [{ atMs: rounded(event.seenMs), kind, text }];
    });
  });
}

/** Versions of models that gateways rolled back by themselves, as seen by the samples of their metrics. */
function rollbackRows(events: readonly TimedEvent[]): EventRow[] {
  const known = new Map<string, { readonly all: number; readonly slow: number }>();
  return events.flatMap(event => {
    if (event.type !== 'sample') return [];
    return Object.entries(event.readings).flatMap(([gateway, { rollbacks: all, slowRollbacks: slow = 0 }]) => {
      if (all === undefined) return [];
      const before = known.get(gateway) ?? { all: 0, slow: 0 };
      known.set(gateway, { all, slow });
      if (all <= before.all) return [];
      const why = slow > before.slow ? 'its first tokens were too late' : 'too many of its requests failed';
      return [
        {
          atMs: rounded(event.seenMs),
          kind: 'rollback',
          text: `${gateway} rolled a version of the model back: ${why}`,
        },
      ];
    });
  });
}

/** Steps of a fault whose names do not read well in a sentence. */
const STEPS: ReadonlyMap<string, string> = new Map([
  ['inject', 'injecting'],
  ['effective', 'took effect'],
  ['no-effect', 'had no observable effect'],
  ['hidden', "could not be told from the target's own noise"],
  ['heal', 'healing'],
  ['healed', 'recovered'],
  ['not-healed', 'recovery not observed'],
]);

/** A step of a fault as reports and progress lines name it: `took effect` for `effective`. */
export function stepLabel(step: string): string {
  return STEPS.get(step) ?? step;
}

/** Such as `the target completed its first request after 21.3 s, at attempt 7 (503: model is loading)`. */
export function readyText({ tookMs, attempts, waitedFor }: Extract<RunEvent, { type: 'ready' }>): string {
  const again = attempts > 1 ? `, at attempt ${attempts}${waitedFor ? ` (${waitedFor})` : ''}` : '';
  return `the target completed its first request after ${formatMs(tookMs)}${again}`;
}

/** Such as `inference scaled from 3 to 6: 3 -> 6: queue 12.3 / 5`. */
export function scaleText({ deployment, from, to, reason }: Extract<RunEvent, { type: 'scale' }>): string {
  return `${deployment} scaled from ${from} to ${to}${reason ? `: ${reason}` : ''}`;
}

/** Such as `spot-2 has been given notice: it is taken in 30 s`. */
export function nodeText({
  node,
  state,
  gpus,
  pricePerHour,
  spot,
  reason,
}: Extract<RunEvent, { type: 'node' }>): string {
  const what = `${gpus} GPU${gpus === 1 ? '' : 's'}${spot ? ', spot' : ''}, $${pricePerHour}/h`;
  const text = {
    booting: `${node} boots (${what})`,
    ready: `${node} is ready (${what})`,
    notice: `${node} has been given notice`,
    taken: `${node} was taken`,
    stopped: `${node} was stopped`,
  }[state];
  return `${text}${reason && `: ${reason}`}`;
}

/** Such as `inference-4 pending: no GPU node is free, gpu-3 boots in 90 s`. */
export function placementText({ replica, state, node, reason }: Extract<RunEvent, { type: 'placement' }>): string {
  const where = { pending: 'pending', placed: `placed on ${node}`, evicted: `evicted from ${node}`, ended: 'ended' }[
    state
  ];
  return `${replica} ${where}${reason && `: ${reason}`}`;
}

function textOf(event: LoggedEvent): string {
  switch (event.type) {
    case 'plan':
      return `${event.plan.scenario} on ${event.plan.platform}, seed ${event.plan.seed}`;
    case 'phase':
      return event.phase;
    case 'start':
      return `load phase starts in ${formatMs(event.inMs)}`;
    case 'merged':
      return `merged from ${event.segments.map(({ index, run }) => `segment ${index} (${run})`).join(', ')}`;
    case 'ready':
      return readyText(event);
    case 'versions':
      return Object.entries(event.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ');
    case 'replica':
      return `${event.replica} ${event.state}${event.detail ? `: ${event.detail}` : ''}`;
    case 'scale':
      return scaleText(event);
    case 'condition':
      return `autoscaler of ${event.deployment}: ${event.condition} is ${event.status}, ${event.reason}: ${event.message}`;
    case 'node':
      return nodeText(event);
    case 'placement':
      return placementText(event);
    case 'fault':
      return `${event.id} ${stepLabel(event.step)}${event.evidence ? `: ${event.evidence}` : ''}`;
    case 'load':
      return `generator finished: ${formatMs(event.summary.cpuMs)} of CPU time in ${formatMs(event.summary.wallMs)}`;
    case 'invalid':
      return `${event.guard}: ${event.reason}`;
    case 'interrupted':
      return `by ${event.by}`;
    case 'crashed':
      return event.reason;
  }
}
