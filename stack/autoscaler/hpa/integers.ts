const MIN_INT32 = -(2 ** 31);

/** Largest 32-bit integer: the limit of every count of replicas. */
export const MAX_INT32 = 2 ** 31 - 1;

/** Largest 64-bit integer. */
export const MAX_INT64 = 2n ** 63n - 1n;

/**
 * 32-bit integer of a number, truncated towards 0, as the controller's own processor converts it: what does not fit (infinities and
 * NaN too) becomes the smallest one.
 */
export function toInt32(value: number): number {
  const whole = Math.trunc(value);
  return whole >= MIN_INT32 && whole <= MAX_INT32 ? whole + 0 : MIN_INT32;
}

/** 64-bit integer of a number, truncated towards 0; what does not fit becomes the smallest one. */
export function toInt64(value: number): bigint {
  const isInside = value >= -(2 ** 63) && value < 2 ** 63;
  return isInside ? BigInt(Math.trunc(value)) : -MAX_INT64 - 1n;
}

/** Sum of 32-bit integers, which wraps around. */
export function addInt32(a: number, b: number): number {
  return (a + b) | 0;
}

/** The lower 64 bits of an integer: what arithmetic that wraps around leaves of it. */
export function wrapInt64(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}
