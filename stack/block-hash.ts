/**
 * Hashes of the beginnings of `bytes`, one at the end of each whole block of `blockBytes`: two texts have the first n in common if, but for
 * collisions, their first n blocks are the same, which is how engines name the blocks of their prefix caches (vLLM, docs: design/prefix_caching).
 *
 * ```
 *  bytes   │ block 0 │ block 1 │ block 2 │ rest
 *  hashes          h0        h1        h2            h1 covers blocks 0 and 1
 * ```
 *
 * The steps and the final mixer are those of MurmurHash3 x86_32 (A. Appleby), over whole little-endian words. It is fast and not cryptographic:
 * whoever knows the seed can find collisions.
 * @param options `blockBytes` a multiple of 4; `from`: where the first block begins, 0 by default; `maxBlocks`: no limit by default
 * @returns unsigned 32-bit integers
 */
export function blockHashes(
  bytes: Buffer,
  {
    blockBytes,
    from = 0,
    maxBlocks = Number.POSITIVE_INFINITY,
    seed = 0,
  }: { readonly blockBytes: number; readonly from?: number; readonly maxBlocks?: number; readonly seed?: number },
): number[] {
  const blocks = Math.min(maxBlocks, Math.floor((bytes.length - from) / blockBytes));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const hashes: number[] = [];
  let state = seed;
  let at = from;
  for (let block = 0; block < blocks; block += 1) {
    for (const end = at + blockBytes; at < end; at += 4) state = step(state, view.getInt32(at, true));
    hashes.push(mix32(state));
  }
  return hashes;
}

/** Hash of a text of any length, as {@link blockHashes}. */
export function hashText(text: string, seed = 0): number {
  let state = seed;
  for (let at = 0; at < text.length; at += 1) state = step(state, text.charCodeAt(at));
  return mix32(state);
}

/** Spreads the bits of a 32-bit integer: the final mixer of MurmurHash3. @returns unsigned */
export function mix32(value: number): number {
  let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function step(state: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = state ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}
