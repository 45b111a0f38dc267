import { createWriteStream, statSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { type ContainerRuntimeClient, getContainerRuntimeClient } from 'testcontainers';
import type { Clock } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import type { Instance } from '../instance.ts';
import { type ContainerPlan, StackContainer } from './container.ts';

const SHORT_ID = 12;
/** Longest wait for the rest of a log after its container has ended, in ms. */
const LOG_LIMIT_MS = 1000;
/** Exit codes above are 128 + the number of the signal that ended a process. */
const SIGNALS: Readonly<Record<number, NodeJS.Signals>> = {
  130: 'SIGINT',
  134: 'SIGABRT',
  137: 'SIGKILL',
  139: 'SIGSEGV',
  143: 'SIGTERM',
};

type Container = ReturnType<ContainerRuntimeClient['container']['getById']>;

interface Life {
  readonly container: Container;
  /** Settles when all that it wrote is in the log. */
  readonly logged: Promise<void>;
}

/**
 * One container and its starts. The first start creates it, a later one starts the same container again, as Docker's own restart
 * policies do: its files outlive a crash, its name and its limits stay.
 */
export class RestartableContainer {
  readonly #plan: ContainerPlan;
  readonly #logPath: string;
  readonly #clock: Clock;
  #container: Container | undefined;
  /** Settles when no start is under way. */
  begun: Promise<void> = Promise.resolve();

  constructor(plan: ContainerPlan, logPath: string, clock: Clock) {
    this.#plan = plan;
    this.#logPath = logPath;
    this.#clock = clock;
  }

  /** Starts it; what goes wrong is how the instance ends. */
  start(): Instance {
    const logFromByte = statSync(this.#logPath, { throwIfNoEntry: false })?.size ?? 0;
    const lifePromise = this.#container ? this.#startAgain(this.#container) : this.#create();
    const state: { pid?: number; isGone: boolean } = { isGone: false };
    const identified = lifePromise.then(async ({ container }) => {
      const { Pid, Running } = (await container.inspect()).State;
      if (Running && Pid > 0 && !state.isGone) state.pid = Pid;
    });
    this.begun = identified.catch(() => {});
    const gone = lifePromise
      .then(life => this.#ended(life), messageOf)
      .then(how => {
        state.isGone = true;
        delete state.pid;
        return how;
      });
    const id = () => this.#container?.id.slice(0, SHORT_ID);
    return {
      get pid() {
        return state.pid;
      },
      get label() {
        return state.pid === undefined ? undefined : `container ${id()} (process ${state.pid})`;
      },
      logFromByte,
      gone,
      signal: signal => {
        // An engine that refuses says that it does not run any more; whether it does is seen by waiting for it.
        if (!state.isGone) lifePromise.then(({ container }) => container.kill({ signal })).catch(() => {});
      },
    };
  }

  async #create(): Promise<Life> {
    let life: Life | undefined;
    await new StackContainer(this.#plan, async id => {
      const client = await getContainerRuntimeClient();
      this.#container = client.container.getById(id);
      life = await this.#life(this.#container);
    }).start();
    return life!;
  }

  async #startAgain(container: Container): Promise<Life> {
    const life = await this.#life(container);
    await container.start();
    return life;
  }

  /** Before a start: listens to what it will say, from its first byte on, and writes it down. */
  async #life(container: Container): Promise<Life> {
    const client = await getContainerRuntimeClient();
    const said = await client.container.attach(container);
    const logged = finished(said.pipe(createWriteStream(this.#logPath, { flags: 'a' }))).catch(() => {});
    return { container, logged };
  }

  async #ended({ container, logged }: Life): Promise<string> {
    try {
      await container.wait();
      const { State, HostConfig } = await container.inspect();
      const done = new AbortController();
      await Promise.race([logged, this.#clock.sleep(LOG_LIMIT_MS, done.signal).catch(() => {})]);
      done.abort();
      return howItEnded(State.ExitCode, State.OOMKilled, HostConfig.Memory ?? 0);
    } catch (error) {
      return `lost from sight, ${messageOf(error)}`;
    }
  }
}

/**
 * How a container ended, in words.
 * @param memoryBytes its limit, 0 for none
 */
export function howItEnded(exitCode: number, isOutOfMemory: boolean, memoryBytes: number): string {
  const how = SIGNALS[exitCode] ?? `exit code ${exitCode}`;
  if (!isOutOfMemory) return how;
  return `OOM, killed at its limit of ${Math.round(memoryBytes / 2 ** 20)} MiB (${how})`;
}
