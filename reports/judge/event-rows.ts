import type { TimedEvent } from '../../harness/history.ts';
import { formatMs } from '../../harness/quantity.ts';
import { rounded } from '../rounding.ts';
import type { EventRow } from '../store/run-document.ts';

type TellingEvent = Exclude<TimedEvent, { readonly type: 'sample' }>;

/** The history as lines for people, ordered by when things were seen. Metric samples are no lines: charts show them. */
export function eventRows(events: readonly TimedEvent[]): EventRow[] {
  return events
    .filter((event): event is TellingEvent => event.type !== 'sample')
    .map(event => ({
      atMs: rounded(event.type === 'fault' ? (event.seenMs ?? event.atMs) : event.atMs),
      kind: event.type,
      text: textOf(event),
    }))
    .sort((a, b) => a.atMs - b.atMs);
}

function textOf(event: TellingEvent): string {
  switch (event.type) {
    case 'plan':
      return `${event.plan.scenario} on ${event.plan.platform}, seed ${event.plan.seed}`;
    case 'phase':
      return event.phase;
    case 'zero':
      return `time zero in ${formatMs(event.inMs)}`;
    case 'merged':
      return `merged of ${event.segments.map(({ index, run }) => `segment ${index} (${run})`).join(', ')}`;
    case 'versions':
      return Object.entries(event.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ');
    case 'replica':
      return `${event.replica} ${event.state}${event.detail ? `: ${event.detail}` : ''}`;
    case 'fault':
      return `${event.id} ${event.step}${event.evidence ? `: ${event.evidence}` : ''}`;
    case 'load':
      return `generator ended: ${formatMs(event.summary.cpuMs)} CPU in ${formatMs(event.summary.wallMs)}`;
    case 'invalid':
      return `${event.guard}: ${event.reason}`;
    case 'interrupted':
      return `by ${event.by}`;
    case 'crashed':
      return event.reason;
  }
}
