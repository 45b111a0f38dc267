import { IMAGE_NAMES } from '../../images/image-names.ts';
import type { ReplicaPlan, Topology } from '../../topology.ts';
import type { ContainerPlan } from './container.ts';
import { environmentOf, type Layout, PROXY, PROXY_API_PORT, programInImage } from './layout.ts';
import { PROBER, PROBER_PORT, PROBER_PROGRAM } from './prober.ts';
import type { PublishedPorts } from './published-ports.ts';

/** Label of everything that belongs to a run; its value is the run's id. */
export const RUN_LABEL = 'squall.run';

/** The images that stacks are made of, by tag; `npm run images` builds them. */
export const IMAGES = { service: IMAGE_NAMES.service, toxiproxy: IMAGE_NAMES.toxiproxy } as const;

/** Tags of the two images. */
export type Images = Readonly<Record<keyof typeof IMAGES, string>>;

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
export const DEFAULT_LIMITS: Limits = { cpus: 1, memoryMiB: 512 };

/** What the containers of one stack have in common. */
export interface StackPlan {
  readonly runId: string;
  readonly layout: Layout;
  readonly images: Images;
  readonly ports: PublishedPorts;
  /** By service; {@link DEFAULT_LIMITS} for one that is not named. */
  readonly limits: Readonly<Record<string, Limits>>;
  /** CPUs of the engine. */
  readonly cpus: number;
  /** Folders to put into every replica's container. */
  readonly copies: readonly { readonly source: string; readonly target: string }[];
}

/** The full name of a container or network, unique on the engine as long as run ids are. */
export function fullName(runId: string, name: string): string {
  return `squall-${runId}-${name}`;
}

/** The labels of everything in a run. */
export function labelsOf(runId: string): Record<string, string> {
  return { [RUN_LABEL]: runId };
}

/** The fault proxy: in every network, with the ports by which clients enter, its own API and the prober's published. */
export function proxyContainer({ runId, layout, ports, images }: StackPlan, topology: Topology): ContainerPlan {
  const entries = topology.links.filter(link => link.isEntry);
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
      ...Object.fromEntries(entries.map(({ name }) => [layout.linkPort(name), ports.of(name)])),
      [PROXY_API_PORT]: ports.of(PROXY),
      [PROBER_PORT]: ports.of(PROBER),
    },
    copies: [],
  };
}

/** The prober: on the fault proxy's network interfaces, so that it sees what a link sees. To be started after it. */
export function proberContainer({ runId, images }: StackPlan): ContainerPlan {
  return {
    ...UNLIMITED,
    name: fullName(runId, PROBER),
    labels: labelsOf(runId),
    image: images.service,
    command: [...ONE_OUTPUT, 'node', PROBER_PROGRAM.target],
    environment: {},
    networks: fullName(runId, PROXY),
    published: {},
    copies: [{ ...PROBER_PROGRAM, isDirectory: false }],
  };
}

/** A replica: in its service's network alone, and with limits. */
export function replicaContainer(stack: StackPlan, plan: ReplicaPlan): ContainerPlan {
  const { runId, layout, images, limits, copies } = stack;
  const { cpus, memoryMiB } = limits[plan.service] ?? DEFAULT_LIMITS;
  return {
    name: fullName(runId, plan.name),
    labels: labelsOf(runId),
    image: images.service,
    command: [...ONE_OUTPUT, 'node', programInImage(plan.program)],
    environment: environmentOf(plan, layout),
    networks: [{ name: fullName(runId, plan.service), aliases: [plan.name] }],
    published: {},
    cpus: Math.min(cpus, stack.cpus),
    memoryMiB,
    copies: copies.map(copy => ({ ...copy, isDirectory: true })),
  };
}
