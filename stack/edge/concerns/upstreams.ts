import { badEdge } from '../options.ts';
import { type Concern, type EdgePlan, wholeSeconds } from './concern.ts';

/** Shorter than the 5 s for which Node's servers keep idle connections, so that nginx never uses one that is closing. */
const KEEP_ALIVE = '4s';

/** nginx directives of the balancing methods that need one. */
const METHODS = {
  'least-connections': ['  least_conn;'],
  'ip-hash': ['  ip_hash;'],
  weighted: [],
  'round-robin': [],
} as const;

/**
 * Balancing, passive failure detection and connections to the upstreams.
 * @throws SquallError `BAD_EDGE_OPTIONS` for more weights than upstreams
 */
export function upstreams({ options, addresses }: EdgePlan): Concern {
  const { balancing, passiveFailure, keepAliveConnections, timeouts, tries } = options;
  const weights = balancing.kind === 'weighted' ? balancing.weights : [];
  if (weights.length > addresses.upstreams.length) {
    throw badEdge(`Expected at most ${addresses.upstreams.length} weights, one per upstream, got ${weights.length}`);
  }
  const failure =
    passiveFailure === 'off'
      ? 'max_fails=0'
      : `max_fails=${passiveFailure.maxFails} fail_timeout=${wholeSeconds(passiveFailure.failTimeoutMs)}`;
  const keepAlive =
    keepAliveConnections === 'off'
      ? []
      : [`  keepalive ${keepAliveConnections};`, `  keepalive_timeout ${KEEP_ALIVE};`];
  return {
    name: 'upstreams',
    http: [
      'upstream gateways {',
      '  # Shared memory: workers share failure counts and the round-robin position.',
      '  zone gateways 256k;',
      ...METHODS[balancing.kind],
      ...addresses.upstreams.map((address, index) => `  server ${address} weight=${weights[index] ?? 1} ${failure};`),
      ...keepAlive,
      '}',
    ],
    proxied: [
      'proxy_pass http://gateways;',
      `proxy_next_upstream ${tries > 1 ? 'error timeout invalid_header' : 'off'};`,
      `proxy_next_upstream_tries ${tries};`,
      ...(timeouts === 'off'
        ? []
        : [
            `proxy_connect_timeout ${timeouts.upstreamConnectMs}ms;`,
            `proxy_read_timeout ${timeouts.upstreamReadMs}ms;`,
          ]),
    ],
  };
}
