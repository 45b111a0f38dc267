import type { Platform } from '../../harness/contracts.ts';
import type { Topology } from '../../stack/topology.ts';
import type { FaultProxy } from '../fault-proxy.ts';
import { platformOn } from '../platform.ts';
import { processDriver } from './driver.ts';

/** Settings of a process platform. */
export interface ProcessPlatformOptions {
  /** Longest wait for a service to be ready, beside its cold start, in ms. @default 60000 */
  readonly readyLimitMs?: number;
}

/**
 * Runs a stack as child processes of this machine, see {@link platformOn}.
 *
 * A run id must be unique on the machine: it is the mark by which leftovers are found and killed.
 * Everything listens on the loopback interface. Services are told the addresses of links alone; readiness is asked
 * directly, so that a broken link does not look like a broken service.
 */
export function processPlatform(proxy: FaultProxy, { readyLimitMs }: ProcessPlatformOptions = {}): Platform<Topology> {
  return platformOn({
    kind: 'process',
    readyLimitMs,
    connect: proxy.connect,
    prepare: (topology, options) => processDriver(proxy, topology, options),
  });
}
