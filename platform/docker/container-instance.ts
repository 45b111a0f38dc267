import { createWriteStream, statSync } from 'node:fs';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { getContainerRuntimeClient } from 'testcontainers';
import { type Clock, settlesWithin } from '../../harness/clock.ts';
import { messageOf } from '../../harness/errors.ts';
import type { Ending, Instance } from '../instance.ts';
import { type ContainerPlan, StackContainer } from './container.ts';
import { ContainerControl, type EngineContainer } from './container-control.ts';
import type { Turns } from './turns.ts';

const SHORT_ID = 12;
/** Max time for the rest of a log after its container has ended, in ms. */
const LOG_LIMIT_MS = 1000;
/**
 * Within this time, in ms, the engine says that a container has run out of memory. It hears of that and of the end in two ways, and on a
 * busy machine never of the first: containerd on cgroup v1 drops it where the group has been removed before
 * (https://github.com/containerd/containerd/blob/v1.6.20/pkg/oom/v1/v1.go).
 */
const OOM_REPORT_MS = 300;
/** The exit code of a process killed by a signal is this + the number of the signal. */
const SIGNALED = 128;
/**
 * How often and how long apart, in ms, a container is frozen until that succeeds. On cgroup v1 the kernel cannot freeze one whose
 * processes are just in a call that must not be interrupted; runc then thaws it and leaves it to its caller to try again
 * (https://github.com/opencontainers/runc/pull/4388).
 */
const FREEZE = { attempts: 20, betweenMs: 50 };

interface StartedContainer {
  readonly container: EngineContainer;
  /** Settles when the log is complete. */
  readonly logged: Promise<void>;
}

interface ContainerRun {
  readonly started: Promise<StartedContainer>;
  pid: number | undefined;
  isPaused: boolean;
  isGone: boolean;
  /** We have sent it SIGKILL. */
  isKilled: boolean;
}

/**
 * A container and its starts. The first start creates it, later ones start the same container again, as Docker's restart policies do:
 * its files, name and limits survive a crash.
 */
export class RestartableContainer {
  readonly #plan: ContainerPlan;
  readonly #logPath: string;
  readonly #clock: Clock;
  readonly #turns: Turns;
  #container: EngineContainer | undefined;
  readonly control: ContainerControl;
  /** Settles when no start is in progress. */
  starting: Promise<void> = Promise.resolve();

  /** @param turns of the starts of all containers */
  constructor(plan: ContainerPlan, logPath: string, clock: Clock, turns: Turns) {
    this.#plan = plan;
    this.#turns = turns;
    this.#logPath = logPath;
    this.#clock = clock;
    this.control = new ContainerControl(plan, () => this.#container);
  }

  /** Starts it. Never throws: a failed start is an instance that ends with the reason. */
  start(): Instance {
    const logFromByte = statSync(this.#logPath, { throwIfNoEntry: false })?.size ?? 0;
    const unstarted = new AbortController();
    const started = this.#turns.run(
      () => (this.#container ? this.#startAgain(this.#container) : this.#create()),
      unstarted.signal,
    );
    const run: ContainerRun = { started, pid: undefined, isPaused: false, isGone: false, isKilled: false };
    const identified = started.then(async ({ container }) => {
      const { Pid, Running } = (await container.inspect()).State;
      if (Running && Pid > 0 && !run.isGone) run.pid = Pid;
    });
    this.starting = identified.catch(() => {});
    const gone = started
      .then(
        container => this.#ended(container, run),
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
        run.isKilled ||= signal === 'SIGKILL';
        unstarted.abort(new Error('ended before its start'));
        // The engine rejects a signal to a container that has ended.
        if (!run.isGone) started.then(({ container }) => container.kill({ signal })).catch(() => {});
      },
      pause: () => setPaused(run, true, this.#clock),
      resume: () => setPaused(run, false, this.#clock),
    };
  }

  async #create(): Promise<StartedContainer> {
    let created: StartedContainer | undefined;
    await new StackContainer(this.#plan, async id => {
      const client = await getContainerRuntimeClient();
      this.#container = client.container.getById(id);
      await this.control.prepare();
      created = await this.#attach(this.#container);
    }).start();
    return created!;
  }

  async #startAgain(container: EngineContainer): Promise<StartedContainer> {
    await this.control.prepare();
    const attached = await this.#attach(container);
    await container.start();
    return attached;
  }

