import { ApiError } from './api-error.ts';

/** Header that carries the milliseconds a caller is still willing to wait; lowered at each hop. */
export const TIMEOUT_HEADER = 'x-request-timeout-ms';

/**
 * The milliseconds this request may take: the gateway's own bound, or the caller's if that is shorter.
 * @throws ApiError 400 unless the header is a whole number ≥ 1
 */
export function requestTimeoutMs(header: string | string[] | undefined, totalMs: number): number {
  if (header === undefined) return totalMs;
  const askedMs = typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : 0;
  if (askedMs < 1) {
    throw new ApiError(400, 'invalid_timeout', `Expected ${TIMEOUT_HEADER} to be whole milliseconds ≥ 1.`);
  }
  return Math.min(askedMs, totalMs);
}
