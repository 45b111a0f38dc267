import type { Clock } from '../../../harness/clock.ts';
import type { Random } from '../../../harness/random.ts';
import { backoffMs } from '../../../harness/retry/backoff.ts';
import type { ControlClient } from '../../control/client.ts';
import type { GatewayConfig } from '../config.ts';
import type { NamedUrl } from './upstream-diff.ts';

/** Settings of discovery that is switched on. */
export type DiscoveryOptions = Exclude<GatewayConfig['discovery'], 'off'>;

/** What {@link followCatalog} needs. */
export interface DiscoveryContext {
  readonly options: DiscoveryOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly client: Pick<ControlClient, 'instances'>;
  /** Told of every answer: the passing instances, sorted by name. */
  readonly told: (instances: readonly NamedUrl[]) => void;
  /** Told of every query that failed; `failures`: how many in a row. */
  readonly failed: (error: unknown, failures: number) => void;
}

/**
 * Asks who is there, again and again, until `signal` aborts. Never throws. Each query waits for a change at the other end, so that
 * news arrive at once; at least `minIntervalMs` lies between two of them, however fast the other end answers.
 * A failure leaves things as they are: no news is no reason to forget anybody.
 */
export async function followCatalog(context: DiscoveryContext, signal: AbortSignal): Promise<void> {
  const { options, clock, random, client, told, failed } = context;
  const { service, zone, waitMs, minIntervalMs, backoff } = options;
  let index = 0;
  let failures = 0;
  while (!signal.aborted) {
    const askedMs = clock.nowMs();
    let pauseMs: number;
    try {
      const answer = await client.instances({ service, zone, index, waitMs }, signal);
      if (signal.aborted) return;
      index = nextIndex(index, answer.index);
      failures = 0;
      told(asUpstreams(answer.instances));
      pauseMs = askedMs + minIntervalMs - clock.nowMs();
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      failed(error, failures);
      // The other end may have come back as another one: ask it for everything.
      index = 0;
      pauseMs = Math.max(minIntervalMs, backoffMs({ ...backoff, jitter: 'equal' }, Math.min(failures, 20), random));
    }
    if (pauseMs > 0) await clock.sleep(pauseMs, signal).catch(() => {});
  }
}

/**
 * The index to ask with next. One that went back, or is not positive, starts over at 0, which is answered at once (Consul's rules
 * for clients, docs: api-docs/features/blocking#implementation-details).
 */
export function nextIndex(before: number, answered: number): number {
  return answered < before || answered < 1 ? 0 : answered;
}

function asUpstreams(instances: readonly { readonly id: string; readonly address: string }[]): NamedUrl[] {
  return instances
    .map(({ id, address }) => ({ name: id, url: `http://${address}` }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
