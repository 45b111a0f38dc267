import type { Concern, EdgePlan } from './concern.ts';

/** Rate limit and connection limit per client address, and body size limit. Excess requests get 429 at once and are never queued. */
export function limits({ options: { rateLimit, maxConnectionsPerAddress, maxBodyBytes } }: EdgePlan): Concern {
  return {
    name: 'limits',
    http: [
      ...(rateLimit === 'off'
        ? []
        : [
            `limit_req_zone $binary_remote_addr zone=requests:10m rate=${rateLimit.perSecond}r/s;`,
            'limit_req_status 429;',
          ]),
      ...(maxConnectionsPerAddress === 'off'
        ? []
        : ['limit_conn_zone $binary_remote_addr zone=connections:10m;', 'limit_conn_status 429;']),
    ],
    server: [
      `client_max_body_size ${maxBodyBytes};`,
      // nodelay: a queue in front of a model server only increases the time to first token.
      ...(rateLimit === 'off'
        ? []
        : [`limit_req zone=requests${rateLimit.burst === 0 ? '' : ` burst=${rateLimit.burst} nodelay`};`]),
      ...(maxConnectionsPerAddress === 'off' ? [] : [`limit_conn connections ${maxConnectionsPerAddress};`]),
    ],
  };
}
