import { type ContainerRuntimeClient, getContainerRuntimeClient } from 'testcontainers';
import type { ReplicaContainer } from '../../harness/contracts.ts';
import type { ContainerPlan } from './container.ts';

/** A container on the engine, running or not. */
export type EngineContainer = ReturnType<ContainerRuntimeClient['container']['getById']>;

const MIB = 2 ** 20;
/** Practically no limit: to the engine, 0 means unchanged. */
const UNLIMITED_MIB = 2 ** 20;
/** Margin above the current usage for which the engine accepts a limit while the container runs. */
const SLACK_BYTES = 2 * MIB;
const SQUEEZE_ATTEMPTS = 5;
/** File in `/dev/shm`, for which the engine allows 64 MiB: charged to the container, held by no process. */
const BALLAST = '/dev/shm/squall-ballast';
const BALLAST_BYTES = 64 * MIB;

/**
 * Memory limit and connectivity of a container. The desired state is applied again before each start, so that it survives a restart
 * and can be set while the container is down.
 */
export class ContainerControl implements ReplicaContainer {
  readonly #plan: ContainerPlan;
  readonly #current: () => EngineContainer | undefined;
  #memoryMiB: number | undefined;
  #isConnected = true;
  /** Whether anything was ever changed; otherwise no call to the engine is needed. */
  #isTouched = false;
  #hasBallast = false;

  /** @param current the container, once created */
  constructor(plan: ContainerPlan, current: () => EngineContainer | undefined) {
    this.#plan = plan;
    this.#memoryMiB = plan.memoryMiB;
    this.#current = current;
  }

  async limitMemory(mebibytes: number | null): Promise<number | undefined> {
    this.#memoryMiB = mebibytes ?? this.#plan.memoryMiB;
    this.#isTouched = true;
    await this.#applyMemory();
    return this.#memoryMiB;
  }

  async disconnect(): Promise<void> {
    await this.#setConnected(false);
  }

  async reconnect(): Promise<void> {
    await this.#setConnected(true);
  }

  /** Called before each start. */
  async prepare(): Promise<void> {
    if (!this.#isTouched) return;
    this.#hasBallast = false;
    await this.#applyMemory();
    await this.#applyNetworks();
  }

  async #setConnected(isConnected: boolean): Promise<void> {
    this.#isConnected = isConnected;
    this.#isTouched = true;
    await this.#applyNetworks();
  }

  async #applyMemory(): Promise<void> {
    const container = this.#current();
    if (!container) return;
    const bytes = (this.#memoryMiB ?? UNLIMITED_MIB) * MIB;
    if ((await container.inspect()).HostConfig.Memory !== bytes)
      await setMemory(container, bytes).catch(error => this.#squeeze(container, bytes, error));
    else if (!this.#hasBallast) return;
    // It survived, or the limit was lifted before it was killed.
    if (this.#hasBallast && (await container.inspect()).HostConfig.Memory === bytes)
      await this.#run(container, `rm -f ${BALLAST}`, false);
  }

  /**
   * Gets a container killed that already uses more than `bytes`. On cgroup v2 the kernel does that by itself; v1 rejects such a limit.
   * There it gets the lowest limit that the kernel accepts, and then a file in memory, which is charged to it but cannot be reclaimed
   * from a process, so that the kernel kills its largest one.
   */
  async #squeeze(container: EngineContainer, bytes: number, rejection: unknown): Promise<void> {
    for (let attempt = 0; attempt < SQUEEZE_ATTEMPTS; attempt += 1) {
      if (!(await container.inspect()).State.Running) return setMemory(container, bytes);
      const { usage } = (await container.stats({ stream: false, 'one-shot': true })).memory_stats;
      if (usage <= bytes) throw rejection;
      const isSet = await setMemory(container, usage + SLACK_BYTES).then(
        () => true,
        () => false,
      );
      if (isSet) return this.#run(container, `head -c ${BALLAST_BYTES} /dev/zero > ${BALLAST}`, true);
    }
    throw rejection;
  }

  /** Starts a command in a container; no effect if the container does not run. */
  async #run(container: EngineContainer, script: string, hasBallast: boolean): Promise<void> {
    this.#hasBallast = hasBallast;
    try {
      const command = await container.exec({ Cmd: ['sh', '-c', script] });
      const output = await command.start({ Detach: true });
      // An unread stream would keep the harness alive.
      output.on('error', () => {}).resume();
    } catch (error) {
      if ((await container.inspect()).State.Running) throw error;
    }
  }

  async #applyNetworks(): Promise<void> {
    const container = this.#current();
    const { networks } = this.#plan;
    if (!container || typeof networks === 'string') return;
    const client = await getContainerRuntimeClient();
    const attached = (await container.inspect()).NetworkSettings.Networks;
    for (const { name, aliases } of networks) {
      if (name in attached === this.#isConnected) continue;
      const network = client.network.getById(name);
      if (this.#isConnected) await client.container.connectToNetwork(container, network, [...aliases]);
      else await network.disconnect({ Container: container.id, Force: true });
    }
  }
}

/** Sets the limit, without additional swap. @throws the engine's error, also if the container uses more (cgroup v1) */
async function setMemory(container: EngineContainer, bytes: number): Promise<void> {
  await container.update({ Memory: bytes, MemorySwap: bytes });
}
