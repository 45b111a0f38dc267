import { SquallError } from '../errors.ts';
import { EventQueue, type TimedEvent } from './event-queue.ts';
import { countImmediates } from './immediates.ts';
import { realResources } from './real-resources.ts';

/** Whoever an event happens to. What is frozen gets its events when it is thawed, what is dead never. */
export interface Owner {
  readonly name: string;
  readonly state: 'running' | 'frozen' | 'dead';
  /** Instant, in µs, until which its only processor is busy; its events wait for that, in the order in which they are due. */
  readonly busyUntilUs: number;
  /** Ends it, as an uncaught exception ends a process. Where it is missing, the exception ends the run. */
  readonly crash?: ((error: unknown) => void) | undefined;
}

interface VirtualEvent extends TimedEvent {
  readonly owner: Owner | undefined;
  readonly run: () => void;
  isCancelled: boolean;
}

interface Backlog {
  readonly events: VirtualEvent[];
  /** Whether an event of time's own will serve the next of them. */
  isServed: boolean;
}

/** Immediates posted at once: Node drains promises and ticks after each, and polls the machine's I/O only after all of them. */
const BURST = 16;
/** Events of one instant after which time is taken to stand still: a loop that waits for nothing. */
const MAX_EVENTS_AT_AN_INSTANT = 200_000;
/** Turns of the loop without an event after which immediates are taken to post each other for ever. */
const MAX_TURNS_WITHOUT_EVENT = 1_000_000;
/** Events between two looks for real handles. */
const LOOK_EVERY = 4096;

/**
 * Discrete-event time: it stands still while anything can run and then jumps to the next event, on a grid of 1 µs.
 *
 * ```
 * event ─► callbacks, promises, ticks, immediates … all done ─► now = instant of the next event ─► event ─► …
 * ```
 *
 * Node drains promises and ticks after every immediate, and events are run by an immediate, so that only other immediates can be left
 * to run: they are counted exactly, and no event runs before the count is 0. Real I/O is invisible to it: wrap its promise in
 * {@link hold}. One such time may run in a process (or worker) at once.
 */
export class VirtualTime {
  readonly #queue = new EventQueue<VirtualEvent>();
  /** Events that are due, of owners that are busy or frozen. */
  readonly #waiting = new Map<Owner, Backlog>();
  readonly #immediates = countImmediates();
  readonly #resources = realResources();
  #nowUs = 0;
  #limitUs = Number.POSITIVE_INFINITY;
  #sequence = 0;
  #events = 0;
  #eventsNow = 0;
  #holds = 0;
  #wake: (() => void) | undefined;
  /** Owner of the latest event, in consequence of which everything happens until the next one. */
  #current: Owner | undefined;

  /** Virtual time since its start, in ms, a multiple of 0.001. */
  nowMs(): number {
    return this.#nowUs / 1000;
  }

  /** Virtual time since its start, in µs. */
  nowUs(): number {
    return this.#nowUs;
  }

  /** Number of events that have run. */
  get events(): number {
    return this.#events;
  }

  /**
   * Calls `run` after `ms`, rounded up to whole µs: every positive time moves the clock. Events of one instant run in the order in which
   * they were scheduled. @returns a function that cancels it
   */
  after(ms: number, run: () => void, owner?: Owner): () => void {
    const us = ms > 0 ? Math.max(1, Math.ceil(ms * 1000)) : 0;
    const event = this.#schedule(this.#nowUs + us, run, owner);
    return () => this.#cancel(event);
  }

  /** Calls `run` at an instant in ms, not before now, rounded up to whole µs: what is due later never happens earlier. */
  at(atMs: number, run: () => void, owner?: Owner): void {
    this.#schedule(Math.max(this.#nowUs, Math.ceil(atMs * 1000)), run, owner);
  }

  /** Whether an event of `owner` would run at once. */
  isFree(owner: Owner): boolean {
    return owner.state === 'running' && owner.busyUntilUs <= this.#nowUs && !this.#waiting.has(owner);
  }

  /** Calls `run` as an event of `owner`, if any, whom it ends if it throws. */
  happen(owner: Owner | undefined, run: () => void): void {
    this.#current = owner;
    try {
      run();
    } catch (error) {
      if (!owner?.crash) throw error;
      owner.crash(error);
    }
  }

  /** Calls `run` when `owner`, which is not free, has done all that waits for it now. */
  afterOthers(owner: Owner, run: () => void): void {
    this.#wait(owner, { atUs: this.#nowUs, sequence: 0, place: -1, owner, run, isCancelled: false });
  }

  /** Lets real time pass until `promise`, of real I/O, has settled; virtual time stands still meanwhile. */
  async hold<T>(promise: Promise<T>): Promise<T> {
    this.#holds += 1;
    try {
      return await promise;
    } finally {
      this.#holds -= 1;
      this.#wake?.();
    }
  }

  /** Hands `owner` the events that waited for it, one after the other, since it is no longer frozen. */
  thaw(owner: Owner): void {
    this.#serveLater(owner);
  }

  /** Discards every event of `owner`, which is dead. */
  forget(owner: Owner): void {
    this.#waiting.delete(owner);
  }

