import type { Clock } from '../../../harness/clock.ts';
import type { Random } from '../../../harness/random.ts';
import type { GatewayConfig } from '../config.ts';
import type { Deadlines, Watched } from '../forward/deadlines.ts';
import { afterCheck } from './health.ts';
import type { Transport } from './transport.ts';
import type { Upstream } from './upstreams.ts';

/** Settings of active checks that are switched on. */
export type HealthCheckOptions = Exclude<GatewayConfig['healthChecks'], 'off'>;

/** What {@link checkForever} needs. */
export interface HealthCheckerContext {
  readonly options: HealthCheckOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly deadlines: Deadlines;
  /** Told of every result, after the upstream's record was updated. */
  readonly checked: (upstream: Upstream, passed: boolean, changed: boolean) => void;
}

/** Checks one upstream until `signal` aborts, through the same transport as its traffic. Never throws. */
export async function checkForever(
  upstream: Upstream,
  context: HealthCheckerContext,
  signal: AbortSignal,
): Promise<void> {
  const { options, clock, random } = context;
  while (!signal.aborted) {
    const passed = await checkOnce(upstream.transport, context);
    const before = upstream.health.health;
    upstream.health = afterCheck(upstream.health, passed, options);
    context.checked(upstream, passed, before !== upstream.health.health);
    await clock.sleep(options.intervalMs * (0.9 + 0.2 * random.next()), signal).catch(() => {});
  }
}

/** One check now: true for a 2xx that is complete within the timeout. */
export function checkOnce(
  transport: Transport,
  { options, clock, deadlines }: Pick<HealthCheckerContext, 'options' | 'clock' | 'deadlines'>,
): Promise<boolean> {
  return new Promise(resolve => {
    let status = 0;
    const finish = (passed: boolean) => {
      deadlines.remove(watched);
      resolve(passed);
    };
    const watched: Watched = {
      dueMs: clock.nowMs() + options.timeoutMs,
      expire: () => {
        call.cancel();
        finish(false);
      },
    };
    deadlines.add(watched);
    const call = transport.send(
      { method: 'GET', path: options.path, headers: ['accept', '*/*'] },
      {
        connected: () => {},
        answered: code => {
          status = code;
        },
        data: () => {},
        ended: () => finish(status >= 200 && status < 300),
        failed: () => finish(false),
      },
    );
  });
}
