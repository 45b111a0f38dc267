/** Seed of a run for which none is given. */
export const DEFAULT_SEED = 42;

/**
 * Seeded random number generator with named substreams, so that an additional draw in one place does not shift those of another:
 * `random.stream('arrivals')` and `random.stream('prompts')` are independent, and each depends only on the seed and its name.
 */
export interface Random {
  /** Uniform in [0, 1), 32 bits of resolution. */
  next(): number;
  /** Uniform integer in [from, to], both included. */
  integer(from: number, to: number): number;
  /** Exponential with the given mean; mean 1 gives the gaps of a unit-rate Poisson process. */
  exponential(mean: number): number;
  /** Standard normal, by the Box–Muller transform. */
  normal(): number;
  /** One element, each equally likely; `items` must not be empty. */
  pick<T>(items: readonly T[]): T;
  /** Independent generator that depends only on this one's seed and `name`, not on previous draws. */
  stream(name: string): Random;
}

/**
 * Generator for `seed`, any integer, of which the lower 32 bits are used.
 * The core is sfc32 (Chris Doty-Humphrey's PractRand), seeded from a 32-bit hash of seed and stream name.
 */
export function seededRandom(seed: number): Random {
  return generator(String(seed >>> 0));
}

function generator(key: string): Random {
  const next = sfc32(hash(`${key}#a`), hash(`${key}#b`), hash(`${key}#c`));
  const random: Random = {
    next,
    integer: (from, to) => from + Math.floor(next() * (to - from + 1)),
    exponential: mean => -mean * Math.log(1 - next()),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    pick: items => items[Math.floor(next() * items.length)]!,
    stream: name => generator(`${key}/${name}`),
  };
  return random;
}

/** FNV-1a over UTF-16 code units with murmur3's final mixer. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function sfc32(a: number, b: number, c: number): () => number {
  let counter = 1;
  const next = () => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return (t >>> 0) / 4294967296;
  };
  for (let i = 0; i < 12; i += 1) next();
  return next;
}
