import type { Platform } from '../../harness/contracts.ts';
import type { Topology } from '../../stack/topology.ts';
import type { FaultProxy } from '../fault-proxy.ts';
import { type PlatformParts, platformOn } from '../platform.ts';
import { type DockerSettings, dockerDriver } from './driver.ts';

/**
 * Runs a stack as containers on this machine's Docker engine, through testcontainers; see {@link platformOn}, and `layoutOf` for its
 * networks.
 *
 * Published ports, on the loopback interface only: links that start outside the stack, the fault proxy's API, and the prober, which
 * sends probes from inside the networks on behalf of the harness.
 */
export function dockerPlatform(
  { connect }: Pick<FaultProxy, 'connect'>,
  { readyLimitMs, ...settings }: DockerSettings & Pick<PlatformParts, 'readyLimitMs'> = {},
): Platform<Topology> {
  return platformOn({
    kind: 'docker',
    readyLimitMs,
    connect,
    prepare: (topology, options) => dockerDriver(topology, options, settings),
  });
}
