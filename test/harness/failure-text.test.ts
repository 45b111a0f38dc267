import { expect, test } from 'vitest';
import { adviceOn, failureText } from '../../harness/failure-text.ts';

/** Bodies as services send them, by the product that does; each must give exactly this text. */
const BODIES: readonly (readonly [product: string, body: string, text: string])[] = [
  [
    'OpenAI',
    '{"error":{"message":"no model nope here","type":"invalid_request_error","code":404}}',
    'no model nope here',
  ],
  [
    'Ollama',
    '{"error":"model \\"nope\\" not found, try pulling it first"}',
    'model "nope" not found, try pulling it first',
  ],
  [
    'vLLM before 0.10',
    '{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError"}',
    'The model `x` does not exist.',
  ],
  ['FastAPI', '{"detail":"Not Found"}', 'Not Found'],
  [
    'FastAPI, validation',
    '{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required"},{"loc":["body","n"],"msg":"too large"}]}',
    'body.messages: Field required; body.n: too large',
  ],
  ['TGI', '{"error":"Model is overloaded","error_type":"overloaded"}', 'Model is overloaded'],
  ['Kong', '{"message":"no Route matched with those values","request_id":"f00"}', 'no Route matched with those values'],
  [
    'Fastify',
    '{"statusCode":404,"error":"Not Found","message":"Route POST:/v1/x not found"}',
    'Route POST:/v1/x not found',
  ],
  [
    'RFC 9457',
    '{"type":"about:blank","title":"Bad Request","detail":"max_tokens is too large"}',
    'max_tokens is too large',
  ],
  [
    'Google',
    '[{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}]',
    'API key not valid.',
  ],
  ['GraphQL', '{"errors":[{"message":"first"},{"message":"second"}]}', 'first; second'],
  ['AWS', '{"Message":"User is not authorized"}', 'User is not authorized'],
  ['Apigee', '{"fault":{"faultstring":"Spike arrest violation"}}', 'Spike arrest violation'],
  ['a bare string', '"upstream is gone"', 'upstream is gone'],
  ['an error without a message', '{"error":{"message":null,"type":"server_error"}}', 'server_error'],
  ['a stream', 'data: {"error":{"message":"engine died"}}', 'engine died'],
  ['a stream with an event name', 'event: error\\ndata: {"error":{"message":"engine died"}}', 'engine died'],
  [
    'a stream that ends without a token',
    'data: {"choices":[{"delta":{"role":"assistant"},"finish_reason":null}]}\\n\\ndata: {"choices":[{"delta":{},"finish_reason":"stop"}]}\\n\\ndata: [DONE]',
    'finish_reason stop',
  ],
  [
    'a stream that the engine gave up',
    'data: {"choices":[{"delta":{},"finish_reason":"abort"}]}',
    'finish_reason abort',
  ],
  [
    'a stream that fails behind its finish',
    'data: {"choices":[{"finish_reason":"stop"}]}\\n\\nevent: error\\ndata: {"error":{"message":"late"}}\\n\\n',
    'late',
  ],
  ['a message about data', '{"error":{"message":"bad data: {x}"}}', 'bad data: {x}'],
  ['comments', ': ping\\n\\n: ping\\n\\n', ': ping : ping'],
  ['indented JSON, escaped', '{\\n  "error": {\\n    "message": "two\\nlines"\\n  }\\n}', 'two lines'],
  ['letters beyond ASCII', '{"detail":"mod\\u00e8le introuvable"}', 'modèle introuvable'],
  [
    'JSON that is cut off',
    `{"error":{"message":"a long \\"story\\" of ${'x'.repeat(20)}`,
    `a long "story" of ${'x'.repeat(20)}…`,
  ],
  ['JSON cut off by an ellipsis', '{"message":"a long story of…', 'a long story of…'],
  ['escapes of a terminal', '{"error":"a\\u001b[2Jb\\u202ec"}', 'a [2Jb c'],
  ['JSON cut off behind its message', '{"error":{"message":"short","param":"aaaaa', 'short'],
  [
    'plain text',
    'upstream connect error or disconnect\\r\\nreset reason: overflow',
    'upstream connect error or disconnect reset reason: overflow',
  ],
  ['HTML without a title', '<html><body><h1>Service &amp; all</h1><p>down</p></body></html>', 'Service & all'],
  ['HTML without a heading', '<p>try <b>later</b></p>', 'try later'],
  [
    'S3',
    '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>',
    'Access Denied',
  ],
  ['JSON without any message', '{"ok":false}', '{"ok":false}'],
];

test.each(BODIES)('says what %s said', (_, example, text) => {
  expect(failureText({ name: 'http-500', example })).toBe(`500: ${text}`);
});

test('names the kind, an HTTP status by its number, and either only once', () => {
  expect(failureText({ name: 'truncated', example: '{"error":{"message":"engine died"}}' })).toBe(
    'truncated: engine died',
  );
  expect(failureText({ name: 'reset', example: '' })).toBe('reset');
  expect(failureText({ name: 'http-404', example: '  ' })).toBe('404');
  const nginx =
    '<html>\\r\\n<head><title>502 Bad Gateway</title></head>\\r\\n<body><center><h1>502 Bad Gateway</h1></center>';
  expect(failureText({ name: 'http-502', example: nginx })).toBe('502 Bad Gateway');
});

test('does not follow a body that nests without end', () => {
  const deep = `${'{"error":'.repeat(50)}"x"${'}'.repeat(50)}`;
  expect(failureText({ name: 'http-500', example: deep })).toBe(`500: ${deep}`);
});

test('a server that refuses max_tokens is answered with the name that it wants', () => {
  expect(adviceOn('400: unknown parameter max_tokens')).toMatch(/max_completion_tokens: \$outputTokens/);
  expect(adviceOn("400: Unsupported parameter: 'max_tokens' is not supported with this model.")).not.toBe('');
  expect(adviceOn('400: max_completion_tokens is too large')).toBe('');
  expect(adviceOn('500: max_tokens')).toBe('');
});
