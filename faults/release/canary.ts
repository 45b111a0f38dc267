import { z } from 'zod';
import type { Replica, RunningStack } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import type { ShortRequest } from '../../harness/host/send.ts';
import { replicaFault } from '../fault.ts';
import { lookUntil, secondsSince } from '../probe.ts';

/** What the admin API of a gateway shows of a route. */
interface Route {
  readonly model: string;
  readonly primary: string;
  readonly reason: string;
  readonly versions: readonly { readonly name: string; readonly weight: number; readonly requests: number }[];
}

/**
 * Gives a version of the model a part of the traffic, through the admin API of one gateway, as an operator who releases it; at its end all gateways
 * are as configured again.
 *
 * It has taken effect when the version has served requests, at whatever gateway, or was rolled back; it has recovered when no gateway gives it more
 * than before. What the gateways decided meanwhile is in the evidence.
 */
export const fault = replicaFault({
  kind: 'canary',
  summary: 'A version of the model gets a part of the traffic, through the admin API of one gateway.',
  parameters: z.object({
    version: z.string().min(1).max(64).describe('one of `stack.gateway.release.versions` without weight'),
    ratio: z.number().positive().max(1).default(0.1).describe('part of the requests that it gets'),
  }),
  selfHealing: false,
  platforms: ['process', 'docker', 'virtual'],
  create({ version, ratio }, replica, { clock, stack }) {
    const gateways = stack.replicas.filter(({ service }) => service === replica.service);
    let [startedMs, healedMs] = [0, 0];
    let decided = 'no gateway rolled it back';
    const routeAt = async (gateway: Replica, signal: AbortSignal) => {
      const { routes } = JSON.parse(await admin(stack, gateway, { method: 'GET', path: '/routes' }, signal)) as {
        routes: readonly Route[];
      };
      const route = routes.find(({ versions }) => versions.some(({ name }) => name === version));
      if (route) return { ...route, own: route.versions.find(({ name }) => name === version)! };
      throw noRelease(gateway, `no route to a version "${version}"`);
    };
    const pathOf = ({ model }: Route) => `/routes/${encodeURIComponent(model)}`;
    return {
      async inject(signal) {
        const route = await routeAt(replica, signal);
        if (route.own.weight > 0 || route.primary === version)
          throw noRelease(replica, `the version "${version}" with traffic already`);
        startedMs = clock.nowMs();
        const body = { weights: { [route.primary]: 1 - ratio, [version]: ratio }, reason: `${version} released` };
        await admin(stack, replica, { method: 'PUT', path: pathOf(route), body }, signal);
      },
      verifyEffect: signal =>
        lookUntil(clock, signal, async () => {
          const atMs = clock.nowMs();
          const routes = await Promise.all(gateways.map(gateway => routeAt(gateway, signal)));
          const served = routes.reduce((sum, { own }) => sum + own.requests, 0);
          const isRolledBack = routes.some(({ reason }) => reason.startsWith(`${version} was rolled back`));
          if (served === 0 && !isRolledBack) return undefined;
          return {
            atMs,
            evidence: `${version} has served ${served} requests ${secondsSince(startedMs, clock)} after its release`,
          };
        }),
      async heal(signal) {
        const routes = await Promise.all(gateways.map(gateway => routeAt(gateway, signal)));
        decided = routes.find(({ reason }) => reason.startsWith(`${version} was rolled back`))?.reason ?? decided;
        healedMs = clock.nowMs();
        await admin(stack, replica, { method: 'DELETE', path: pathOf(routes[0]!) }, signal);
      },
      verifyHealed: signal =>
        lookUntil(clock, signal, async () => {
          const routes = await Promise.all(gateways.map(gateway => routeAt(gateway, signal)));
          if (routes.some(({ own }) => own.weight > 0)) return undefined;
          const evidence = `${decided}; no gateway gives it traffic ${secondsSince(healedMs, clock)} after that was taken back`;
          return { atMs: clock.nowMs(), evidence };
        }),
    };
  },
});

async function admin(
  { send }: RunningStack,
  gateway: Replica,
  request: ShortRequest,
  signal: AbortSignal,
): Promise<string> {
  const response = await send?.(gateway, request, signal, 'admin');
  // A gateway that could not reach the shared store has decided all the same, and the others follow.
  if (response?.status === 200 || response?.text.includes('release_unavailable')) return response.text;
  throw noRelease(gateway, response ? `${response.status}: ${response.text.slice(0, 200)}` : 'nothing');
}

function noRelease({ name }: Replica, found: string): SquallError {
  return new SquallError('fault', 'NO_RELEASE', `Expected ${name} to release the version, got ${found}`, {
    next: 'Use `on: gateway-1`, and one of `stack.gateway.release.versions` whose weight is 0.',
  });
}
