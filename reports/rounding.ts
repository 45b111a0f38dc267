/**
 * Rounds to a number of decimals, so that documents stay short; null stays null. Verdicts are based on unrounded values.
 * @param decimals 0…100. @default 3
 */
export function rounded<Value extends number | null>(value: Value, decimals = 3): number | Extract<Value, null> {
  return value === null ? (null as Extract<Value, null>) : Number(value.toFixed(decimals));
}

/** Ratio as a percentage with three significant digits: `formatPercent(39, 1250)` → `3.12%`. */
export function formatPercent(part: number, whole: number): string {
  return whole === 0 ? '0%' : `${Number(((100 * part) / whole).toPrecision(3))}%`;
}
