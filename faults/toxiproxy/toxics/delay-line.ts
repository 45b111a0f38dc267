import type { ToxicContext } from './toxic.ts';

/** Whichever is reached first makes the line full. */
interface DelayLineLimits {
  readonly maxBytes: number;
  readonly maxChunks: number;
}

interface Held {
  /** Undefined for the end. */
  readonly chunk: Uint8Array | undefined;
  readonly dueMs: number;
}

/**
 * A queue whose chunks leave in order, none before its due time, with a single timer for its head.
 *
 * ```
 * add(c, due 30) ─► [ c₁ due 10 │ c₂ due 20 │ c 30 ] ─► push
 *                     ▲ the only timer
 * ```
 */
export class DelayLine {
  readonly #context: Pick<ToxicContext, 'clock' | 'push' | 'end'>;
  readonly #limits: DelayLineLimits;
  readonly #stopped = new AbortController();
  #held: Held[] = [];
  #heldBytes = 0;
  #pumping = false;

  constructor(context: Pick<ToxicContext, 'clock' | 'push' | 'end'>, limits: DelayLineLimits) {
    this.#context = context;
    this.#limits = limits;
  }

  /** Adds a chunk that leaves at `dueMs` of the clock (Infinity: only by {@link flush}), or later, after earlier chunks. */
  add(chunk: Uint8Array, dueMs: number): void {
    this.#held.push({ chunk, dueMs });
    this.#heldBytes += chunk.byteLength;
    this.#startPump();
  }

  /** Adds the end, which leaves at `dueMs`, or later, after the last chunk. @default right after it */
  end(dueMs = Number.NEGATIVE_INFINITY): void {
    this.#held.push({ chunk: undefined, dueMs });
    this.#startPump();
  }

  isFull(): boolean {
    return this.#heldBytes >= this.#limits.maxBytes || this.#held.length >= this.#limits.maxChunks;
  }

  /** Delivers everything now, in order, and stops. */
  flush(): void {
    this.#stopped.abort();
    while (this.#held.length > 0) this.#pushHead();
  }

  /** Discards everything and stops. */
  clear(): void {
    this.#stopped.abort();
    this.#held = [];
    this.#heldBytes = 0;
  }

  #startPump(): void {
    if (!this.#pumping && !this.#stopped.signal.aborted) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    while (this.#held.length > 0) {
      const waitMs = this.#held[0]!.dueMs - this.#context.clock.nowMs();
      if (waitMs > 0) {
        const wokeUp = await this.#sleep(waitMs);
        if (!wokeUp) return;
      } else {
        this.#pushHead();
      }
    }
    this.#pumping = false;
  }

  /** False when the line was stopped meanwhile. */
  async #sleep(durationMs: number): Promise<boolean> {
    try {
      await this.#context.clock.sleep(Math.ceil(durationMs), this.#stopped.signal);
    } catch {
      return false;
    }
    return !this.#stopped.signal.aborted;
  }

  #pushHead(): void {
    const { chunk } = this.#held.shift()!;
    this.#heldBytes -= chunk?.byteLength ?? 0;
    if (chunk) this.#context.push(chunk);
    else this.#context.end();
  }
}
