import type { Random } from '../../../../harness/random.ts';

/** What a tenant may send besides its prompts. */
export interface Tenant {
  readonly name: string;
  /** Its API key. */
  readonly key: string;
  /** An access token of its own. */
  readonly token: string;
}

/** One request as it goes on the wire. */
export interface HostileRequest {
  readonly bytes: Buffer;
  /** Whose `x-request-id` it carries. */
  readonly sender: string;
  /** The client leaves without having read a response. */
  readonly leaves: boolean;
}

const below = (random: Random, limit: number) => Math.floor(random.next() * limit);
/** With a probability of a half what is well formed: a request with five oddities never gets beyond the first. */
const mostly = <T>(random: Random, usual: T, odd: () => T): T => (below(random, 2) === 0 ? usual : odd());
const oneOf = <T>(random: Random, values: readonly T[]): T => values[below(random, values.length)]!;

const words = (text: string) => text.trim().split(/\s+/);

const NASTY: readonly string[] = [
  ...[
    '',
    ' ',
    '\t',
    '\0',
    '\x7f',
    '%',
    '%00',
    '%2e%2e',
    '..',
    '__proto__',
    'constructor',
    '{}',
    '[]',
    'null',
    '-1',
    '0',
    '1e999',
  ],
  ...['NaN', '\u00ff', '"', "'", '=', '&', ':', ',', ';', '../../etc/passwd', '<script>', '%s%n', '\ud800'],
  'a'.repeat(4097),
];
const VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e308,
    -1e308,
    2 ** 53,
    '',
    'x',
    '\u0000',
    '\ud800',
    [],
    {},
    [[]],
    [null],
    { a: { b: {} } },
  ],
  ...[{ __proto__: 1 }, { toString: 1 }, ['x'], 'a'.repeat(5000), { role: 'user', content: 'x' }],
];
const FIELDS = words(`
  model messages stream max_tokens max_completion_tokens temperature n stop tools tool_choice seed
  stream_options response_format user logit_bias prompt input metadata __proto__ constructor toString
`);
const PATHS = words(`
  /v1/chat/completions /v1/chat/completions /v1/chat/completions /v1/completions /v1/embeddings /v1/models
  /oauth/token /oauth/revoke /.well-known/jwks.json /metrics /readyz /v1/batches /v1/files /v1/usage
  /v1/files/file-1/content /v1/batches/batch_1/cancel / // /v1 /v1/ /v1/chat/completions/../models
  /%2e%2e/admin /upstreams /revocations /v1/chat/completions?x=%00 http://evil.example/v1/models *
  /v1/chat/completions#x
`);
const METHODS = words(`
  POST POST POST POST GET PUT DELETE OPTIONS HEAD PATCH TRACE CONNECT FOO post
`);
const HEADER_NAMES = words(`
  x-priority x-request-timeout-ms traceparent tracestate baggage accept accept-encoding content-encoding
  origin access-control-request-method expect upgrade connection te x-forwarded-for forwarded range cookie
  if-none-match dpop x-session-id x-http-method-override cache-control host content-type transfer-encoding
`);
const HEADER_VALUES = [
  ...[
    'interactive',
    'batch',
    'P0',
    '9',
    '-1',
    '1e9',
    '0',
    'gzip',
    'deflate, br',
    '100-continue',
    'h2c',
    'websocket',
    'close',
    'upgrade',
  ],
  ...[
    '00-00000000000000000000000000000000-0000000000000000-01',
    'https://evil.example',
    '127.0.0.1',
    'chunked',
    'identity',
    '*/*',
  ],
];

/** A text with a part of it removed, repeated, replaced, or with something nasty in it. */
function mutated(random: Random, text: string): string {
  const at = below(random, text.length + 1);
  const to = at + below(random, 20);
  return oneOf(random, [
    () => text.slice(0, at) + text.slice(to),
    () => text.slice(0, at) + oneOf(random, NASTY) + text.slice(at),
    () => text.slice(0, at),
    () => text.slice(0, to) + text.slice(at),
  ])();
}

