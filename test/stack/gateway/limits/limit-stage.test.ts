import { hash } from 'node:crypto';
import OpenAI, { RateLimitError } from 'openai';
import { expect, test } from 'vitest';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { chat, metric, startGateway } from '../fixtures/gateway-process.ts';
import { responds, startUpstream } from '../fixtures/scripted-upstream.ts';

const messages = [{ role: 'user', content: 'hi' }] as const satisfies OpenAI.ChatCompletionMessageParam[];

/** Starts a gateway with these rate limits. */
async function limitedGateway(limits: GatewayConfigInput['limits']) {
  const stack = new AsyncDisposableStack();
  const upstream = stack.use(
    await startUpstream((response, request) => {
      // The upstream has limits of its own, which are not relevant to the client.
      response.setHeader('ratelimit-remaining', '7777');
      responds()(response, request);
    }),
  );
  const gateway = stack.use(
    await startGateway({
      upstreams: [{ name: 'one', url: upstream.url }],
      apiKeyHashes: [hash('sha256', 'one'), hash('sha256', 'two')],
      healthChecks: 'off',
      limits,
    }),
  );
  const as = (key: string) => chat(gateway, { headers: { authorization: `Bearer ${key}` } });
  return { upstream, gateway, as, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const limitHeaders = (response: Response) =>
  Object.fromEntries([...response.headers].filter(([name]) => /^(ratelimit-|retry-after)/.test(name)));

test('every response reports the limit, and a rejection when to retry', async () => {
  await using limited = await limitedGateway({ perKey: { perMinute: 6, burst: 2 }, global: { perSecond: 100 } });
  // 6 a minute: one token every 10 s. The bucket of two is full again 10 s after the first request.
  const policy = '6;w=60;burst=2, 100;w=1;burst=100';
  const first = await limited.as('one');
  expect(first.status).toBe(200);
  expect(limitHeaders(first)).toEqual({
    'ratelimit-limit': '6',
    'ratelimit-remaining': '1',
    'ratelimit-reset': '10',
    'ratelimit-policy': policy,
  });
  expect((await limited.as('one')).headers.get('ratelimit-remaining')).toBe('0');
  const rejected = await limited.as('one');
  expect(rejected.status).toBe(429);
  const { 'retry-after': retryAfter, ...rest } = limitHeaders(rejected);
  expect(rest).toEqual({
    'ratelimit-limit': '6',
    'ratelimit-remaining': '0',
    'ratelimit-reset': retryAfter,
    'ratelimit-policy': policy,
  });
  expect(Number(retryAfter)).toBeGreaterThanOrEqual(8);
  expect(Number(retryAfter)).toBeLessThanOrEqual(10);
  expect(await rejected.json()).toEqual({
    error: {
      message: expect.stringMatching(/API key.* 6 per minute.* \d+ s\.$/),
      type: 'requests',
      param: null,
      code: 'rate_limit_exceeded',
    },
  });
  expect(limited.upstream.received).toHaveLength(2);
  // Another key has a bucket of its own.
  expect((await limited.as('two')).status).toBe(200);
  expect(await metric(limited.gateway, 'gateway_limits_allowed_total', 'source="local"')).toBe(3);
  expect(await metric(limited.gateway, 'gateway_limits_limited_total', 'scope="key",source="local"')).toBe(1);
});

test('the global limit counts all keys, and its rejections cost no key a token', async () => {
  await using limited = await limitedGateway({
    perKey: { perMinute: 60, burst: 2 },
    global: { perSecond: 1, burst: 1 },
  });
  expect((await limited.as('one')).status).toBe(200);
  const rejected = await limited.as('two');
  expect([rejected.status, rejected.headers.get('ratelimit-limit'), rejected.headers.get('retry-after')]).toEqual([
    429,
    '1',
    '1',
  ]);
  expect(await rejected.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } });
  await new Promise(resolve => setTimeout(resolve, 1050));
  // Both tokens of key two are still there.
  expect((await limited.as('two')).status).toBe(200);
});

test('the official OpenAI client reports a rate limit error and honours retry-after', async () => {
  await using limited = await limitedGateway({ perKey: { perMinute: 60, burst: 1 }, global: 'off' });
  const settings = { baseURL: `${limited.gateway.url}/v1`, apiKey: 'one' };
  const hasty = new OpenAI({ ...settings, maxRetries: 0 });
  await hasty.chat.completions.create({ model: 'tiny', messages });
  const error = await hasty.chat.completions.create({ model: 'tiny', messages }).catch(e => e);
  expect(error).toBeInstanceOf(RateLimitError);
  expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'requests' });
  const patient = new OpenAI({ ...settings, maxRetries: 1 });
  const startMs = performance.now();
  expect((await patient.chat.completions.create({ model: 'tiny', messages })).choices[0]?.message.content).toBe(
    'hello',
  );
  // The rest of the second until the next token, as `retry-after: 1` says; its own backoff would begin with half a second.
  expect(performance.now() - startMs).toBeGreaterThan(900);
});

test('rejected credentials count against no limit, and models and probes are not limited', async () => {
  await using limited = await limitedGateway({ perKey: { perMinute: 6, burst: 1 }, global: 'off' });
  for (const key of ['wrong', 'wrong', 'wrong']) expect((await limited.as(key)).status).toBe(401);
  for (const path of ['/v1/models', '/healthz', '/readyz']) {
    const response = await fetch(`${limited.gateway.url}${path}`, { headers: { authorization: 'Bearer one' } });
    expect([response.status, limitHeaders(response)]).toEqual([200, {}]);
  }
  expect((await limited.as('one')).status).toBe(200);
  expect((await limited.as('one')).status).toBe(429);
});

test('without limits no header is added and nothing is rejected', async () => {
  await using limited = await limitedGateway('off');
  const response = await limited.as('one');
  // The upstream's own header is relayed.
  expect(limitHeaders(response)).toEqual({ 'ratelimit-remaining': '7777' });
});
