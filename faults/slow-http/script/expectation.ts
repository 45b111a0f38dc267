import { z } from 'zod';
import type { Ending } from '../attack.ts';

/** Parameter of attacks whose requests a server should reject. */
export const expectationShape = {
  expect: z
    .enum(['any', 'rejected', '400', '403', '413', '431'])
    .default('any')
    .describe('expected response: any except 5xx, any 4xx or a closed connection, or one status'),
};

/** Description of how an ending violates the expectation; undefined if it does not. A 5xx always does. */
export function statusViolation(expected: string, { statuses, by }: Ending, what: string): string | undefined {
  const status = statuses[0];
  if (status === undefined) return by === 'timeout' ? `${what}: no response, connection left open` : undefined;
  if (status >= 500) return `${what}: status ${status}`;
  if (expected === 'any') return undefined;
  if (expected === 'rejected') return status < 400 ? `${what}: status ${status}, expected 4xx` : undefined;
  return String(status) === expected ? undefined : `${what}: status ${status}, expected ${expected}`;
}
