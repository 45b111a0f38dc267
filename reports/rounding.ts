/** Rounds to a number of decimals, so that documents stay short; null stays null. Verdicts are taken before rounding. */
export function rounded(value: number, decimals?: number): number;
export function rounded(value: number | null, decimals?: number): number | null;
export function rounded(value: number | null, decimals = 3): number | null {
  return value === null ? null : Number(value.toFixed(decimals));
}

/** A share as a percentage for people: three significant digits, `0.0312` → `3.12%`. */
export function formatShare(part: number, whole: number): string {
  return whole === 0 ? '0%' : `${Number(((100 * part) / whole).toPrecision(3))}%`;
}
