import { afterAll, expect, test } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { until } from '../../../until.ts';
import { startInside } from '../fixtures/gateway-inside.ts';
import { metric } from '../fixtures/gateway-process.ts';
import { responds, startUpstream, streams } from '../fixtures/scripted-upstream.ts';

// One gateway and one upstream for all tests: a prompt of 20 characters, 100 tokens, 300 ms of computing.
const upstream = await startUpstream(responds());
const gateway = await startInside(
  {
    upstreams: [{ name: 'one', url: upstream.url }],
    guard: { maxPromptCharacters: 20, maxTokens: 100, computeMs: 300, watermark: { value: 'by squall' } },
  },
  systemClock,
);
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

async function send(body: object, path = '/v1/chat/completions') {
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    body: JSON.stringify({ model: 'tiny', ...body }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text };
}

const user = (content: unknown) => ({ messages: [{ role: 'user', content }] });
const LAST = () => JSON.parse(upstream.received.at(-1)!.body);

test.each<[string, object, string?]>([
  ['as many as the limit', user('a'.repeat(20))],
  // 20 code points are 40 code units, and 80 bytes.
  ['characters, not bytes', user('😀'.repeat(20))],
  ['tabs and line ends', user('a\tb\r\nc')],
  ['pictures, which are no text', user([{ type: 'image_url', image_url: { url: `data:${'a'.repeat(50)}` } }])],
  ['as many tokens as the limit', { ...user('hi'), max_tokens: 50, n: 2 }],
  [
    'a tool without text of its own',
    {
      ...user('a'),
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object', required: [] } } }],
    },
  ],
  ['tokens of several prompts', { prompt: ['a', 'b'], max_tokens: 50 }, '/v1/completions'],
  ['one prompt of token ids', { prompt: [7, 8, 9], max_tokens: 100 }, '/v1/completions'],
  ['a text completion', { prompt: 'a'.repeat(20) }, '/v1/completions'],
  ['embeddings', { input: ['a'.repeat(10), 'b'.repeat(10)] }, '/v1/embeddings'],
])('lets pass: %s', async (_, body, path) => {
  upstream.behaviour = responds();
  expect(await send(body, path)).toMatchObject({ status: 200 });
});

test.each<[string, object, string, string, string?]>([
  ['a long prompt', user('a'.repeat(21)), 'prompt_too_long', 'messages'],
  ['one of many messages', { messages: Array(21).fill({ role: 'user', content: 'a' }) }, 'prompt_too_long', 'messages'],
  ['one of several parts', user([{ type: 'text', text: 'a'.repeat(21) }]), 'prompt_too_long', 'messages'],
  [
    'one in the tools',
    { ...user('a'), tools: [{ function: { description: 'a'.repeat(20) } }] },
    'prompt_too_long',
    'messages',
  ],
  ...[
    ['the name of a parameter', { parameters: { properties: { ['a'.repeat(20)]: {} } } }],
    ['a parameter that is called file', { parameters: { properties: { file: { description: 'a'.repeat(20) } } } }],
    ['a type that is none', { parameters: { type: 'a'.repeat(20) } }],
  ].map(
    ([where, own]) =>
      [`one in ${where}`, { ...user('a'), tools: [{ function: own }] }, 'prompt_too_long', 'messages'] as [
        string,
        object,
        string,
        string,
      ],
  ),
  ['one in a role', { messages: [{ role: 'a'.repeat(21), content: '' }] }, 'prompt_too_long', 'messages'],
  ['one in documents', { ...user('a'), documents: [{ text: 'a'.repeat(20) }] }, 'prompt_too_long', 'messages'],
  ['one in a template', { ...user('a'), chat_template: 'a'.repeat(20) }, 'prompt_too_long', 'messages'],
  ['one of token ids', { prompt: Array(21).fill(7) }, 'prompt_too_long', 'prompt', '/v1/completions'],
  ['long embeddings', { input: Array(3).fill('a'.repeat(7)) }, 'prompt_too_long', 'input', '/v1/embeddings'],
  ...['\u0000', '\u001b[2J', '\u007f', '\u0085', '\ud800'].map(
    text =>
      [`control characters ${JSON.stringify(text)}`, user(text), 'invalid_characters', 'messages'] as [
        string,
        object,
        string,
        string,
      ],
  ),
  ['too many tokens', { ...user('a'), max_tokens: 101 }, 'too_many_tokens', 'max_tokens'],
  [
    'too many by their new name',
    { ...user('a'), max_completion_tokens: 101 },
    'too_many_tokens',
    'max_completion_tokens',
  ],
  ['too many in all choices', { ...user('a'), max_tokens: 51, n: 2 }, 'too_many_tokens', 'max_tokens'],
  ['too many choices', { ...user('a'), n: 101 }, 'too_many_tokens', 'n'],
  [
    'too many for several prompts',
    { prompt: ['a', 'b', 'c'], max_tokens: 34 },
    'too_many_tokens',
    'max_tokens',
    '/v1/completions',
  ],
  // 16 each.
  ['too many prompts', { prompt: Array(7).fill('a') }, 'too_many_tokens', 'prompt', '/v1/completions'],
  ['an endless number', { ...user('a'), max_tokens: -1 }, 'invalid_value', 'max_tokens'],
  ['a number as text', { ...user('a'), max_tokens: '100000' }, 'invalid_value', 'max_tokens'],
])('rejects %s', async (_, body, code, param, path) => {
  const { status, text } = await send(body, path);
  expect(status).toBe(400);
  expect(JSON.parse(text).error).toMatchObject({ code, param });
});

