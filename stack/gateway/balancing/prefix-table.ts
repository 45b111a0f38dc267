/** Upstreams that are remembered for a block; more than a few need no table, since nearly every pick finds one. */
const MAX_OWNERS = 8;

/** An upstream, and how many leading blocks of a prompt it was sent before. */
export interface Match {
  readonly owner: number;
  blocks: number;
}

/**
 * Which upstreams were sent which beginnings of prompts: a hash of each beginning, block by block (see `block-hash.ts`), and the upstreams that
 * were sent it last. It guesses what their prefix caches hold; an upstream that has lost it costs one computation of the prompt, after which the
 * guess is right again. At most `maxBlocks` beginnings are kept, those used last.
 *
 * ```
 *  h0 ─ a b      system prompt, at a and b
 *  h1 ─ a b
 *  h2 ─ a        a conversation at a …
 *  h2' ─ b       … and one at b
 * ```
 */
export class PrefixTable {
  readonly #maxBlocks: number;
  readonly #owners = new Map<number, number[]>();

  constructor(maxBlocks: number) {
    this.#maxBlocks = maxBlocks;
  }

  /** Number of beginnings that are known. */
  get size(): number {
    return this.#owners.size;
  }

  /** Upstreams that were sent at least the first block. */
  match(hashes: readonly number[]): readonly Match[] {
    const found: Match[] = [];
    for (let index = 0; index < hashes.length; index += 1) {
      const owners = this.#owners.get(hashes[index]!);
      if (owners === undefined) break;
      for (const owner of owners) {
        const match = found.find(one => one.owner === owner);
        if (match) match.blocks = index + 1;
        else if (index === 0) found.push({ owner, blocks: 1 });
      }
    }
    return found;
  }

  /** Remembers that an upstream is sent a prompt. */
  add(hashes: readonly number[], owner: number): void {
    for (const hash of hashes) {
      const owners = this.#owners.get(hash);
      if (owners === undefined) {
        this.#owners.set(hash, [owner]);
        continue;
      }
      this.#owners.delete(hash);
      this.#owners.set(hash, owners);
      if (owners.at(-1) !== owner) moveLast(owners, owner);
    }
    for (const oldest of this.#owners.keys()) {
      if (this.#owners.size <= this.#maxBlocks) return;
      this.#owners.delete(oldest);
    }
  }
}

function moveLast(owners: number[], owner: number): void {
  const at = owners.indexOf(owner);
  if (at >= 0) owners.splice(at, 1);
  else if (owners.length === MAX_OWNERS) owners.shift();
  owners.push(owner);
}
