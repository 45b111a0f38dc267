import { Counter, type Registry } from 'prom-client';
import { computedGauge } from '../../observability/computed-gauge.ts';
import type { SharedResponse } from './shared-response.ts';

/** Metrics of merging, named `gateway_merge_…`. */
export class MergeMetrics {
  /** `started`: began a call · `joined`: joined one · `alone`: may not be merged. */
  readonly requests: Readonly<Record<'started' | 'joined' | 'alone', Counter.Internal>>;
  /** Calls that all their clients left. */
  readonly cancelled: Counter;
  /** Clients that fell too far behind. */
  readonly cut: Counter;

  /** @param responses in progress */
  constructor(registry: Registry, responses: () => readonly SharedResponse[]) {
    const registers = [registry];
    const requests = new Counter({
      name: 'gateway_merge_requests_total',
      help: 'Requests that began a shared call, joined one, or were not merged',
      labelNames: ['result'],
      registers,
    });
    this.requests = {
      started: requests.labels('started'),
      joined: requests.labels('joined'),
      alone: requests.labels('alone'),
    };
    const cancelled = 'Shared calls that were cancelled since all their clients had left';
    this.cancelled = new Counter({ name: 'gateway_merge_cancelled_total', help: cancelled, registers });
    const cut = 'Clients of shared calls that were cut since they read too slowly';
    this.cut = new Counter({ name: 'gateway_merge_cut_total', help: cut, registers });
    computedGauge(registry, 'gateway_merge_kept_bytes', 'Bytes of responses that shared calls keep', () =>
      responses().reduce((sum, { keptBytes }) => sum + keptBytes, 0),
    );
  }
}
