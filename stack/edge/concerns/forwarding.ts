import type { Concern, EdgePlan } from './concern.ts';

/**
 * Headers sent to the upstreams. `traceparent` is forwarded as received (the gateway starts a trace if there is none);
 * `x-request-id` is forwarded if it is well-formed, else nginx generates one. `X-Forwarded-For` is discarded unless the request
 * came from a trusted proxy.
 */
export function forwarding({ options }: EdgePlan): Concern {
  const chain = options.trustedProxies.length > 0 ? '$proxy_add_x_forwarded_for' : '$remote_addr';
  return {
    name: 'forwarding',
    http: [
      'map $http_x_request_id $edge_request_id {',
      '  default $request_id;',
      '  "~^[A-Za-z0-9._-]+$" $http_x_request_id;',
      '}',
      ...options.trustedProxies.map(network => `set_real_ip_from ${network};`),
      ...(options.trustedProxies.length > 0 ? ['real_ip_header X-Forwarded-For;', 'real_ip_recursive on;'] : []),
    ],
    proxied: [
      '# Empty, so that connections to upstreams are kept alive.',
      'proxy_set_header Connection "";',
      'proxy_set_header Host $http_host;',
      'proxy_set_header X-Forwarded-Proto $scheme;',
      `proxy_set_header X-Forwarded-For ${chain};`,
      'proxy_set_header X-Request-Id $edge_request_id;',
      'proxy_set_header traceparent $http_traceparent;',
      'proxy_hide_header X-Request-Id;',
      'add_header X-Request-Id $edge_request_id always;',
    ],
  };
}
