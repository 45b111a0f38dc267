import { GenericContainer, getContainerRuntimeClient, type WaitStrategy } from 'testcontainers';
import { archiveOf, type Files } from './archive.ts';

/** Network of a container, with the container's names in it. */
export interface ContainerNetwork {
  /** Full name. */
  readonly name: string;
  readonly aliases: readonly string[];
}

/** Settings of a container. */
export interface ContainerPlan {
  /** Full name, unique on the engine. */
  readonly name: string;
  /** A local image; nothing is pulled. */
  readonly image: string;
  /** The working directory; undefined for the image's. */
  readonly directory?: string;
  /** Program on the image's PATH, and its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  /** At least one; or the name of another container, whose network interfaces, names and published ports it shares. */
  readonly networks: readonly ContainerNetwork[] | string;
  /** Ports on the host's loopback interface, by the port inside. */
  readonly published: Readonly<Record<number, number>>;
  readonly labels: Readonly<Record<string, string>>;
  /** In CPUs, with fractions; undefined for no limit. */
  readonly cpus: number | undefined;
  readonly memoryMiB: number | undefined;
  /**
   * Files by the absolute folder that contains them. Each folder is a writable volume, removed with the container; apart from these and
   * `/tmp` the file system is read-only.
   */
  readonly volumes: Readonly<Record<string, Files>>;
}

const LOOPBACK = '127.0.0.1';
const MIB = 2 ** 20;
const CPU = 1e9;
/** Scratch space in memory, charged to the container. */
const SCRATCH = { '/tmp': 'rw,noexec,nosuid,nodev,size=64m' };

/** The supervisor checks readiness: testcontainers would remove a container that exits, along with the reason. */
const DO_NOT_WAIT: WaitStrategy = {
  waitUntilReady: async () => {},
  withStartupTimeout: () => DO_NOT_WAIT,
  isStartupTimeoutSet: () => false,
  getStartupTimeout: () => 0,
};

/**
 * A container in the planned networks only (testcontainers would add one with aliases to the default network, too, where every
 * container reaches every other), published on the loopback interface only, without privileges, and with a read-only root. Names
 * unknown to the engine are looked up at 127.0.0.1 inside and nowhere else, see `prober-main.ts`.
 */
export class StackContainer extends GenericContainer {
  readonly #plan: ContainerPlan;
  readonly #onCreated: (id: string) => Promise<void>;

  /** @param onCreated called between creation and start, once the container is in its networks */
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
      // Equal values mean no swap: at its limit a container is killed instead of slowed down.
      ...(memoryMiB === undefined ? {} : { Memory: memoryMiB * MIB, MemorySwap: memoryMiB * MIB }),
    });
    // The prober checks readiness; a program started every few seconds would disturb measurements.
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
