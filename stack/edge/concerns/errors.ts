import type { Concern, EdgePlan } from './concern.ts';

interface OwnError {
  readonly status: number;
  /** May name a variable of nginx. */
  readonly code: string;
  readonly message: string;
  readonly retryAfter?: string;
}

/**
 * Bodies in OpenAI's style for what nginx answers by itself, as `{"error":{message,type,param,code}}`. Errors that upstreams
 * answer pass through untouched. 429, 502, 503 and 504 come with Retry-After, in seconds.
 */
export function errors({ options: { rateLimit, maxConnectionsPerAddress } }: EdgePlan): Concern {
  // When the bucket has let one more request drip out, but never "0", which asks for an immediate retry.
  const retryAfter = String(rateLimit === 'off' ? 1 : Math.ceil(1 / rateLimit.perSecond));
  const isCapped = maxConnectionsPerAddress !== 'off';
  const own: readonly OwnError[] = [
    { status: 400, code: 'bad_request', message: 'The request could not be understood' },
    { status: 403, code: '$edge_refusal', message: 'The request was refused' },
    { status: 413, code: 'request_too_large', message: 'The request body is too large' },
    { status: 414, code: 'uri_too_long', message: 'The request line is too long' },
    {
      status: 429,
      code: isCapped ? '$edge_limit' : 'rate_limit_exceeded',
      message: 'Too many requests from this address',
      retryAfter,
    },
    { status: 500, code: 'edge_error', message: 'The edge failed' },
    { status: 502, code: 'bad_gateway', message: 'No gateway could answer', retryAfter: '1' },
    { status: 503, code: 'service_unavailable', message: 'The service is not available', retryAfter: '1' },
    { status: 504, code: 'gateway_timeout', message: 'The gateway did not answer in time', retryAfter: '1' },
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
      ...own.flatMap(answer),
      '# Too long a header, and plain HTTP where TLS is spoken, have numbers of their own inside nginx.',
      'error_page 494 497 =400 @answer_400;',
    ],
  };
}

function answer({ status, code, message, retryAfter }: OwnError): string[] {
  const type = status >= 500 ? 'server_error' : 'invalid_request_error';
  return [
    `error_page ${status} @answer_${status};`,
    `location @answer_${status} {`,
    '  default_type application/json;',
    ...(retryAfter === undefined ? [] : [`  add_header Retry-After ${retryAfter} always;`]),
    '  add_header X-Request-Id $edge_request_id always;',
    `  return ${status} '${JSON.stringify({ error: { message, type, param: null, code } })}';`,
    '}',
  ];
}
