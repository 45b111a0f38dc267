import type { Platform } from '../../harness/contracts.ts';
import type { Topology } from '../../stack/topology.ts';
import type { FaultProxy } from '../fault-proxy.ts';
import { platformOn } from '../platform.ts';
import { type DockerSettings, dockerDriver } from './driver.ts';

/** Settings of a docker platform. */
export interface DockerPlatformOptions extends DockerSettings {
  /** Longest wait for a service to be ready, beside its cold start, in ms. @default 60000 */
  readonly readyLimitMs?: number;
}

/**
 * Runs a stack as containers of this machine's Docker engine, through testcontainers; see {@link platformOn}, and `layoutOf` for its
 * networks.
 *
 * Published, on the loopback interface alone, are the links that start outside the stack, the fault proxy's API and the prober, a
 * small program inside the networks that asks for readiness and times links on behalf of the harness.
 */
export function dockerPlatform(
  { connect }: Pick<FaultProxy, 'connect'>,
  { readyLimitMs, ...settings }: DockerPlatformOptions = {},
): Platform<Topology> {
  return platformOn({
    kind: 'docker',
    readyLimitMs,
    connect,
    prepare: (topology, options) => dockerDriver(topology, options, settings),
  });
}
