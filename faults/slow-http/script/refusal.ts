import { z } from 'zod';
import type { Ending } from '../attack.ts';

/** The key of kinds whose requests ought to be refused. */
export function statusShape() {
  return {
    expect: z
      .enum(['any', 'refused', '400', '403', '413', '431'])
      .default('any')
      .describe('the answer that a server must give: any but 5xx, any 4xx or a closed connection, or one status'),
  };
}

/** What is wrong with an ending, in words, given what was expected; undefined when nothing is. A 5xx always is. */
export function refusedWith(expected: string, { statuses, by }: Ending, what: string): string | undefined {
  const status = statuses[0];
  if (status === undefined) return by === 'silence' ? `${what}: neither answered nor closed` : undefined;
  if (status >= 500) return `${what}: answered ${status}`;
  if (expected === 'any') return undefined;
  if (expected === 'refused') return status < 400 ? `${what}: answered ${status}, expected 4xx` : undefined;
  return String(status) === expected ? undefined : `${what}: answered ${status}, expected ${expected}`;
}
