/**
 * Block accounting of the paged KV cache ("paged attention"): number of blocks per sequence, and with prefix caching which of them hold the
 * beginning of a prompt that another one may share.
 *
 * ```
 * capacity 4 blocks of 16 tokens      a: 20 tokens → 2 blocks      b: 16 tokens → 1 block      1 free
 *
 *  private ──publish: full block of a prompt──► shared ──last owner gone──► idle ──found by a prompt──► shared
 *     ▲                                                                      │
 *     └──────────────────────── free ◄── no block left: least recently used ─┘
 * ```
 *
 * As in vLLM (docs: design/prefix_caching), idle blocks count as free, the end of a prompt is evicted before its beginning, and a block that
 * two sequences computed at the same time exists twice. Blocks of generated tokens are not shared.
 */
export class KvCache {
  readonly blockTokens: number;
  readonly totalBlocks: number;
  #usedBlocks = 0;
  readonly #owned = new Map<string, Owned>();
  /** Owners of each shared block. */
  readonly #shared = new Map<number, number>();
  /** Shared blocks without an owner, least recently used first. */
  readonly #idle = new Set<number>();

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
    const owned = this.#owned.get(id);
    const more = this.blocksFor(tokens) - (owned ? owned.own + owned.shared.length : 0);
    if (more <= 0) return true;
    if (this.#usedBlocks + more > this.totalBlocks) return false;
    this.#usedBlocks += more;
    if (owned) owned.own += more;
    else this.#owned.set(id, { own: more, shared: [] });
    this.#evict();
    return true;
  }

  /**
   * As {@link reserve}, for a sequence without blocks, whose leading blocks are those of `hashes` as far as they are here.
   * @param hashes of the full blocks of its prompt that it may share
   * @returns tokens that are cached; undefined, without any change, if too few blocks are free
   */
  adopt(id: string, tokens: number, hashes: readonly number[]): number | undefined {
    const unknown = hashes.findIndex(hash => !this.#shared.has(hash));
    const found = unknown < 0 ? hashes : hashes.slice(0, unknown);
    const own = this.blocksFor(tokens) - found.length;
    const idle = found.filter(hash => this.#idle.has(hash)).length;
    if (this.#usedBlocks + idle + own > this.totalBlocks) return undefined;
    for (const hash of found) {
      this.#idle.delete(hash);
      this.#shared.set(hash, this.#shared.get(hash)! + 1);
    }
    this.#usedBlocks += idle + own;
    this.#owned.set(id, { own, shared: [...found] });
    this.#evict();
    return found.length * this.blockTokens;
  }

  /** Shares the blocks of `id` whose hashes these are, which it has computed, beginning with the first of its prompt. */
  publish(id: string, hashes: readonly number[]): void {
    const owned = this.#owned.get(id);
    if (!owned) return;
    for (const hash of hashes) {
      if (this.#shared.has(hash)) continue;
      this.#shared.set(hash, 1);
      owned.shared.push(hash);
      owned.own -= 1;
    }
  }

  /** Frees all blocks of `id`, if any. */
  release(id: string): void {
    const { own, shared } = this.#owned.get(id) ?? { own: 0, shared: [] };
    this.#owned.delete(id);
    this.#usedBlocks -= own;
    for (const hash of shared.toReversed()) {
      const owners = this.#shared.get(hash)! - 1;
      this.#shared.set(hash, owners);
      if (owners > 0) continue;
      this.#usedBlocks -= 1;
      this.#idle.add(hash);
    }
  }

  #evict(): void {
    for (const hash of this.#idle) {
      if (this.#usedBlocks + this.#idle.size <= this.totalBlocks) return;
      this.#idle.delete(hash);
      this.#shared.delete(hash);
    }
  }
}

/** Blocks of a sequence. */
interface Owned {
  /** Number of those that only it uses. */
  own: number;
  /** Hashes of the others. */
  readonly shared: number[];
}
