import type { Concern, EdgePlan } from './concern.ts';

/** Path of the access log below the prefix: one JSON object per line. */
export const ACCESS_LOG = 'logs/access.ndjson';

const FIELDS: Readonly<Record<string, string>> = {
  // All values are quoted, since nginx writes "-" for a missing number and a list for retried upstreams.
  time: '$msec',
  request_id: '$edge_request_id',
  traceparent: '$http_traceparent',
  client: '$remote_addr',
  method: '$request_method',
  // Without the query string, which may contain keys.
  path: '$uri',
  protocol: '$server_protocol',
  status: '$status',
  bytes_sent: '$bytes_sent',
  seconds: '$request_time',
  upstream: '$upstream_addr',
  upstream_status: '$upstream_status',
  upstream_header_seconds: '$upstream_header_time',
  upstream_seconds: '$upstream_response_time',
  cache: '$upstream_cache_status',
  rate_limit: '$limit_req_status',
  connection_limit: '$limit_conn_status',
  tls_protocol: '$ssl_protocol',
  tls_cipher: '$ssl_cipher',
  tls_group: '$ssl_curve',
};

/** Access log with one JSON object per request. All values are strings, `""` if absent. Never contains keys, bodies or query strings. */
export function accessLog({ logsTo }: EdgePlan): Concern {
  const format = Object.entries(FIELDS).map(([name, value]) => `"${name}":"${value}"`);
  return {
    name: 'access-log',
    http: [
      `log_format requests escape=json '{${format.join(',')}}';`,
      `access_log ${logsTo === 'files' ? ACCESS_LOG : '/dev/stdout'} requests;`,
    ],
  };
}
