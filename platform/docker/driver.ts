import { join } from 'node:path';
import { type Clock, settlesWithin } from '../../harness/clock.ts';
import type { UpOptions } from '../../harness/contracts.ts';
import type { Topology } from '../../stack/topology.ts';
import type { Driver } from '../driver.ts';
import { PROXY } from '../fault-proxy.ts';
import type { Program } from '../instance.ts';
import { reservePorts } from '../ports.ts';
import { answersReady } from '../readiness.ts';
import { filesBelow } from './archive.ts';
import type { ContainerPlan } from './container.ts';
import { RestartableContainer } from './container-instance.ts';
import { edgeAccess } from './edge-access.ts';
import { type Engine, engineSocket, findEngine, requireImages } from './engine.ts';
import { IMAGE_NAMES } from './images/image-names.ts';
import { addressesInside, layoutOf } from './layout.ts';
import { makeNetworks } from './networks.ts';
import {
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
import { prepareTestcontainers } from './prepare.ts';
import { lookAt, PROBER, PROBER_SELF } from './prober.ts';
import { removeLabelled } from './remove-labelled.ts';

/** Services that use others drain, the rest have nothing to finish. */
const GRACE_MS = { last: 2250, others: 1000, helpers: 0 };
/** With the graces and half a second for each kill the whole takes 10 s at most. */
const REMOVE_LIMIT_MS = 4750;
const BEGUN_LIMIT_MS = 2000;

/** What containers are made of, and what they may use. */
export interface DockerSettings {
  /** Tags of other images. @default those of `npm run images` */
  readonly images?: Partial<Images>;
  /** By service. @default 1 CPU and 512 MiB for each replica */
  readonly limits?: Readonly<Record<string, Limits>>;
  /** Folders of this machine to put into the containers of all services of ours, by where they go. @default none */
  readonly folders?: Readonly<Record<string, string>>;
}

/**
 * Runs replicas, the fault proxy and the prober as containers.
 * @throws SquallError `NO_DOCKER_ENGINE` and as {@link findEngine}, {@link requireImages} and {@link reservePorts}
 */
export async function dockerDriver(topology: Topology, options: UpOptions, settings: DockerSettings): Promise<Driver> {
  const { runId, clock, signal } = options;
  const { limits = {}, folders = {} } = settings;
  const images = { ...IMAGE_NAMES, ...settings.images };
  const engine = await findEngine(engineSocket(), signal);
  const imageIds = await requireImages(engine, imagesOf(topology, images), 'Run `npm run images`.', signal);
  await prepareTestcontainers(engine);
  const layout = layoutOf(topology);
  const ports = await reservePorts(topology.links.filter(isPublished), [PROXY, PROBER]);
  const proberUrl = `http://${ports.address(PROBER)}`;
  const probe: Driver['probe'] = async (url, asked) => {
    const sentMs = clock.nowMs();
    return { sentMs, ...(await lookAt(proberUrl, url, asked)) };
  };
  const volumes = Object.fromEntries(Object.entries(folders).map(([target, source]) => [target, filesBelow(source)]));
  const stack: StackPlan = { runId, layout, images, ports, limits, cpus: engine.cpus, volumes };
  const containers: RestartableContainer[] = [];
  const program = (name: string, plan: ContainerPlan): Program => {
    const logPath = join(options.directory, `${name}.log`);
    const container = new RestartableContainer(plan, logPath, clock);
    containers.push(container);
    return { logPath, container: container.control, start: () => container.start() };
  };
  return {
    versions: { docker: engine.version, ...imageIds },
    where: layout,
    graceMs: GRACE_MS,
    edge: edgeAccess(runId),
    async open(guard) {
      guard.register({ kind: 'docker-label', label: labelOf(runId), socketPath: engine.socketPath });
      await makeNetworks(runId, layout.networks);
      await ports.free();
      const apiUrl = `http://${ports.address(PROXY)}`;
      return {
        helpers: [
          {
            ...program(PROXY, proxyContainer(stack, topology)),
            name: PROXY,
            url: apiUrl,
            isReady: asked => answersReady(`${apiUrl}/version`, asked),
          },
          // It sees itself.
          {
            ...program(PROBER, proberContainer(stack)),
            name: PROBER,
            url: proberUrl,
            isReady: asked => answersReady(PROBER_SELF, asked, probe),
          },
        ],
        proxy: { apiUrl, source: 'container' },
      };
    },
    async programOf(plan) {
      const files = await plan.files?.(addressesInside(plan, layout));
      return program(plan.name, replicaContainer(stack, plan, files));
    },
    async listenersOf(link) {
      const listen = isPublished(link) ? ports.address(link.name) : layout.link(link.name);
      return { asked: `0.0.0.0:${layout.linkPort(link.name)}`, listen };
    },
    probe,
    async leave() {
      await ports.free();
      return removeAll(containers, engine, runId, clock);
    },
  };
}

/** Whatever cannot be removed is left to the watchdog, which tries again when the harness has ended. */
async function removeAll(
  containers: readonly RestartableContainer[],
  { socketPath }: Engine,
  runId: string,
  clock: Clock,
): Promise<string | undefined> {
  const begun = Promise.all(containers.map(container => container.begun));
  await settlesWithin(begun, BEGUN_LIMIT_MS, clock);
  const label = labelOf(runId);
  const removed = await removeLabelled({ socketPath, label, clock, limitMs: REMOVE_LIMIT_MS });
  return removed.isClean ? undefined : `not everything with the label ${label} could be removed yet`;
}
