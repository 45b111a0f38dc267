import { sendJson } from '../http/api-error.ts';
import type { Stage } from '../http/exchange.ts';
import { TOKEN_PATH } from './config.ts';
import { type EndpointContext, revokeStage, tokenStage } from './token-endpoint.ts';

/** How long others may keep the published keys, in s: shorter than anyone would wait to use a new one. */
const KEYS_MAX_AGE_S = 60;

/** Routes of identity: the token endpoint, revocation of a token by its client, and the public signing keys. */
export function identityRoutes(
  context: EndpointContext,
): readonly (readonly [path: string, route: { readonly method: 'GET' | 'POST'; readonly stages: readonly Stage[] }])[] {
  const keys: Stage = exchange => {
    const body = JSON.stringify({ keys: context.identity.ring.published() });
    const caching = ['cache-control', `public, max-age=${KEYS_MAX_AGE_S}`];
    sendJson(exchange.response, 200, body, [...exchange.headers(), ...caching]);
  };
  return [
    [TOKEN_PATH, { method: 'POST', stages: [tokenStage(context)] }],
    ['/oauth/revoke', { method: 'POST', stages: [revokeStage(context)] }],
    ['/.well-known/jwks.json', { method: 'GET', stages: [keys] }],
  ];
}
