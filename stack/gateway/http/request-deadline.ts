import { ApiError } from './api-error.ts';

/** Header with the remaining time that the caller is willing to wait, in ms; lowered at each hop. */
export const TIMEOUT_HEADER = 'x-request-timeout-ms';

/**
 * Timeout of a request in ms: the gateway's limit, or the caller's if that is shorter.
 * @throws ApiError 400 unless the header is a whole number ≥ 1
 */
export function requestTimeoutMs(header: string | string[] | undefined, totalMs: number): number {
  if (header === undefined) return totalMs;
  const requestedMs = typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : 0;
  if (requestedMs < 1) {
    throw new ApiError(400, 'invalid_timeout', `Expected ${TIMEOUT_HEADER} to be an integer ≥ 1 (milliseconds).`);
  }
  return Math.min(requestedMs, totalMs);
}
