import type { AdminRoute } from '../admin/admin-server.ts';
import { ApiError, unavailable } from '../http/api-error.ts';
import type { Identity } from './identity.ts';

/**
 * Routes of the admin API: `PUT /revocations/keys/CLIENT` revokes the key of a client, `PUT /revocations/tokens/JTI` one token, and `DELETE` takes that
 * back, on every gateway within a second. `GET /revocations` lists what this gateway knows to be revoked.
 */
export function revocationRoutes(identity: Identity): readonly AdminRoute[] {
  const set =
    (kind: 'key' | 'token', isRevoked: boolean) =>
    async ([id = '']: readonly string[]) => {
      if (kind === 'key' && !identity.clients.get(id))
        throw new ApiError(404, 'unknown_client', 'Expected the id of a client, got another.');
      if (await identity.revoke(kind, id, isRevoked)) return { revoked: isRevoked };
      const message = 'It is in effect here, and elsewhere as soon as the shared store is back.';
      throw unavailable('identity_unavailable', message);
    };
  const methods = (kind: 'key' | 'token') => ({ PUT: set(kind, true), DELETE: set(kind, false) });
  return [
    { pattern: /^\/revocations$/, methods: { GET: () => ({ revoked: identity.revocations.ids() }) } },
    { pattern: /^\/revocations\/keys\/([\w.-]{1,64})$/, methods: methods('key') },
    { pattern: /^\/revocations\/tokens\/([\w.-]{1,128})$/, methods: methods('token') },
  ];
}