test('a request without a maximum of tokens gets the limit, shared by its choices', async () => {
  upstream.behaviour = responds();
  await send({ ...user('hi'), n: 3 });
  expect(LAST()).toEqual({ max_tokens: 33, model: 'tiny', ...user('hi'), n: 3 });
  await send({ ...user('hi'), max_tokens: null });
  expect(LAST().max_tokens).toBe(100);
  // Its default is 16.
  await send({ prompt: 'hi' }, '/v1/completions');
  expect(LAST()).not.toHaveProperty('max_tokens');
});

test('responses are redacted and marked, streamed or not, with a length of their own', async () => {
  upstream.behaviour = responds('call 13800138000');
  const whole = await send(user('hi'));
  expect(JSON.parse(whole.text).choices[0].message.content).toBe('call [PHONE]');
  expect(Number(whole.headers.get('content-length'))).toBe(Buffer.byteLength(whole.text));
  expect(whole.headers.get('x-ai-generated')).toBe('by squall');
  upstream.behaviour = streams(['call 1380', '0138', '000 or', ' a@b', '.com'], 5);
  const { text, headers } = await send({ ...user('hi'), stream: true });
  const contents = [...text.matchAll(/"content":"([^"]*)"/g)].map(([, content]) => content);
  expect(contents.join('')).toBe('call [PHONE] or [EMAIL]');
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  expect(headers.get('x-ai-generated')).toBe('by squall');
  upstream.behaviour = response => response.writeHead(422).end('{"error":{"message":"not for a@b.com"}}');
  expect(await send(user('hi'))).toMatchObject({ status: 422, text: '{"error":{"message":"not for [EMAIL]"}}' });
});

test('a response that cannot be read is not passed on', async () => {
  upstream.behaviour = response => response.writeHead(200, { 'content-encoding': 'gzip' }).end('13800138000');
  expect(await send(user('hi'))).toMatchObject({ status: 502, text: expect.stringContaining('upstream_malformed') });
});

test('a stream that computes too long ends as one at its maximum of tokens, and its work is cancelled', async () => {
  upstream.behaviour = streams(Array(200).fill('x '), 20);
  const startMs = performance.now();
  const { text } = await send({ ...user('hi'), stream: true });
  const tookMs = performance.now() - startMs;
  // 4 s without the deadline.
  expect(tookMs).toBeGreaterThan(290);
  expect(tookMs).toBeLessThan(2500);
  expect(text).toMatch(/"delta":\{\},"finish_reason":"length"\}\]\}\n\ndata: \[DONE\]\n\n$/);
  expect(text.split('"content":"x "').length).toBeGreaterThan(3);
  expect(await until(() => upstream.openRequests() === 0)).toBeLessThan(1000);
  expect(await metric(gateway, 'gateway_guard_compute_deadlines_total', 'end="finish"')).toBe(1);
});

test('one that is not streamed gets an error, is not tried again, and does not count against the upstream', async () => {
  upstream.behaviour = responds('late', 5000);
  const before = upstream.received.length;
  const responses = await Promise.all(Array.from({ length: 5 }, () => send(user('hi'))));
  for (const { status, text } of responses) {
    expect(status).toBe(504);
    expect(text).toContain('compute_deadline_exceeded');
  }
  expect(upstream.received.length - before).toBe(5);
  expect(await until(() => upstream.openRequests() === 0)).toBeLessThan(1000);
  upstream.behaviour = responds();
  expect(await send(user('hi'))).toMatchObject({ status: 200 });
});

test('what a stream has sent when its upstream dies is redacted, to its last word', async () => {
  upstream.behaviour = (response, request) =>
    streams(['call 13800138000 or 138001', '38000', ...Array(50).fill('')], 10)(
      Object.assign(response, { end: () => response.destroy() }) as never,
      request,
    );
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: 'tiny', stream: true, ...user('hi') }),
  });
  let text = '';
  try {
    for await (const chunk of response.body!) text += Buffer.from(chunk).toString();
  } catch {
    // It breaks off.
  }
  expect(text).toContain('call [PHONE] or [PHONE]');
  expect(text).not.toContain('13800');
});
