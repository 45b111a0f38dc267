import { type ContainerRuntimeClient, getContainerRuntimeClient } from 'testcontainers';
import type { ReplicaContainer } from '../../harness/contracts.ts';
import type { ContainerPlan } from './container.ts';

/** A container of the engine, running or not. */
export type EngineContainer = ReturnType<ContainerRuntimeClient['container']['getById']>;

const MIB = 2 ** 20;
/** As good as none: the engine takes 0 for "leave it as it is". */
const UNLIMITED_MIB = 2 ** 20;
/** What a squeezed container may still take until it is killed: enough for the engine to accept the limit while it runs on. */
const SLACK_BYTES = 2 * MIB;
const SQUEEZE_ATTEMPTS = 5;
/** Memory in a file of `/dev/shm`, which the engine makes 64 MiB large: charged to the container, held by no process. */
const BALLAST = '/dev/shm/squall-ballast';
const BALLAST_BYTES = 64 * MIB;

/**
 * What can be done to a container beside starting and ending it. What is wanted is remembered and applied again before each start,
 * so that it outlives a restart and may be asked for while nothing runs.
 */
export class ContainerControl implements ReplicaContainer {
  readonly #plan: ContainerPlan;
  readonly #current: () => EngineContainer | undefined;
  #memoryMiB: number | undefined;
  #isConnected = true;
  /** Whether anything was ever asked for; the usual container costs no question. */
  #isTouched = false;
  #hasBallast = false;

  /** @param current the container once it is created */
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

  /** To be called before each start. */
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
    // It got away, or the limit was lifted before it was killed.
    if (this.#hasBallast && (await memoryOf(container)) === bytes)
      await this.#run(container, `rm -f ${BALLAST}`, false);
  }

  /**
   * Has a container killed that uses more than `bytes` already. On cgroup v2 the kernel does that by itself; v1 refuses such a limit.
   * There it gets the least one that the kernel accepts, and then a file in memory, which counts as its own but can be taken from
   * no process, so that the kernel must kill its largest.
   */
  async #squeeze(container: EngineContainer, bytes: number, refusal: unknown): Promise<void> {
    for (let attempt = 0; attempt < SQUEEZE_ATTEMPTS; attempt += 1) {
      if (!(await container.inspect()).State.Running) return setMemory(container, bytes);
      const { usage } = (await container.stats({ stream: false, 'one-shot': true })).memory_stats;
      if (usage <= bytes) throw refusal;
      const isSet = await setMemory(container, usage + SLACK_BYTES).then(
        () => true,
        () => false,
      );
      if (isSet) return this.#run(container, `head -c ${BALLAST_BYTES} /dev/zero > ${BALLAST}`, true);
    }
    throw refusal;
  }

  /** Runs a command in it without waiting for its end; nothing happens when it does not run. */
  async #run(container: EngineContainer, script: string, hasBallast: boolean): Promise<void> {
    this.#hasBallast = hasBallast;
    try {
      const command = await container.exec({ Cmd: ['sh', '-c', script] });
      const said = await command.start({ Detach: true });
      // It has nothing to say, and as long as nobody reads that, the harness could not end.
      said.on('error', () => {}).resume();
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

/** Swap counts too: no more swap than before means none. @throws what the engine says, also when it uses more (cgroup v1) */
async function setMemory(container: EngineContainer, bytes: number): Promise<void> {
  await container.update({ Memory: bytes, MemorySwap: bytes });
}

async function memoryOf(container: EngineContainer): Promise<number | undefined> {
  return (await container.inspect()).HostConfig.Memory;
}
