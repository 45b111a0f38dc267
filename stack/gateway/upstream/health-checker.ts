import type { Clock } from '../../../harness/clock.ts';
import type { Random } from '../../../harness/random.ts';
import type { GatewayConfig } from '../config.ts';
import type { Deadlines, Watched } from '../forward/deadlines.ts';
import { afterCheck } from './health.ts';
import type { Transport } from './transport.ts';
import type { Upstream } from './upstreams.ts';

interface HealthCheckerContext {
  readonly options: Exclude<GatewayConfig['healthChecks'], 'off'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly deadlines: Deadlines;
  /** Called with every result, after the upstream's record was updated. */
  readonly onResult: (passed: boolean, changed: boolean) => void;
}

/** Checks one upstream until `signal` aborts, over the same transport as its traffic. Never throws. */
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
    context.onResult(passed, before !== upstream.health.health);
    await clock.sleep(options.intervalMs * (0.9 + 0.2 * random.next()), signal).catch(() => {});
  }
}

/** Runs one check: true for a 2xx that is complete within the timeout. */
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
        onConnected: () => {},
        onResponse: code => {
          status = code;
        },
        onData: () => {},
        onEnd: () => finish(status >= 200 && status < 300),
        onError: () => finish(false),
      },
    );
  });
}
