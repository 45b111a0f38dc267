import { join } from 'node:path';
import { getContainerRuntimeClient } from 'testcontainers';
import { settlesWithin } from '../../harness/clock.ts';
import type { Platform } from '../../harness/contracts.ts';
import { systemNetwork } from '../../harness/host/network.ts';
import { systemSecrets } from '../../harness/host/secrets.ts';
import type { Topology } from '../../stack/topology.ts';
import type { Driver, DriverOptions } from '../driver.ts';
import type { EdgeAccess } from '../entry-certificate.ts';
import { type FaultProxy, isApiReady, newAccess, PROXY } from '../fault-proxy.ts';
import type { Program } from '../instance.ts';
import { type PlatformParts, platformOn } from '../platform.ts';
import { reservePorts } from '../ports.ts';
import { isReadyAt } from '../readiness.ts';
import { archiveOf, below, filesBelow } from './archive.ts';
import type { ContainerPlan } from './container.ts';
import { RestartableContainer } from './container-instance.ts';
import { configureTestcontainers, engineSocket, findEngine, requireImages } from './engine.ts';
import { IMAGE_NAMES } from './images/image-names.ts';
import { addressesInside, FILES, layoutOf } from './layout.ts';
import { createNetworks } from './networks.ts';
import {
  fullName,
  type Images,
  imagesOf,
  isPublished,
  type Limits,
  labelOf,
  proberContainer,
  proxyContainer,
  replicaContainer,
  type StackPlan,
} from './plans.ts';
import { PROBER, PROBER_SELF, probeInside, sendInside, traceInside } from './prober.ts';
import { removeLabelled } from './remove-labelled.ts';
import { Turns } from './turns.ts';

/** Services that use others drain; the rest have nothing to finish. */
const GRACE_MS = { last: 2250, others: 1000, helpers: 0 };
/** With the grace periods and half a second for each kill, taking a stack down takes at most 10 s. */
const REMOVE_LIMIT_MS = 4750;
const STARTING_LIMIT_MS = 2000;

/** Name of the edge. */
const EDGE = 'edge';

/** Images, limits and files of containers. */
export interface DockerSettings {
  /** Tags that replace those of `npm run images`. */
  readonly images?: Partial<Images>;
  /** Limits by service. @default 1 CPU and 512 MiB for each replica */
  readonly limits?: Readonly<Record<string, Limits>>;
  /** Folders of this machine to copy into the containers of Squall's own services, by target. @default none */
  readonly folders?: Readonly<Record<string, string>>;
}

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
    secret: systemSecrets,
    readyLimitMs,
    connect,
    prepare: (topology, options) => dockerDriver(connect, topology, options, settings),
  });
}

/**
 * Runs replicas, the fault proxy and the prober as containers.
 * @throws SquallError `NO_DOCKER_ENGINE` and as {@link findEngine}, {@link requireImages} and {@link reservePorts}
 */
async function dockerDriver(
  connect: FaultProxy['connect'],
  topology: Topology,
  options: DriverOptions,
  settings: DockerSettings,
): Promise<Driver> {
  const { runId, clock, signal, token } = options;
  const { limits = {}, folders = {} } = settings;
  const images = { ...IMAGE_NAMES, ...settings.images };
  const engine = await findEngine(engineSocket(), signal);
  const imageIds = await requireImages(
    engine,
    imagesOf(topology, images),
    'Run `npm run images` in a checkout.',
    signal,
  );
  await configureTestcontainers(engine);
  const layout = layoutOf(topology);
  const ports = await reservePorts(topology.links.filter(isPublished), [PROXY, PROBER], options.ports);
  const prober = { url: `http://${ports.address(PROBER)}`, token, network: systemNetwork };
  const probe: Driver['probe'] = async (url, abort) => {
    const sentMs = clock.nowMs();
    return { sentMs, ...(await probeInside(prober, url, abort)) };
  };
  const volumes = Object.fromEntries(Object.entries(folders).map(([target, source]) => [target, filesBelow(source)]));
  const stack: StackPlan = { runId, token, layout, images, ports, limits, cpus: engine.cpus, volumes };
  const containers: RestartableContainer[] = [];
  // A start takes a processor for a moment: one is left for the load and the stack, which is not to wait for its own replicas.
  const turns = new Turns(Math.max(1, engine.cpus - 1));
  const program = (name: string, plan: ContainerPlan): Program => {
    const logPath = join(options.directory, `${name}.log`);
    const container = new RestartableContainer(plan, logPath, clock, turns);
    containers.push(container);
    return { logPath, container: container.control, start: () => container.start() };
  };
  return {
    versions: { docker: engine.version, ...imageIds },
    network: systemNetwork,
    reachesReplicas: false,
    where: layout,
    graceMs: GRACE_MS,
    edge: edgeAccess(fullName(runId, EDGE)),
    async open(guard) {
      guard.register({ kind: 'docker-label', label: labelOf(runId), socketPath: engine.socketPath });
      await createNetworks(runId, layout.networks);
      await ports.free();
      const access = newAccess(`http://${ports.address(PROXY)}`, systemSecrets);
      return {
        helpers: [
          {
            ...program(PROXY, proxyContainer(stack, topology, access)),
            name: PROXY,
            url: access.apiUrl,
            isReady: abort => isApiReady(access, connect, clock, abort),
          },
          {
            ...program(PROBER, proberContainer(stack)),
            name: PROBER,
            url: prober.url,
            isReady: abort => isReadyAt(PROBER_SELF, abort, probe, clock),
          },
        ],
        proxy: { ...access, source: 'container' },
      };
    },
    async programOf(plan) {
      const files = await plan.files?.(addressesInside(plan, layout, token));
      return program(plan.name, replicaContainer(stack, plan, files));
    },
    async listenersOf(link) {
      const listen = isPublished(link) ? ports.address(link.name) : layout.link(link.name);
      return { requested: `0.0.0.0:${layout.linkPort(link.name)}`, listen };
    },
    probe,
    trace: async (url, request, abort) => {
      const sentMs = clock.nowMs();
      return { ...(await traceInside(prober, url, request, abort)), sentMs };
    },
    send: (origin, request, abort) => sendInside(prober, origin, request, abort),
    async cleanup() {
      await ports.free();
      const starting = Promise.all(containers.map(container => container.starting));
      await settlesWithin(starting, STARTING_LIMIT_MS, clock);
      const { socketPath } = engine;
      const label = labelOf(runId);
      const { isClean } = await removeLabelled({ socketPath, label, clock, limitMs: REMOVE_LIMIT_MS });
      return isClean ? undefined : `could not remove everything with the label ${label} yet`;
    },
  };
}

function edgeAccess(name: string): EdgeAccess {
  return {
    async write(path, text) {
      const { container } = await getContainerRuntimeClient();
      await container.putArchive(container.getById(name), archiveOf(below(EDGE, { [path]: text })), FILES);
    },
    async reload() {
      const { container } = await getContainerRuntimeClient();
      await container.getById(name).kill({ signal: 'SIGHUP' });
    },
  };
}
