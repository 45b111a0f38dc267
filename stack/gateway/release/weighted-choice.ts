import { hash } from 'node:crypto';

const SPAN = 2 ** 48;

/**
 * The version for a key, in proportion to the weights: weighted rendezvous hashing (Schindelhauer and Schomaker, "Weighted Distributed Hash Tables",
 * SPAA 2005, the logarithmic method). Each version draws a number u from the key, and the one with the highest −weight / ln u gets it. When a weight
 * grows, keys only move to that version, and when it shrinks only from it: as many as the proportions require, and no others. Without any weight, the
 * first version.
 * @param salt so that the keys of one model are not those of another
 */
export function versionFor(key: string, salt: string, weights: ReadonlyMap<string, number>): string {
  let [best] = weights.keys();
  let highest = 0;
  for (const [version, weight] of weights) {
    const drawn = (hash('sha256', JSON.stringify([salt, version, key]), 'buffer').readUIntBE(0, 6) + 0.5) / SPAN;
    const score = -weight / Math.log(drawn);
    if (score <= highest) continue;
    highest = score;
    best = version;
  }
  return best!;
}

/** A version at random, in proportion to the weights. @param drawn 0 to 1, exclusively */
export function drawVersion(drawn: number, weights: ReadonlyMap<string, number>): string {
  let left = drawn * [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  let [last] = weights.keys();
  for (const [version, weight] of weights) {
    if (weight === 0) continue;
    last = version;
    left -= weight;
    if (left < 0) break;
  }
  return last!;
}
