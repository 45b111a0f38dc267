import type { Addresses, ReplicaExecutable, ReplicaPlan } from '../../stack/replica-plan.ts';
import { TOKEN_VARIABLE } from '../../stack/token.ts';
import type { ToolName } from '../../stack/tools.ts';
import type { LinkPlan, Topology } from '../../stack/topology.ts';
import { PROXY, type ProxyAccess, proxyEnvironment } from '../fault-proxy.ts';
import type { PortBook } from '../ports.ts';
import { below, type Files } from './archive.ts';
import type { ContainerPlan } from './container.ts';
import type { ImageName } from './images/image-names.ts';
import { addressesInside, FILES, type Layout, PROXY_API_PORT, programInImage } from './layout.ts';
import { PROBER, PROBER_PORT, PROBER_PROGRAM, proberFiles } from './prober.ts';

/** Label of every resource of a run; its value is the run id. */
const RUN_LABEL = 'squall.run';

/** Tags of images, by short name. */
export type Images = Readonly<Record<ImageName, string>>;

/** Image of each tool. */
const IMAGE_OF: Readonly<Record<ToolName, ImageName>> = {
  nginx: 'nginx',
  'redis-server': 'redis',
  prometheus: 'prometheus',
};

/** Tags of the images of a topology, starting with the services' and the fault proxy's. */
export function imagesOf({ replicas }: Topology, images: Images): string[] {
  const tools = replicas.flatMap(({ run }) => (run.kind === 'tool' ? [images[IMAGE_OF[run.tool]]] : []));
  return [...new Set([images.service, images.toxiproxy, ...tools])];
}

/** Resource limits of a container. */
export interface Limits {
  /** CPUs, with fractions; capped at the engine's. */
  readonly cpus: number;
  readonly memoryMiB: number;
}

/**
 * Redirects stderr to stdout, since the engine reads the two in no particular order. `exec` replaces the shell, so that signals reach the
 * program.
 */
const ONE_OUTPUT = ['sh', '-c', 'exec "$0" "$@" 2>&1'] as const;

/** Limits of helpers. */
const UNLIMITED = { cpus: undefined, memoryMiB: undefined };

/** Default limits of a replica. */
const DEFAULT_LIMITS: Limits = { cpus: 1, memoryMiB: 512 };

/** Settings common to all containers of a stack. */
export interface StackPlan {
  readonly runId: string;
  readonly token: string;
  readonly layout: Layout;
  readonly images: Images;
  /** Published ports, of links that start outside the stack and of helpers. */
  readonly ports: Pick<PortBook, 'of'>;
  /** By service; {@link DEFAULT_LIMITS} for others. */
  readonly limits: Readonly<Record<string, Limits>>;
  /** CPUs of the engine. */
  readonly cpus: number;
  /** Files to copy into the containers of Squall's own services, by absolute folder. */
  readonly volumes: Readonly<Record<string, Files>>;
}

/** Full name of a container or network, unique on the engine if run ids are. */
export function fullName(runId: string, name: string): string {
  return `squall-${runId}-${name}`;
}

/** Label of every resource of a run, as `key=value`. */
export function labelOf(runId: string): string {
  return `${RUN_LABEL}=${runId}`;
}

/** Whether a link starts outside the stack, which publishes its port. */
export function isPublished({ usedBy }: LinkPlan): boolean {
  return usedBy !== 'services';
}

/** Labels of every resource of a run. */
export function labelsOf(runId: string): Record<string, string> {
  return { [RUN_LABEL]: runId };
}

/** Fault proxy: in every network, with published ports for links that start outside the stack, its API, and the prober. */
export function proxyContainer(
  { runId, layout, ports, images }: StackPlan,
  topology: Topology,
  access: ProxyAccess,
): ContainerPlan {
  const outside = topology.links.filter(isPublished);
  return {
    ...UNLIMITED,
    name: fullName(runId, PROXY),
    labels: labelsOf(runId),
    image: images.toxiproxy,
    command: ['toxiproxy-server', '-host', '0.0.0.0', '-port', `${PROXY_API_PORT}`],
    environment: proxyEnvironment(access),
    networks: layout.networks.map(network => ({ name: fullName(runId, network), aliases: [PROXY] })),
    published: {
      ...Object.fromEntries(outside.map(({ name }) => [layout.linkPort(name), ports.of(name)])),
      [PROXY_API_PORT]: ports.of(PROXY),
      [PROBER_PORT]: ports.of(PROBER),
    },
    volumes: {},
  };
}

/** Prober: on the fault proxy's network interfaces, and therefore started after it. */
export function proberContainer({ runId, token, images }: StackPlan): ContainerPlan {
  return {
    ...UNLIMITED,
    name: fullName(runId, PROBER),
    labels: labelsOf(runId),
    image: images.service,
    command: [...ONE_OUTPUT, 'node', `${FILES}/${PROBER_PROGRAM}`],
    environment: { [TOKEN_VARIABLE]: token },
    networks: fullName(runId, PROXY),
    published: {},
    volumes: { [FILES]: proberFiles() },
  };
}

/** Replica: in its zone's network only, with limits. @param files result of {@link ReplicaPlan.files} */
export function replicaContainer(stack: StackPlan, plan: ReplicaPlan, files: Files | undefined): ContainerPlan {
  const { runId, token, layout, images, limits } = stack;
  const { cpus, memoryMiB } = limits[plan.service] ?? DEFAULT_LIMITS;
  const addresses = addressesInside(plan, layout, token);
  const { image, command } = executableOf(plan.run, addresses, images);
  return {
    name: fullName(runId, plan.name),
    labels: labelsOf(runId),
    image,
    command: [...ONE_OUTPUT, ...command],
    // Names by which others know it: links lead to the fault proxy's.
    environment: { ...plan.environment(addresses), HOST_NAMES: `${PROXY},${plan.name}` },
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
