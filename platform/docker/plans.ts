import type { Addresses, ReplicaExecutable, ReplicaPlan } from '../../stack/replica-plan.ts';
import type { ToolName } from '../../stack/tools.ts';
import type { LinkPlan, Topology } from '../../stack/topology.ts';
import { PROXY } from '../fault-proxy.ts';
import type { PortBook } from '../ports.ts';
import { below, type Files } from './archive.ts';
import type { ContainerPlan } from './container.ts';
import type { ImageName } from './images/image-names.ts';
import { addressesInside, FILES, type Layout, PROXY_API_PORT, programInImage } from './layout.ts';
import { PROBER, PROBER_PORT, PROBER_PROGRAM, proberFiles } from './prober.ts';

/** Label of everything that belongs to a run; its value is the run's id. */
const RUN_LABEL = 'squall.run';

/** Tags of the images that stacks are made of; `npm run images` builds them. */
export type Images = Readonly<Record<ImageName, string>>;

/** The image that has a tool. */
const IMAGE_OF: Readonly<Record<ToolName, ImageName>> = {
  nginx: 'nginx',
  'redis-server': 'redis',
  prometheus: 'prometheus',
};

/** Tags of the images that a topology needs, the services' and the fault proxy's first. */
export function imagesOf({ replicas }: Topology, images: Images): string[] {
  const tools = replicas.flatMap(({ run }) => (run.kind === 'tool' ? [images[IMAGE_OF[run.tool]]] : []));
  return [...new Set([images.service, images.toxiproxy, ...tools])];
}

/** What a container may use. */
export interface Limits {
  /** In CPUs, with fractions; more than the engine has means all of them. */
  readonly cpus: number;
  readonly memoryMiB: number;
}

/**
 * Makes errors part of the output: the engine reads two outputs in no certain order, and a log whose last words come first
 * misleads. The shell gives way to the program, so that signals reach it.
 */
const ONE_OUTPUT = ['sh', '-c', 'exec "$0" "$@" 2>&1'] as const;

/** For what is not under test. */
const UNLIMITED = { cpus: undefined, memoryMiB: undefined };

/** What a replica may use unless told otherwise. */
const DEFAULT_LIMITS: Limits = { cpus: 1, memoryMiB: 512 };

/** What the containers of one stack have in common. */
export interface StackPlan {
  readonly runId: string;
  readonly layout: Layout;
  readonly images: Images;
  /** Those that are published: of links that start outside the stack, and of helpers. */
  readonly ports: Pick<PortBook, 'of'>;
  /** By service; {@link DEFAULT_LIMITS} for one that is not named. */
  readonly limits: Readonly<Record<string, Limits>>;
  /** CPUs of the engine. */
  readonly cpus: number;
  /** Files to put into the containers of all services of ours, by the absolute folder below which they go. */
  readonly volumes: Readonly<Record<string, Files>>;
}

/** The full name of a container or network, unique on the engine as long as run ids are. */
export function fullName(runId: string, name: string): string {
  return `squall-${runId}-${name}`;
}

/** What everything in a run has, as `key=value`. */
export function labelOf(runId: string): string {
  return `${RUN_LABEL}=${runId}`;
}

/** Whether a link starts outside the stack, so that its port is published. */
export function isPublished({ usedBy }: LinkPlan): boolean {
  return usedBy !== 'services';
}

/** The labels of everything in a run. */
export function labelsOf(runId: string): Record<string, string> {
  return { [RUN_LABEL]: runId };
}

/** The fault proxy: in every network, with the ports of links that start outside the stack, its own API and the prober's published. */
export function proxyContainer({ runId, layout, ports, images }: StackPlan, topology: Topology): ContainerPlan {
  const outside = topology.links.filter(isPublished);
  return {
    ...UNLIMITED,
    name: fullName(runId, PROXY),
    labels: labelsOf(runId),
    image: images.toxiproxy,
    command: ['toxiproxy-server', '-host', '0.0.0.0', '-port', `${PROXY_API_PORT}`],
    // Toxiproxy otherwise logs every connection.
    environment: { LOG_LEVEL: 'warn' },
    networks: layout.networks.map(network => ({ name: fullName(runId, network), aliases: [PROXY] })),
    published: {
      ...Object.fromEntries(outside.map(({ name }) => [layout.linkPort(name), ports.of(name)])),
      [PROXY_API_PORT]: ports.of(PROXY),
      [PROBER_PORT]: ports.of(PROBER),
    },
    volumes: {},
  };
}

/** The prober: on the fault proxy's network interfaces, so that it sees what a link sees. To be started after it. */
export function proberContainer({ runId, images }: StackPlan): ContainerPlan {
  return {
    ...UNLIMITED,
    name: fullName(runId, PROBER),
    labels: labelsOf(runId),
    image: images.service,
    command: [...ONE_OUTPUT, 'node', `${FILES}/${PROBER_PROGRAM}`],
    environment: {},
    networks: fullName(runId, PROXY),
    published: {},
    volumes: { [FILES]: proberFiles() },
  };
}

/** A replica: in its zone's network alone, and with limits. @param files what {@link ReplicaPlan.files} told */
export function replicaContainer(stack: StackPlan, plan: ReplicaPlan, files: Files | undefined): ContainerPlan {
  const { runId, layout, images, limits } = stack;
  const { cpus, memoryMiB } = limits[plan.service] ?? DEFAULT_LIMITS;
  const addresses = addressesInside(plan, layout);
  const { image, command } = executableOf(plan.run, addresses, images);
  return {
    name: fullName(runId, plan.name),
    labels: labelsOf(runId),
    image,
    command: [...ONE_OUTPUT, ...command],
    environment: plan.environment(addresses),
    networks: [{ name: fullName(runId, plan.zone), aliases: [plan.name] }],
    published: {},
    cpus: Math.min(cpus, stack.cpus),
    memoryMiB,
    volumes: {
      ...(plan.run.kind === 'node' ? stack.volumes : {}),
      ...(files ? { [FILES]: below(plan.name, files) } : {}),
    },
    ...(files ? { directory: addresses.directory } : {}),
  };
}

function executableOf(run: ReplicaExecutable, addresses: Addresses, images: Images) {
  if (run.kind === 'node') return { image: images.service, command: ['node', programInImage(run.program)] };
  return { image: images[IMAGE_OF[run.tool]], command: [run.tool, ...run.args(addresses)] };
}
