import type { Concern, EdgePlan } from './concern.ts';

/** What is refused with 403 before anything else is looked at: foreign addresses and over-long User-Agents. */
export function refusals({ options: { allowList, maxUserAgentBytes, waf } }: EdgePlan): Concern {
  const agents =
    maxUserAgentBytes === 'off'
      ? []
      : ['map $http_user_agent $edge_long_agent {', '  default 0;', `  "~^.{${maxUserAgentBytes + 1}}" 1;`, '}'];
  const addresses =
    allowList === 'off'
      ? []
      : ['geo $edge_stranger {', '  default 1;', ...[...new Set(allowList)].map(network => `  ${network} 0;`), '}'];
  return {
    name: 'refusals',
    http: [...addresses, ...agents],
    server: [
      // Variables of the server are set once and are still set where the error's body is written.
      `set $edge_refusal ${waf === 'off' ? 'request_forbidden' : 'blocked_by_firewall'};`,
      ...(allowList === 'off' ? [] : refuse('$edge_stranger', 'address_not_allowed')),
      ...(maxUserAgentBytes === 'off' ? [] : refuse('$edge_long_agent', 'header_too_long')),
    ],
  };
}

function refuse(condition: string, code: string): string[] {
  return [`if (${condition}) {`, `  set $edge_refusal ${code};`, '  return 403;', '}'];
}
