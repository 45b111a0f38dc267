import { loadEndMs } from '../../../harness/plan.ts';
import type { Invariant } from './facts.ts';

/** Every request that was started has a record, and ended before the load was stopped. */
export const requestsEnd: Invariant = {
  name: 'every-request-ends',
  breaches({ records, events, plan }) {
    const started = events.find(event => event.type === 'load')?.summary.requests ?? records.length;
    const missing = started - records.length;
    // A load that was not steady is stopped at once.
    const isStopped = events.some(({ type }) => type === 'invalid' || type === 'interrupted');
    const open = isStopped ? [] : records.filter(({ outcome }) => outcome === 'interrupted');
    const [first] = open;
    return [
      ...(missing === 0 ? [] : [`${started} requests were started, and ${records.length} have a record`]),
      ...(first
        ? [
            `${open.length} requests had not ended when the load was stopped, the first of them ${first.index}, sent at ${first.sentMs} ms (the load ended at ${loadEndMs(plan)} ms)`,
          ]
        : []),
    ];
  },
};