  /**
   * Runs events until `task` has settled, and settles as it did.
   * @param waiting describes what waits, for the error of a deadlock
   * @param limitMs time from now on after which the task waits in vain, while something else goes on. @default unlimited
   * @throws SquallError `VIRTUAL_DEADLOCK` when nothing is left that could happen and the task has not settled, or has not at the limit;
   * `VIRTUAL_TIME_STANDS_STILL` when {@link MAX_EVENTS_AT_AN_INSTANT} events did not move time, or immediates never end;
   * `VIRTUAL_TIME_IS_REAL` when something opened a real socket or process
   */
  async run<T>(
    task: Promise<T>,
    waiting: () => readonly string[] = () => [],
    limitMs = Number.POSITIVE_INFINITY,
  ): Promise<T> {
    this.#limitUs = this.#nowUs + limitMs * 1000;
    let isSettled = false;
    const settle = () => {
      isSettled = true;
      this.#wake?.();
    };
    task.then(settle, settle);
    await this.#loop(() => isSettled, waiting);
    const result = await task;
    this.#resources.check();
    return result;
  }

  #loop(isOver: () => boolean, waiting: () => readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      let left = 0;
      let turns = 0;
      let isEnded = false;
      const post = () => {
        left = BURST;
        for (let count = 0; count < BURST; count += 1) this.#immediates.post(turn);
      };
      const end = (settle: () => void) => {
        isEnded = true;
        process.setUncaughtExceptionCaptureCallback(null);
        this.#wake = undefined;
        settle();
      };
      const turn = () => {
        left -= 1;
        if (isEnded) return;
        try {
          if (isOver()) return end(resolve);
          const isIdle = this.#immediates.pending() === 0 && this.#holds === 0;
          turns = isIdle || this.#holds > 0 ? 0 : turns + 1;
          if (turns > MAX_TURNS_WITHOUT_EVENT) throw this.#standsStill('Immediates post each other without an end');
          if (isIdle && !this.#step()) throw this.#deadlock('Nothing can happen any more', waiting());
          if (this.#nowUs > this.#limitUs) throw this.#deadlock('Services go on', waiting());
        } catch (error) {
          return end(() => reject(error));
        }
        if (left > 0) return;
        if (this.#holds > 0) this.#wake = wake;
        else post();
      };
      const wake = () => {
        this.#wake = undefined;
        post();
      };
      process.setUncaughtExceptionCaptureCallback(error => {
        if (this.#current?.crash) this.#current.crash(error);
        else end(() => reject(error));
      });
      post();
    });
  }

  /** Runs the next event. @returns false if there is none */
  #step(): boolean {
    const event = this.#queue.first();
    if (!event) return false;
    this.#queue.remove(event);
    this.#advanceTo(event.atUs);
    const { owner } = event;
    if (owner?.state === 'dead') return true;
    if (owner && !this.isFree(owner)) this.#wait(owner, event);
    else this.happen(owner, event.run);
    return true;
  }

  #schedule(atUs: number, run: () => void, owner: Owner | undefined): VirtualEvent {
    this.#sequence += 1;
    const event = { atUs, sequence: this.#sequence, place: -1, owner, run, isCancelled: false };
    if (owner?.state !== 'dead' && atUs !== Number.POSITIVE_INFINITY) this.#queue.add(event);
    return event;
  }

  #wait(owner: Owner, event: VirtualEvent): void {
    const backlog = this.#waiting.get(owner) ?? { events: [], isServed: false };
    this.#waiting.set(owner, backlog);
    backlog.events.push(event);
    this.#serveLater(owner);
  }

  /** Runs the first event that waits for `owner` as soon as that is free, then the next one. */
  #serveLater(owner: Owner): void {
    const backlog = this.#waiting.get(owner);
    if (!backlog || backlog.isServed || owner.state === 'frozen') return;
    backlog.isServed = true;
    this.after((owner.busyUntilUs - this.#nowUs) / 1000, () => {
      backlog.isServed = false;
      if (owner.state !== 'running') return;
      // What the event before had done after its call also took time.
      if (owner.busyUntilUs <= this.#nowUs) {
        const event = backlog.events.shift();
        if (event && !event.isCancelled) this.happen(owner, event.run);
        if (backlog.events.length === 0) this.#waiting.delete(owner);
      }
      this.#serveLater(owner);
    });
  }

  #advanceTo(atUs: number): void {
    this.#events += 1;
    if (atUs > this.#nowUs) {
      this.#nowUs = atUs;
      this.#eventsNow = 0;
    }
    this.#eventsNow += 1;
    if (this.#eventsNow > MAX_EVENTS_AT_AN_INSTANT)
      throw this.#standsStill(`${MAX_EVENTS_AT_AN_INSTANT} events happened`);
    if (this.#events % LOOK_EVERY === 0) this.#resources.check();
  }

  #cancel(event: VirtualEvent): void {
    event.isCancelled = true;
    this.#queue.remove(event);
  }

  #standsStill(what: string): SquallError {
    return new SquallError(
      'stack',
      'VIRTUAL_TIME_STANDS_STILL',
      `${what} at ${this.nowMs()} ms of virtual time without moving it`,
      { next: 'Something waits 0 ms again and again; let it wait for what it needs.' },
    );
  }

  #deadlock(what: string, waiting: readonly string[]): SquallError {
    const frozen = [...this.#waiting.keys()].map(({ name }) => `${name} is frozen`);
    const words = [...waiting, ...frozen].join('; ') || 'nothing that is known';
    return new SquallError(
      'stack',
      'VIRTUAL_DEADLOCK',
      `${what} at ${this.nowMs()} ms of virtual time, and the run has not ended. Still there: ${words}`,
      { next: 'Something waits without a limit for what never comes, or for real I/O outside of `hold`.' },
    );
  }
}
