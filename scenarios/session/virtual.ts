import { createHash } from 'node:crypto';
import { createApi, EMBEDDED_VERSION } from '../../faults/toxiproxy/api.ts';
import { connectToxiproxy } from '../../faults/toxiproxy/client.ts';
import { ProxyCollection } from '../../faults/toxiproxy/proxy-collection.ts';
import type { Clock } from '../../harness/clock.ts';
import type { RunEnvironment } from '../../harness/history.ts';
import type { RunPlan } from '../../harness/plan.ts';
import { virtualiseGlobals } from '../../harness/virtual/virtual-globals.ts';
import type { VirtualFaultProxy } from '../../platform/virtual/platform.ts';
import type { VirtualWorld } from '../../platform/virtual/world.ts';

/** The embedded fault proxy as a program in virtual time. */
export const virtualProxy: VirtualFaultProxy = {
  version: EMBEDDED_VERSION,
  async serve({ clock, network, random, environment, logger, stopped }) {
    const log = logger({});
    const proxies = new ProxyCollection({ machine: { clock, network }, random, log: line => log.info(line) });
    const [host = '', port] = environment.LISTEN!.split(':');
    await network.listen(createApi(proxies, { token: environment.TOXIPROXY_AUTH_TOKEN }), { host, port: Number(port) });
    await stopped;
    await proxies.close();
  },
  connect: machine => access => connectToxiproxy({ ...access, machine }),
};

/** Identity of a run in virtual time: it follows from what is run, so that the same plan records the same bytes. */
export function virtualIdentity(
  { replay: _, ...plan }: RunPlan,
  clock: Clock,
): Pick<RunEnvironment, 'id' | 'startedAt'> {
  const hash = createHash('sha256').update(JSON.stringify(plan)).digest('hex').slice(0, 8);
  return { id: `${plan.scenario}-virtual-${hash}`, startedAt: clock.date().toISOString() };
}

/**
 * Lets `task` happen in the virtual time of `world`, with the global timers in it, too, until it has settled.
 * @throws what it throws, and as `VirtualTime.run`
 */
export async function inVirtualTime<T>({ time, internet }: VirtualWorld, task: () => Promise<T>): Promise<T> {
  const restore = virtualiseGlobals(time);
  try {
    return await time.run(task(), () => internet.describe());
  } finally {
    restore();
  }
}
