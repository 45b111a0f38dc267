/**
 * Accounting of the block KV cache ("paged attention"): who holds how many blocks. Contents are not simulated, so there
 * is no prefix sharing; a sequence's blocks are only counted.
 *
 * ```
 * capacity 4 blocks of 16 tokens      a: 20 tokens → 2 blocks      b: 16 tokens → 1 block      1 free
 * ```
 */
export class KvCache {
  readonly blockTokens: number;
  readonly totalBlocks: number;
  #usedBlocks = 0;
  readonly #held = new Map<string, number>();

  /** @param capacityTokens rounded down to whole blocks */
  constructor(capacityTokens: number, blockTokens: number) {
    this.blockTokens = blockTokens;
    this.totalBlocks = Math.floor(capacityTokens / blockTokens);
  }

  get usedBlocks(): number {
    return this.#usedBlocks;
  }

  /** Blocks in use, 0–1. */
  get usedShare(): number {
    return this.totalBlocks === 0 ? 0 : this.#usedBlocks / this.totalBlocks;
  }

  /** Blocks that `tokens` tokens take. */
  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.blockTokens);
  }

  /** Makes room for `tokens` tokens of `id` in all, what it holds included. False, and nothing changed, if too few blocks are free. */
  reserve(id: string, tokens: number): boolean {
    const held = this.#held.get(id) ?? 0;
    const more = this.blocksFor(tokens) - held;
    if (more <= 0) return true;
    if (this.#usedBlocks + more > this.totalBlocks) return false;
    this.#usedBlocks += more;
    this.#held.set(id, held + more);
    return true;
  }

  /** Frees all that `id` holds; nothing happens when that is nothing. */
  release(id: string): void {
    this.#usedBlocks -= this.#held.get(id) ?? 0;
    this.#held.delete(id);
  }
}
