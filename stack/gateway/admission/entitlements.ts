import { ApiError } from '../http/api-error.ts';
import type { AdmissionConfig } from './config.ts';
import { type Level, levelOf } from './level.ts';

/** Header with the level of a request, 0 to 9, of which 3 to 9 are batch. Responses have that which was granted. */
export const PRIORITY_HEADER = 'x-priority';

/** Level and weight of one request. */
export interface Claim {
  readonly level: Level;
  readonly weight: number;
}

/**
 * Creates the function that finds level and weight of a request by its caller, the SHA-256 of an API key in hex, and its `x-priority`. Who asks for a better
 * level than they are entitled to get the best that they are.
 * @throws ApiError 400 `invalid_priority` unless the header is absent or a digit; from the returned function
 */
export function createClaims({ keys, otherKeys }: Pick<AdmissionConfig, 'keys' | 'otherKeys'>) {
  const resolve = ({ best, level, weight }: AdmissionConfig['otherKeys']) => {
    const bestLevel = levelOf(best);
    return { best: bestLevel, level: level ? levelOf(level) : (Math.max(2, bestLevel) as Level), weight };
  };
  const others = resolve(otherKeys);
  const byKey = new Map(keys.map(key => [key.sha256.toLowerCase(), resolve(key)]));
  return (caller: string, header: string | string[] | undefined): Claim => {
    const { best, level, weight } = byKey.get(caller) ?? others;
    if (header === undefined) return { level, weight };
    if (typeof header !== 'string' || !/^\d$/.test(header))
      throw new ApiError(
        400,
        'invalid_priority',
        `Expected ${PRIORITY_HEADER} to be a digit, 0 (urgent) to 3 (batch).`,
      );
    return { level: Math.max(best, Math.min(3, Number(header))) as Level, weight };
  };
}
