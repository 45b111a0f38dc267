import type { VirtualTime } from './virtual-time.ts';

/** A timer of libraries that take theirs from the global object, as far as they use it. */
class VirtualTimeout {
  readonly #time: VirtualTime;
  readonly #run: () => void;
  readonly #ms: number;
  readonly #repeats: boolean;
  #cancel = () => {};

  constructor(time: VirtualTime, run: () => void, ms: number, repeats: boolean) {
    this.#time = time;
    this.#run = run;
    // As in Node: a whole ms at least.
    this.#ms = ms >= 1 ? Math.trunc(ms) : 1;
    this.#repeats = repeats;
    this.refresh();
  }

  refresh(): this {
    this.#cancel();
    this.#cancel = this.#time.after(this.#ms, () => {
      if (this.#repeats) this.refresh();
      this.#run();
    });
    return this;
  }

  close(): this {
    this.#cancel();
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Puts the global timers into virtual time, for libraries such as undici, which cannot be handed a clock. Our own code never uses them.
 * They belong to no host. @returns a function that restores the machine's
 */
export function virtualiseGlobals(time: VirtualTime): () => void {
  const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
  const timers =
    (repeats: boolean) =>
    (run: (...args: unknown[]) => void, ms = 1, ...args: unknown[]) =>
      new VirtualTimeout(time, () => run(...args), ms, repeats);
  const clear = (original: typeof clearTimeout) => (timer: unknown) => {
    if (timer instanceof VirtualTimeout) timer.close();
    else original(timer as NodeJS.Timeout);
  };
  Object.assign(globalThis, {
    setTimeout: timers(false),
    setInterval: timers(true),
    clearTimeout: clear(clearTimeout),
    clearInterval: clear(clearInterval),
  });
  return () => void Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval });
}
