import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { createApi, EMBEDDED_VERSION } from '../../faults/toxiproxy/api.ts';
import { connectToxiproxy } from '../../faults/toxiproxy/client.ts';
import { ProxyCollection } from '../../faults/toxiproxy/proxy-collection.ts';
import type { Clock } from '../../harness/clock.ts';
import type { LoadEngine, Platform } from '../../harness/contracts.ts';
import type { RunEnvironment } from '../../harness/history.ts';
import { loadEndMs, type RunPlan, warmUpMs } from '../../harness/plan.ts';
import { virtualiseGlobals } from '../../harness/virtual/virtual-globals.ts';
import { inProcessStream } from '../../load/virtual/stream.ts';
import type { VirtualOptions } from '../../platform/virtual/cpu-costs.ts';
import { type VirtualFaultProxy, virtualPlatform } from '../../platform/virtual/platform.ts';
import { newWorld } from '../../platform/virtual/world.ts';
import type { Topology } from '../../stack/topology.ts';

/**
 * The one ticker of undici's timers, which lives as long as the process: between two runs it would hang on the clock of the one that ended.
 * Undici means it for tests, and exports it to nobody.
 */
const undiciTimers = createRequire(import.meta.url)('undici/lib/util/timers.js') as { reset(): void };

/** The embedded fault proxy as a program in virtual time. */
const virtualProxy: VirtualFaultProxy = {
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

/** Virtual time that a run may take beside its load, in ms: far more than a start, every recovery and the drain may take together. */
const OVERTIME_MS = 3_600_000;

/** What a run in virtual time has in place of the machine's. */
export interface VirtualRun {
  readonly clock: Clock;
  readonly platform: Platform<Topology>;
  readonly engine: LoadEngine;
  /** It follows from the plan, so that the same plan records the same bytes. */
  readonly identity: Pick<RunEnvironment, 'id' | 'startedAt'>;
  /**
   * Lets `task` happen in its time, with the global timers in it, too, until it has settled.
   * @throws what it throws, and as `VirtualTime.run`
   */
  within<T>(task: () => Promise<T>): Promise<T>;
  /** Connections of which one end only is still open, in words. */
  halfOpen(): readonly string[];
}

/** A world of its own for a run of `plan`. */
export function virtualRun({ replay: _, ...plan }: RunPlan): VirtualRun {
  const world = newWorld(plan.seed);
  const { time, internet } = world;
  const { clock } = world.harness;
  const hash = createHash('sha256').update(JSON.stringify(plan)).digest('hex').slice(0, 8);
  return {
    clock,
    platform: virtualPlatform(virtualProxy, world, plan.stack.virtual as VirtualOptions),
    engine: inProcessStream(world.clients),
    identity: { id: `${plan.scenario}-virtual-${hash}`, startedAt: clock.date().toISOString() },
    halfOpen: () => internet.halfOpen(),
    async within(task) {
      undiciTimers.reset();
      const restore = virtualiseGlobals(time);
      try {
        const limitMs = warmUpMs(plan) + loadEndMs(plan) + OVERTIME_MS;
        return await time.run(task(), () => internet.describe(), limitMs);
      } finally {
        undiciTimers.reset();
        restore();
      }
    },
  };
}
