import type { Clock } from '../../../harness/clock.ts';
import type { Random } from '../../../harness/random.ts';
import { backoffMs } from '../../../harness/retry/backoff.ts';
import type { ControlClient, Instance } from '../../control/client.ts';
import type { GatewayConfig } from '../config.ts';
import type { NamedUrl } from './upstream-diff.ts';

/** Settings of enabled discovery. */
export type DiscoveryOptions = Exclude<GatewayConfig['discovery'], 'off'>;

interface DiscoveryContext {
  readonly options: DiscoveryOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly client: Pick<ControlClient, 'instances'>;
  /** Called after every successful query with the passing instances, sorted by name. */
  readonly onUpdate: (instances: readonly NamedUrl[]) => void;
  /** Called after every failed query; `failures`: number of consecutive failures. */
  readonly onFailure: (error: unknown, failures: number) => void;
}

/**
 * Watches the instances of a service with blocking queries until `signal` aborts. Never throws. A query returns as soon as there is
 * a change; queries start at least `minIntervalMs` apart, however fast the agent responds. A failed query reports no update.
 */
export async function followCatalog(context: DiscoveryContext, signal: AbortSignal): Promise<void> {
  const { options, clock, random, client, onUpdate, onFailure } = context;
  const { service, zone, waitMs, minIntervalMs, backoff } = options;
  let index = 0;
  let failures = 0;
  while (!signal.aborted) {
    const queriedMs = clock.nowMs();
    let pauseMs: number;
    try {
      const response = await client.instances({ service, zone, index, waitMs }, signal);
      if (signal.aborted) return;
      index = nextIndex(index, response.index);
      failures = 0;
      onUpdate(upstreamsOf(response.instances));
      pauseMs = queriedMs + minIntervalMs - clock.nowMs();
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      onFailure(error, failures);
      // The agent may have restarted with another index: query everything.
      index = 0;
      pauseMs = Math.max(minIntervalMs, backoffMs({ ...backoff, jitter: 'equal' }, Math.min(failures, 20), random));
    }
    if (pauseMs > 0) await clock.sleep(pauseMs, signal).catch(() => {});
  }
}

/**
 * Index of the next blocking query. After an index that decreased or is not positive it restarts at 0, which does not block
 * (Consul's rules for clients, docs: api-docs/features/blocking#implementation-details).
 */
export function nextIndex(previous: number, received: number): number {
  return received < previous || received < 1 ? 0 : received;
}

/** Their names go into headers: what these cannot carry is percent-encoded. */
function upstreamsOf(instances: readonly Instance[]): NamedUrl[] {
  const nameOf = (id: string) => id.toWellFormed().replace(/[^\x21-\x7e]/gu, char => encodeURIComponent(char));
  return instances
    .map(({ id, address, version }) => ({ name: nameOf(id), url: `http://${address}`, version }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
