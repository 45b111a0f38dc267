import type { Platform } from '../../harness/contracts.ts';
import type { Topology } from '../../stack/topology.ts';
import type { FaultProxy } from '../fault-proxy.ts';
import { type PlatformParts, platformOn } from '../platform.ts';
import { processDriver } from './driver.ts';

/**
 * Runs a stack as child processes on this machine, see {@link platformOn}.
 *
 * The run id must be unique on the machine: leftover processes are found by it and killed.
 * Everything listens on the loopback interface. Services only know link addresses; readiness probes go directly to a replica, so
 * that a broken link does not look like a broken service.
 */
export function processPlatform(
  proxy: FaultProxy,
  { readyLimitMs }: Pick<PlatformParts, 'readyLimitMs'> = {},
): Platform<Topology> {
  return platformOn({
    kind: 'process',
    readyLimitMs,
    connect: proxy.connect,
    prepare: (topology, options) => processDriver(proxy, topology, options),
  });
}