  /** Writes all output of the next start to the log. */
  async #attach(container: EngineContainer): Promise<StartedContainer> {
    const client = await getContainerRuntimeClient();
    const output = await client.container.attach(container);
    const logged = finished(output.pipe(createWriteStream(this.#logPath, { flags: 'a', mode: 0o600 }))).catch(() => {});
    return { container, logged };
  }

  async #ended({ container, logged }: StartedContainer, run: ContainerRun): Promise<Ending> {
    try {
      await container.wait();
      let { State, HostConfig } = await container.inspect();
      await settlesWithin(logged, LOG_LIMIT_MS, this.#clock);
      let isUnexplained = false;
      if (State.ExitCode === SIGNALED + constants.signals.SIGKILL && !State.OOMKilled && !run.isKilled) {
        await this.#clock.sleep(OOM_REPORT_MS);
        ({ State, HostConfig } = await container.inspect());
        isUnexplained =
          !State.OOMKilled &&
          Boolean(HostConfig.Memory) &&
          !(await wasKilledThroughEngine(container, State.StartedAt, this.#clock.date()));
      }
      const outOfMemory = State.OOMKilled ? 'reported' : isUnexplained && 'inferred';
      const how = howItEnded(State.ExitCode, outOfMemory, HostConfig.Memory ?? 0);
      return { how, isOutOfMemory: outOfMemory !== false };
    } catch (error) {
      return { how: `connection to the engine lost: ${messageOf(error)}`, isOutOfMemory: false };
    }
  }
}

/**
 * Freezes or thaws a container. The freezer stops all of its processes at once, whereas SIGSTOP through the engine reaches only the
 * first; and an engine that signals a frozen container thaws it, so that it can be stopped, killed and removed like any other.
 */
export async function setPaused(run: ContainerRun, isPaused: boolean, clock: Clock): Promise<void> {
  const container = await run.started.then(
    started => started.container,
    () => undefined,
  );
  if (!container || run.isGone || (!isPaused && !run.isPaused)) return;
  run.isPaused = isPaused;
  for (let attempt = 1; ; attempt++) {
    try {
      await (isPaused ? container.pause() : container.unpause());
      return;
    } catch (error) {
      const { State } = await container.inspect();
      if (!State.Running || State.Paused === isPaused || run.isPaused !== isPaused) return;
      if (attempt === FREEZE.attempts || !messageOf(error).includes('unable to freeze')) throw error;
      await clock.sleep(FREEZE.betweenMs);
    }
  }
}

/** Whether somebody has killed a container through the engine since a time (ISO 8601), by its log of the last 256 events. */
async function wasKilledThroughEngine({ id }: EngineContainer, since: string, now: Date): Promise<boolean> {
  const { dockerode } = (await getContainerRuntimeClient()).container;
  const seconds = { since: Math.floor(Date.parse(since) / 1000), until: Math.ceil(now.getTime() / 1000) };
  const events = await dockerode.getEvents({ ...seconds, filters: { container: [id], event: ['kill'] } });
  return (await text(events)) !== '';
}

/**
 * Description of a container's end, such as `exit code 3` or `SIGKILL`.
 * @param outOfMemory `reported` by the engine, or `inferred`: a container with a limit got SIGKILL, and nobody sent it through the
 *   engine. From inside, the first process of a container cannot be killed.
 * @param memoryBytes its limit, 0 for none
 */
export function howItEnded(
  exitCode: number,
  outOfMemory: 'reported' | 'inferred' | false,
  memoryBytes: number,
): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === exitCode - SIGNALED)?.[0];
  const how = signal ?? `exit code ${exitCode}`;
  if (!outOfMemory) return how;
  const killed = `killed at its limit of ${Math.round(memoryBytes / 2 ** 20)} MiB (${how}`;
  return outOfMemory === 'reported' ? `OOM, ${killed})` : `OOM, ${killed} by the kernel; the engine missed the reason)`;
}
