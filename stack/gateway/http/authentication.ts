import { hash, timingSafeEqual } from 'node:crypto';
import { ApiError } from './api-error.ts';

/**
 * Checks `Authorization: Bearer KEY` against SHA-256 hashes, so that the configuration holds no key. All hashes are compared in
 * constant time, so the time of a rejection reveals nothing about the key. The returned function identifies the caller: the key's
 * SHA-256 in hex, or `anonymous`.
 * @param apiKeyHashes 64 hex digits each; empty: authentication is off
 * @throws ApiError 401, from the returned function
 */
export function createAuthenticate(apiKeyHashes: readonly string[]): (authorization: string | undefined) => string {
  const accepted = apiKeyHashes.map(hex => Buffer.from(hex, 'hex'));
  if (accepted.length === 0) return () => 'anonymous';
  return authorization => {
    const key = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (key === undefined)
      throw unauthorized('missing_api_key', 'Expected an API key: Authorization: Bearer YOUR_KEY.');
    const digest = hash('sha256', key, 'buffer');
    let known = false;
    for (const candidate of accepted) known = timingSafeEqual(candidate, digest) || known;
    if (!known) throw unauthorized('invalid_api_key', 'The API key is not accepted.');
    return digest.toString('hex');
  };
}

function unauthorized(code: string, message: string): ApiError {
  return new ApiError(401, code, message, null, ['www-authenticate', 'Bearer']);
}
