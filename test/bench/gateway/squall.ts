import { type PARTS, startWithParts } from '../../stack/gateway/fixtures/all-parts.ts';
import type { RunningProxy } from './proxies.ts';

/** Starts the gateway with some of its parts in front of `upstream`, for one client. */
export async function startGateway(
  name: string,
  upstream: string,
  parts: readonly (keyof typeof PARTS)[],
  redis: string,
): Promise<RunningProxy> {
  const gateway = await startWithParts(upstream, parts, redis);
  return {
    ...{ name, url: gateway.url, pid: gateway.child.pid },
    headers: { authorization: `Bearer ${await gateway.credential('alice')}` },
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}
