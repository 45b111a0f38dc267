/**
 * Block accounting of the paged KV cache ("paged attention"): number of blocks per sequence. Contents, and with them prefix
 * sharing, are not simulated.
 *
 * ```
 * capacity 4 blocks of 16 tokens      a: 20 tokens → 2 blocks      b: 16 tokens → 1 block      1 free
 * ```
 */
export class KvCache {
  readonly blockTokens: number;
  readonly totalBlocks: number;
  #usedBlocks = 0;
  readonly #blocks = new Map<string, number>();

  /** @param capacityTokens rounded down to full blocks */
  constructor(capacityTokens: number, blockTokens: number) {
    this.blockTokens = blockTokens;
    this.totalBlocks = Math.floor(capacityTokens / blockTokens);
  }

  get usedBlocks(): number {
    return this.#usedBlocks;
  }

  /** Fraction of blocks in use, 0–1. */
  get usedRatio(): number {
    return this.totalBlocks === 0 ? 0 : this.#usedBlocks / this.totalBlocks;
  }

  /** Number of blocks for `tokens` tokens. */
  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.blockTokens);
  }

  /** Allocates blocks so that `id` has room for `tokens` in total. False, without any change, if too few blocks are free. */
  reserve(id: string, tokens: number): boolean {
    const allocated = this.#blocks.get(id) ?? 0;
    const more = this.blocksFor(tokens) - allocated;
    if (more <= 0) return true;
    if (this.#usedBlocks + more > this.totalBlocks) return false;
    this.#usedBlocks += more;
    this.#blocks.set(id, allocated + more);
    return true;
  }

  /** Frees all blocks of `id`, if any. */
  release(id: string): void {
    this.#usedBlocks -= this.#blocks.get(id) ?? 0;
    this.#blocks.delete(id);
  }
}
