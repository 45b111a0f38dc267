import { createWriteStream, statSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { getContainerRuntimeClient } from 'testcontainers';
import { type Clock, settlesWithin } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import type { Ending, Instance } from '../instance.ts';
import { type ContainerPlan, StackContainer } from './container.ts';
import { ContainerControl, type EngineContainer } from './container-control.ts';

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

interface Life {
  readonly container: EngineContainer;
  /** Settles when all that it wrote is in the log. */
  readonly logged: Promise<void>;
}

/** An instance that has been started, or is about to be. */
interface Run {
  readonly life: Promise<Life>;
  pid: number | undefined;
  isPaused: boolean;
  isGone: boolean;
}

/**
 * One container and its starts. The first start creates it, a later one starts the same container again, as Docker's own restart
 * policies do: its files outlive a crash, its name and its limits stay.
 */
export class RestartableContainer {
  readonly #plan: ContainerPlan;
  readonly #logPath: string;
  readonly #clock: Clock;
  #container: EngineContainer | undefined;
  /** What else can be done to it. */
  readonly control: ContainerControl;
  /** Settles when no start is under way. */
  begun: Promise<void> = Promise.resolve();

  constructor(plan: ContainerPlan, logPath: string, clock: Clock) {
    this.#plan = plan;
    this.#logPath = logPath;
    this.#clock = clock;
    this.control = new ContainerControl(plan, () => this.#container);
  }

  /** Starts it; what goes wrong is how the instance ends. */
  start(): Instance {
    const logFromByte = statSync(this.#logPath, { throwIfNoEntry: false })?.size ?? 0;
    const life = this.#container ? this.#startAgain(this.#container) : this.#create();
    const run: Run = { life, pid: undefined, isPaused: false, isGone: false };
    const identified = life.then(async ({ container }) => {
      const { Pid, Running } = (await container.inspect()).State;
      if (Running && Pid > 0 && !run.isGone) run.pid = Pid;
    });
    this.begun = identified.catch(() => {});
    const gone = life
      .then(
        begun => this.#ended(begun),
        error => ({ how: messageOf(error), isOutOfMemory: false }),
      )
      .then(ending => {
        run.isGone = true;
        run.pid = undefined;
        return ending;
      });
    const id = () => this.#container?.id.slice(0, SHORT_ID);
    return {
      get pid() {
        return run.pid;
      },
      get label() {
        return run.pid === undefined ? undefined : `container ${id()} (process ${run.pid})`;
      },
      logFromByte,
      gone,
      signal: signal => {
        // An engine that refuses says that it does not run any more; whether it does is seen by waiting for it.
        if (!run.isGone) life.then(({ container }) => container.kill({ signal })).catch(() => {});
      },
      pause: () => setPaused(run, true),
      resume: () => setPaused(run, false),
    };
  }

  async #create(): Promise<Life> {
    let life: Life | undefined;
    await new StackContainer(this.#plan, async id => {
      const client = await getContainerRuntimeClient();
      this.#container = client.container.getById(id);
      await this.control.prepare();
      life = await this.#life(this.#container);
    }).start();
    return life!;
  }

  async #startAgain(container: EngineContainer): Promise<Life> {
    await this.control.prepare();
    const life = await this.#life(container);
    await container.start();
    return life;
  }

  /** Before a start: listens to what it will say, from its first byte on, and writes it down. */
  async #life(container: EngineContainer): Promise<Life> {
    const client = await getContainerRuntimeClient();
    const said = await client.container.attach(container);
    const logged = finished(said.pipe(createWriteStream(this.#logPath, { flags: 'a' }))).catch(() => {});
    return { container, logged };
  }

  async #ended({ container, logged }: Life): Promise<Ending> {
    try {
      await container.wait();
      const { State, HostConfig } = await container.inspect();
      await settlesWithin(logged, LOG_LIMIT_MS, this.#clock);
      const how = howItEnded(State.ExitCode, State.OOMKilled, HostConfig.Memory ?? 0);
      return { how, isOutOfMemory: State.OOMKilled };
    } catch (error) {
      return { how: `lost from sight, ${messageOf(error)}`, isOutOfMemory: false };
    }
  }
}

/**
 * Freezes a container, or lets it go on. The freezer stops all of its processes at one instant, where SIGSTOP by the engine reaches the
 * first alone; and an engine that signals a frozen container thaws it, so that it can be stopped, killed and removed as any other.
 */
async function setPaused(run: Run, isPaused: boolean): Promise<void> {
  const container = await run.life.then(
    life => life.container,
    () => undefined,
  );
  if (!container || run.isGone || (!isPaused && !run.isPaused)) return;
  run.isPaused = isPaused;
  try {
    await (isPaused ? container.pause() : container.unpause());
  } catch (error) {
    const { State } = await container.inspect();
    if (State.Running && State.Paused !== isPaused) throw error;
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
