/** Lets so many tasks run at a time, in the order in which they came. */
export class Turns {
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Runs a task when its turn comes. @param signal rejects it with its reason while it waits, and has no effect later */
  async run<Result>(task: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(signal);
    try {
      return await task();
    } finally {
      const [next] = this.#waiting;
      if (next) {
        this.#waiting.delete(next);
        next();
      } else this.#free += 1;
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const turn = Promise.withResolvers<void>();
    this.#waiting.add(turn.resolve);
    const leave = () => {
      if (this.#waiting.delete(turn.resolve)) turn.reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    return turn.promise;
  }
}