function strangeBody(random: Random, sender: string): string {
  const body: Record<string, unknown> = {
    model: 'tiny',
    temperature: 0,
    messages: [{ role: 'user', content: `${sender} ${below(random, 50)}` }],
  };
  for (let count = mostly(random, 0, () => below(random, 4)); count > 0; count -= 1)
    Object.defineProperty(body, oneOf(random, FIELDS), {
      value: oneOf(random, VALUES),
      enumerable: true,
      configurable: true,
    });
  const text = JSON.stringify(body);
  const odd = oneOf(random, [
    () => text,
    () => mutated(random, text),
    () => '['.repeat(below(random, 5000)),
    () => `{"a":${'{"a":'.repeat(below(random, 3000))}1${'}'.repeat(below(random, 3000))}`,
    () => JSON.stringify({ ...body, messages: [{ role: 'user', content: 'long '.repeat(below(random, 400_000)) }] }),
    () => `grant_type=client_credentials&client_secret=${oneOf(random, NASTY)}`,
    () => '',
  ]);
  return mostly(random, text, odd);
}

function credential(random: Random, tenant: Tenant): string | undefined {
  const odd = oneOf(random, [
    () => undefined,
    () => `Bearer ${tenant.key}`,
    () => `Bearer ${tenant.token}`,
    () => `Bearer ${tenant.token}`,
    () => `Bearer ${mutated(random, tenant.token)}`,
    () => `Bearer ${mutated(random, tenant.key)}`,
    () => `DPoP ${tenant.token}`,
    () => `Basic ${Buffer.from(`${tenant.name}:${oneOf(random, NASTY)}`).toString('base64')}`,
    () => `${oneOf(random, NASTY)} ${tenant.token}`,
  ]);
  return mostly<string | undefined>(random, `Bearer ${tenant.token}`, odd);
}

/**
 * A request that is broken, odd or merely unusual in several ways at once, in what its line, headers, credentials, body or framing says.
 * Its `x-request-id` begins with the name of its tenant, whatever else it does.
 */
export function hostileRequest(random: Random, tenant: Tenant, nth: number): HostileRequest {
  const sender = tenant.name;
  const body = Buffer.from(strangeBody(random, sender));
  const headers: [string, string][] = [
    ['host', 'llm.test'],
    ['x-request-id', `${sender}-${nth}`],
    ['content-type', 'application/json'],
    ['connection', 'close'],
  ];
  const authorization = credential(random, tenant);
  if (authorization !== undefined) headers.push(['authorization', authorization]);
  for (let count = mostly(random, 0, () => below(random, 5)); count > 0; count -= 1)
    headers.push([oneOf(random, HEADER_NAMES), oneOf(random, below(random, 2) === 0 ? NASTY : HEADER_VALUES)]);
  const isChunked = below(random, 10) === 0;
  if (isChunked) headers.push(['transfer-encoding', 'chunked']);
  if (!isChunked || below(random, 5) === 0)
    headers.push(['content-length', below(random, 20) === 0 ? oneOf(random, NASTY) : String(body.length)]);
  const method = mostly(random, 'POST', () => oneOf(random, METHODS));
  const path = mostly(random, '/v1/chat/completions', () => oneOf(random, PATHS));
  const version = mostly(random, '1.1', () => oneOf(random, ['1.1', '1.1', '1.1', '1.0', '2.0', '1.', '']));
  const line = `${method} ${path} HTTP/${version}`;
  let head = `${line}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  if (below(random, 20) === 0) head = mutated(random, head);
  const framed = isChunked
    ? Buffer.concat([
        Buffer.from(`${oneOf(random, [body.length.toString(16), '-1', 'zz', 'ffffffffffffffff'])}\r\n`),
        body,
        Buffer.from('\r\n0\r\n\r\n'),
      ])
    : body;
  return { bytes: Buffer.concat([Buffer.from(head, 'latin1'), framed]), sender, leaves: below(random, 12) === 0 };
}
