import type { Random } from '../../../harness/random.ts';
import type { GatewayConfig } from '../config.ts';
import { afterCheck } from './health.ts';
import { type ShortGetContext, shortGet } from './short-get.ts';
import type { Transport } from './transport.ts';
import type { Upstream } from './upstreams.ts';

interface HealthCheckerContext extends ShortGetContext {
  readonly options: Exclude<GatewayConfig['healthChecks'], 'off'>;
  readonly random: Random;
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
export async function checkOnce(
  transport: Transport,
  { options, ...context }: Pick<HealthCheckerContext, 'options' | 'clock' | 'deadlines'>,
): Promise<boolean> {
  const { status = 0 } = (await shortGet(transport, options, context)) ?? {};
  return status >= 200 && status < 300;
}
