/** Chance at which a count is taken for another ratio's, at each side. */
const MAX_ERROR = 0.001;
/** Chance at which probes that all miss an active fault are taken for recovery. */
const MAX_MISS = 0.01;

/**
 * Whether `hit` of `hit + missed` connections is what a toxicity of `ratio` (0–1) gives: at least one of each, and neither fewer nor more
 * than chance gives in all but 0.1 % of cases (binomial distribution).
 */
export function isPlausible(hit: number, missed: number, ratio: number): boolean {
  if (hit === 0 || missed === 0) return false;
  const total = hit + missed;
  const atMost = (count: number) =>
    Array.from({ length: count + 1 }, (_, index) => chanceOf(index, total, ratio)).reduce(
      (sum, chance) => sum + chance,
    );
  return atMost(hit) > MAX_ERROR && 1 - atMost(hit - 1) > MAX_ERROR;
}

/** Number of probes of which at least one is affected by a toxicity of `ratio`, in 99 % of cases. */
export function probesToMiss(ratio: number): number {
  return Math.ceil(Math.log(MAX_MISS) / Math.log(1 - ratio));
}

function chanceOf(count: number, total: number, ratio: number): number {
  let logChance = count * Math.log(ratio) + (total - count) * Math.log(1 - ratio);
  for (let index = 1; index <= count; index += 1) logChance += Math.log((total - count + index) / index);
  return Math.exp(logChance);
}
