/** Dialects in which servers fail: none of them may pass for a success. */
import { chunk, type Dialect, DONE, event, PLAIN, ROLE, STOP, says, send, text } from './dialect.ts';

const SSE = { 'content-type': 'text/event-stream' };
const JSON_TYPE = { 'content-type': 'application/json' };
/** One token, then this. */
const afterOne = (...pieces: readonly string[]) => says([ROLE, text('a'), ...pieces]);
const status = (code: number, body: string, headers = {}): Pick<Dialect, 'answer' | 'outcome' | 'status'> => ({
  answer: response => response.writeHead(code, headers).end(body),
  outcome: 'http-status',
  status: code,
});

/** Comments for ever, after what the stream has begun with. */
const zombie =
  (...pieces: readonly string[]): Dialect['answer'] =>
  response => {
    response.writeHead(200, SSE).write(pieces.join('') || ': hello\n\n');
    const timer = setInterval(() => response.write(': keep-alive\n\n'), 100);
    response.on('close', () => clearInterval(timer));
  };

/** Limits that a test can wait for. */
const SOON = { firstTokenTimeoutMs: 2500, idleTimeoutMs: 2500 } as object;

const ABORTS = ['abort', 'error', 'cancelled', 'timeout', 'insufficient_system_resource'];

export const FAILING: readonly Dialect[] = [
  {
    name: 'no token in one of five',
    answer: (response, { order }) => send(response, order % 5 === 0 ? [ROLE, STOP, DONE] : PLAIN),
    ...{ outcome: 'empty', every: 5, tokens: 0 },
  },
  { name: 'nothing but [DONE]', answer: says([DONE]), outcome: 'empty' },
  { name: 'a length of nothing', answer: says([chunk({ content: '' }, 'length'), DONE]), outcome: 'empty' },
  {
    name: 'given up in one of three',
    answer: (response, { order }) =>
      send(response, order % 3 === 0 ? [ROLE, text('a'), chunk({}, 'abort'), DONE] : PLAIN),
    ...{ outcome: 'engine-abort', every: 3, tokens: 1 },
  },
  ...ABORTS.map(
    (reason): Dialect => ({
      name: `finish reason ${reason}`,
      answer: afterOne(chunk({}, reason), DONE),
      outcome: 'engine-abort',
      tokens: 1,
    }),
  ),
  {
    name: 'given up before a token',
    answer: says([ROLE, chunk({}, 'abort'), DONE]),
    outcome: 'engine-abort',
    tokens: 0,
  },
  { name: 'ends in the middle', answer: afterOne(), outcome: 'truncated', tokens: 1 },
  {
    name: 'error object',
    answer: afterOne(event({ error: { message: 'engine died' } }), DONE),
    outcome: 'truncated',
    tokens: 1,
    shows: 'engine died',
  },
  {
    name: 'error text',
    answer: afterOne(event({ error: 'engine died' }), DONE),
    outcome: 'truncated',
    tokens: 1,
    shows: 'engine died',
  },
  {
    name: 'error beside choices',
    answer: afterOne(
      event({
        error: { code: 502, message: 'provider died' },
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
      }),
      DONE,
    ),
    outcome: 'truncated',
    tokens: 1,
    shows: 'provider died',
  },
  {
    name: 'event: error',
    answer: afterOne(event({ message: 'engine died' }, 'event: error\n'), DONE),
    outcome: 'truncated',
    tokens: 1,
    shows: 'engine died',
  },
  {
    name: 'event: error of text',
    answer: afterOne(event('engine died', 'event: error\n'), DONE),
    outcome: 'truncated',
    tokens: 1,
    shows: 'engine died',
  },
  {
    name: 'an error as the first frame',
    answer: says([event({ error: { message: 'overloaded' } })]),
    outcome: 'truncated',
    shows: 'overloaded',
  },
  { name: 'a body of nothing', answer: says([]), outcome: 'empty' },
  { name: 'a role and nothing more', answer: says([ROLE]), outcome: 'truncated' },
  { name: 'comments and nothing more', answer: says([': ping\n\n']), outcome: 'truncated' },
  {
    name: 'HTML',
    answer: says(['<html><body>Sign in</body></html>'], { 'content-type': 'text/html' }),
    outcome: 'malformed',
    shows: 'Sign in',
  },
  {
    name: 'JSON of an error',
    answer: says(['{"error":{"message":"quota is used up"}}'], JSON_TYPE),
    outcome: 'truncated',
    shows: 'quota is used up',
  },
  {
    name: 'a login page as text',
    answer: says(['Please sign in'], { 'content-type': 'text/plain' }),
    outcome: 'malformed',
    shows: 'Please sign in',
  },
  {
    name: 'closes after the head',
    answer: response => {
      response.writeHead(200, SSE).flushHeaders();
      setTimeout(() => response.socket?.destroy(), 20);
    },
    outcome: 'truncated',
  },
  {
    name: 'closes after a token',
    answer: response => {
      response.writeHead(200, SSE).write(text('a'));
      setTimeout(() => response.socket?.destroy(), 20);
    },
    outcome: 'truncated',
    tokens: 1,
  },
  { name: 'comments for ever', answer: zombie(), outcome: 'first-token-timeout', plan: SOON },
  { name: 'roles, then comments for ever', answer: zombie(ROLE, ROLE), outcome: 'first-token-timeout', plan: SOON },
  {
    name: 'a token, then comments for ever',
    answer: zombie(ROLE, text('a')),
    outcome: 'idle-timeout',
    tokens: 1,
    plan: SOON,
  },
  {
    name: 'gzip that is none',
    odd: ['compressed'],
    answer: says(PLAIN, { ...SSE, 'content-encoding': 'gzip' }),
    outcome: 'malformed',
  },
  {
    name: 'no such model',
    ...status(404, '{"error":{"message":"no model nope here, there is my-model"}}', JSON_TYPE),
    shows: 'no model nope here, there is my-model',
  },
  {
    name: 'loading',
    ...status(503, '{"error":{"code":503,"message":"model is loading"}}', JSON_TYPE),
    shows: 'model is loading',
  },
  {
    name: '429, Retry-After as a date',
    ...status(429, '{"detail":"slow down"}', { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }),
    shows: 'slow down',
  },
  { name: '401 in plain text', ...status(401, 'bad key', { 'content-type': 'text/plain' }), shows: 'bad key' },
  {
    name: '500 in HTML',
    ...status(500, '<h1>Internal Server Error</h1>', { 'content-type': 'text/html', server: 'nginx' }),
    shows: 'Internal Server Error',
  },
  { name: '400 with control characters', ...status(400, 'no \u001b[31mred\u0000', {}), shows: 'no ' },
  {
    name: 'max_tokens refused',
    answer: (response, { body }) =>
      'max_tokens' in body
        ? response.writeHead(400, JSON_TYPE).end('{"error":{"message":"unknown parameter max_tokens"}}')
        : send(response, PLAIN),
    ...{ outcome: 'http-status', status: 400, shows: 'unknown parameter max_tokens' },
  },
  {
    name: 'redirected to another origin',
    answer: response => response.writeHead(302, { location: 'http://127.0.0.1:9/elsewhere' }).end(),
    ...{ outcome: 'http-status', status: 302 },
  },
  {
    name: 'redirected for ever',
    odd: ['redirected'],
    answer: (response, { path }) => response.writeHead(307, { location: `${path}/x` }).end(),
    ...{ outcome: 'http-status', status: 307 },
  },
];
