import type { Concern, EdgePlan } from './concern.ts';

interface EdgeError {
  readonly status: number;
  /** Error code or nginx variable. */
  readonly code: string;
  readonly message: string;
  readonly retryAfter?: string;
}

/**
 * Error bodies in OpenAI's format, `{"error":{message,type,param,code}}`, for responses by nginx itself. Error responses of upstreams
 * are relayed unchanged. 429, 502, 503 and 504 have Retry-After, in seconds.
 */
export function errors({ options: { rateLimit, maxConnectionsPerAddress } }: EdgePlan): Concern {
  // Time until the bucket admits one more request, but never 0, which would request an immediate retry.
  const retryAfter = String(rateLimit === 'off' ? 1 : Math.ceil(1 / rateLimit.perSecond));
  const isCapped = maxConnectionsPerAddress !== 'off';
  const edgeErrors: readonly EdgeError[] = [
    { status: 400, code: 'bad_request', message: 'Malformed request' },
    { status: 403, code: '$edge_rejection', message: 'The request was rejected' },
    { status: 413, code: 'request_too_large', message: 'The request body is too large' },
    { status: 414, code: 'uri_too_long', message: 'The request line is too long' },
    {
      status: 429,
      code: isCapped ? '$edge_limit' : 'rate_limit_exceeded',
      message: 'Too many requests from this address',
      retryAfter,
    },
    { status: 500, code: 'edge_error', message: 'Internal error of the edge' },
    { status: 502, code: 'bad_gateway', message: 'No gateway is reachable', retryAfter: '1' },
    { status: 503, code: 'service_unavailable', message: 'The service is not available', retryAfter: '1' },
    { status: 504, code: 'gateway_timeout', message: 'The gateway did not respond in time', retryAfter: '1' },
  ];
  return {
    name: 'errors',
    http: isCapped
      ? [
          'map $limit_conn_status $edge_limit {',
          '  default rate_limit_exceeded;',
          '  REJECTED too_many_connections;',
          '}',
        ]
      : [],
    server: [
      ...edgeErrors.flatMap(errorPage),
      '# nginx-internal status codes: 494 oversized header, 497 plain HTTP on a TLS port.',
      'error_page 494 497 =400 @error_400;',
    ],
  };
}

function errorPage({ status, code, message, retryAfter }: EdgeError): string[] {
  const type = status >= 500 ? 'server_error' : 'invalid_request_error';
  return [
    `error_page ${status} @error_${status};`,
    `location @error_${status} {`,
    '  default_type application/json;',
    ...(retryAfter === undefined ? [] : [`  add_header Retry-After ${retryAfter} always;`]),
    '  add_header X-Request-Id $edge_request_id always;',
    `  return ${status} '${JSON.stringify({ error: { message, type, param: null, code } })}';`,
    '}',
  ];
}
