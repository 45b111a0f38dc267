import { GenericContainer, getContainerRuntimeClient, type WaitStrategy } from 'testcontainers';
import { archiveOf, type Files } from './archive.ts';

/** One more network for a container to be in, under its own names. */
export interface ContainerNetwork {
  /** The network's full name. */
  readonly name: string;
  /** Names under which the others in it find the container. */
  readonly aliases: readonly string[];
}

/** How to make a container. */
export interface ContainerPlan {
  /** Full name, unique on the engine. */
  readonly name: string;
  /** A local image; nothing is pulled. */
  readonly image: string;
  /** The working directory; undefined for the image's. */
  readonly directory?: string;
  /** The program on the image's PATH, and what it is given. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  /** At least one, or another container's name: then it shares that one's network interfaces, names and published ports. */
  readonly networks: readonly ContainerNetwork[] | string;
  /** Ports of the host's loopback interface, by the port inside. */
  readonly published: Readonly<Record<number, number>>;
  readonly labels: Readonly<Record<string, string>>;
  /** In CPUs, with fractions; undefined for no limit. */
  readonly cpus: number | undefined;
  readonly memoryMiB: number | undefined;
  /**
   * Files of its own, by the absolute folder below which they lie. Each folder is a volume, which the program may write to and which goes
   * with the container; beside them and `/tmp` its file system is read-only.
   */
  readonly volumes: Readonly<Record<string, Files>>;
}

const LOOPBACK = '127.0.0.1';
const MIB = 2 ** 20;
const CPU = 1e9;
/** Scratch space in memory, which counts as the container's own. */
const SCRATCH = { '/tmp': 'rw,noexec,nosuid,nodev,size=64m' };

/** Readiness is the supervisor's to find out: testcontainers would remove a container that dies before anyone has read why. */
const DO_NOT_WAIT: WaitStrategy = {
  waitUntilReady: async () => {},
  withStartupTimeout: () => DO_NOT_WAIT,
  isStartupTimeoutSet: () => false,
  getStartupTimeout: () => 0,
};

/**
 * A container as a platform needs it: in several networks and no other (testcontainers would put one with aliases into the
 * default network too, where everyone reaches everyone), published on the loopback interface alone, without privileges, and
 * with a read-only root. Names
 * that the engine does not know are asked for at 127.0.0.1, inside, and nowhere else; see `prober-main.ts`.
 */
export class StackContainer extends GenericContainer {
  readonly #plan: ContainerPlan;
  readonly #onCreated: (id: string) => Promise<void>;

  /** @param onCreated called between creation and start, when the container is in its networks */
  constructor(plan: ContainerPlan, onCreated: (id: string) => Promise<void>) {
    super(plan.image);
    this.#plan = plan;
    this.#onCreated = onCreated;
    this.withName(plan.name).withLabels(plan.labels).withEnvironment(plan.environment).withWaitStrategy(DO_NOT_WAIT);
    this.withNetworkMode(typeof plan.networks === 'string' ? `container:${plan.networks}` : plan.networks[0]!.name);
    this.withDroppedCapabilities('ALL').withSecurityOpt('no-new-privileges').withTmpFs(SCRATCH);
    const [program, ...flags] = plan.command;
    this.withEntrypoint([program]).withCommand(flags);
  }

  protected override async beforeContainerCreated(): Promise<void> {
    const { networks, published, cpus, memoryMiB, directory, labels, volumes } = this.#plan;
    Object.assign(this.hostConfig, {
      ReadonlyRootfs: true,
      Mounts: Object.keys(volumes).map(Target => ({ Type: 'volume', Target, VolumeOptions: { Labels: labels } })),
      ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * CPU) }),
      // As much swap as memory means none beyond it: at its limit a container is killed instead of getting slow.
      ...(memoryMiB === undefined ? {} : { Memory: memoryMiB * MIB, MemorySwap: memoryMiB * MIB }),
    });
    // Readiness is asked for by the prober; a program started every few seconds would only take from what is measured.
    if (directory !== undefined) this.createOpts.WorkingDir = directory;
    this.createOpts.Healthcheck = { Test: ['NONE'] };
    if (typeof networks === 'string') return;
    const [first] = networks;
    const ports = Object.entries(published).map(([inside, port]) => [`${inside}/tcp`, port] as const);
    this.createOpts.ExposedPorts = Object.fromEntries(ports.map(([name]) => [name, {}]));
    this.createOpts.NetworkingConfig = { EndpointsConfig: { [first!.name]: { Aliases: [...first!.aliases] } } };
    Object.assign(this.hostConfig, {
      PortBindings: Object.fromEntries(
        ports.map(([name, port]) => [name, [{ HostIp: LOOPBACK, HostPort: `${port}` }]]),
      ),
      Dns: [LOOPBACK],
    });
  }

  protected override async containerCreated(id: string): Promise<void> {
    const client = await getContainerRuntimeClient();
    const container = client.container.getById(id);
    const { networks, volumes } = this.#plan;
    for (const [folder, files] of Object.entries(volumes))
      await client.container.putArchive(container, archiveOf(files), folder);
    for (const { name, aliases } of typeof networks === 'string' ? [] : networks.slice(1))
      await client.container.connectToNetwork(container, client.network.getById(name), [...aliases]);
    await this.#onCreated(id);
  }
}
