interface Use {
  running: number;
  /** What one request that was there all the time would have got, in ms. */
  partMs: number;
  atMs: number;
}

/**
 * Time of replicas' GPUs, shared evenly among the requests that are in progress at the same time, as seen by this gateway: ∫ dt / n(t). The parts of all
 * requests add up to the time in which a replica had any.
 *
 * ```
 * a ├──────────────┤           a: 4 alone + 6 / 2 = 7
 * b     ├──────────────┤       b: 6 / 2 + 4 alone = 7      together 14, from the beginning of a to the end of b
 * ```
 */
export class GpuShares {
  readonly #uses = new Map<string, Use>();

  /** A request begins at a replica. @returns what ends it, and returns its part in ms; 0 when called again */
  begin(replica: string, nowMs: number): (nowMs: number) => number {
    const use = this.#uses.get(replica) ?? { running: 0, partMs: 0, atMs: nowMs };
    this.#uses.set(replica, use);
    advance(use, nowMs);
    use.running += 1;
    const fromMs = use.partMs;
    let isOver = false;
    return endMs => {
      if (isOver) return 0;
      isOver = true;
      advance(use, endMs);
      use.running -= 1;
      if (use.running === 0) this.#uses.delete(replica);
      return use.partMs - fromMs;
    };
  }
}

function advance(use: Use, nowMs: number): void {
  if (use.running > 0) use.partMs += (nowMs - use.atMs) / use.running;
  use.atMs = nowMs;
}
