import type { Concern, EdgePlan } from './concern.ts';

/** Rejection with 403 by client address and length of the User-Agent, before any other check. */
export function accessControl({ options: { allowList, maxUserAgentBytes, waf } }: EdgePlan): Concern {
  const agents =
    maxUserAgentBytes === 'off'
      ? []
      : ['map $http_user_agent $edge_long_agent {', '  default 0;', `  "~^.{${maxUserAgentBytes + 1}}" 1;`, '}'];
  const addresses =
    allowList === 'off'
      ? []
      : ['geo $edge_not_allowed {', '  default 1;', ...[...new Set(allowList)].map(network => `  ${network} 0;`), '}'];
  return {
    name: 'access-control',
    http: [...addresses, ...agents],
    server: [
      // Set at server level, so that it is still set when the error body is rendered.
      `set $edge_rejection ${waf === 'off' ? 'request_forbidden' : 'blocked_by_firewall'};`,
      ...(allowList === 'off' ? [] : reject('$edge_not_allowed', 'address_not_allowed')),
      ...(maxUserAgentBytes === 'off' ? [] : reject('$edge_long_agent', 'header_too_long')),
    ],
  };
}

function reject(condition: string, code: string): string[] {
  return [`if (${condition}) {`, `  set $edge_rejection ${code};`, '  return 403;', '}'];
}
