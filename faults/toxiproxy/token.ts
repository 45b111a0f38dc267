import { createHash, timingSafeEqual } from 'node:crypto';

/** Value of the `authorization` header that carries `token`; undefined for an empty one, which is none. */
export function bearer(token: string | undefined): string | undefined {
  return token ? `Bearer ${token}` : undefined;
}

/** Whether a request with this `authorization` header may use an API with this token; always, if that is empty. Takes the same time for any header. */
export function isAuthorized(header: string | undefined, token: string): boolean {
  if (token === '') return true;
  const given = /^bearer +(.*)$/i.exec(header ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
