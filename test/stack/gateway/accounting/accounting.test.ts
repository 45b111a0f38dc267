import { describe, expect, test } from 'vitest';
import { parseGatewayConfig } from '../../../../stack/gateway/config.ts';
import { TestStore } from '../cache/fixture.ts';
import { begin, CHAT, settle, tokenOf } from '../merge/fixture.ts';
import { DOCUMENT, end, ONE, redis, respond, start, step, TWO, usageOf } from './fixture.ts';

describe('usage', () => {
  test('of documents and streams is that of the caller, by model', async () => {
    const { send, calls, counts } = start();
    await send('sk-one', { body: DOCUMENT });
    respond(calls[0]!);
    await send('sk-one', { body: { ...DOCUMENT, model: 'other-model' } });
    respond(calls[1]!);
    const stream = await send('sk-two');
    begin(calls[2]!, step('a', 9, 1));
    calls[2]!.handler.onData(Buffer.from(step('b', 9, 2) + end(9, 2)));
    calls[2]!.handler.onEnd();
    await settle();
    expect(stream.text).toBe(`${tokenOf('a')}${tokenOf('b')}data: [DONE]\n\n`);
    expect(await counts(ONE)).toEqual([
      ['other-model', 1, 0, 4, 2],
      ['tiny', 1, 0, 4, 2],
    ]);
    expect(await counts(TWO)).toEqual([['tiny', 1, 0, 9, 2]]);
  });

  test.each([
    ['continuous', { include_usage: true, continuous_usage_stats: true }],
    ['final', { include_usage: true }],
    ['off', undefined],
  ])('of streams is requested as configured: %s', async (streamUsage, expected) => {
    const { send, calls } = start({ streamUsage });
    await send('sk-one');
    await send('sk-one', { body: { ...CHAT, stream_options: { include_usage: false, other: 1 } } });
    await send('sk-one', { body: DOCUMENT });
    await send('sk-one', { path: '/v1/embeddings', body: { model: 'tiny', input: 'a' } });
    const options = calls.map(({ body }) => (JSON.parse(body) as Record<string, unknown>).stream_options);
    const own = { include_usage: false, other: 1 };
    expect(options).toEqual([expected, expected ? { ...own, ...expected } : own, undefined, undefined]);
  });

  test('of a client that asks for it is what it asked for', async () => {
    const { send, calls } = start();
    const final = await send('sk-one', { body: { ...CHAT, stream_options: { include_usage: true } } });
    const all = { include_usage: true, continuous_usage_stats: true };
    const steps = await send('sk-one', { body: { ...CHAT, stream_options: all } });
    for (const call of calls) {
      begin(call, step('a', 9, 1) + end(9, 1));
      call.handler.onEnd();
    }
    await settle();
    expect(final.text).toBe(tokenOf('a') + end(9, 1));
    expect(steps.text).toBe(step('a', 9, 1) + end(9, 1));
  });

  test('of a client that leaves is what it caused until then', async () => {
    const { send, calls, counts } = start();
    const client = await send('sk-one');
    begin(calls[0]!, step('a', 9, 1) + step('b', 9, 2));
    await settle();
    client.leave();
    expect(await counts(ONE)).toEqual([['tiny', 1, 0, 9, 2]]);
    expect(calls[0]!.isCancelled).toBe(true);
  });

  test('of attempts that failed before the client got anything is not charged, and counted', async () => {
    const { send, calls, counts, metric, clock } = start({}, { retries: { maxRetries: 1, jitter: 'none' } });
    const client = await send('sk-one');
    begin(
      calls[0]!,
      `data: {"choices":[{"index":0,"delta":{"role":"assistant"}}],"usage":${JSON.stringify(usageOf(9, 0))}}\n\n`,
    );
    calls[0]!.handler.onError(new Error('reset'));
    await settle();
    await clock.advance(1000);
    begin(calls[1]!, step('a', 9, 1) + end(9, 1));
    calls[1]!.handler.onEnd();
    expect(await counts(ONE)).toEqual([['tiny', 1, 0, 9, 1]]);
    expect(client.text).toBe(`${tokenOf('a')}data: [DONE]\n\n`);
    expect(await metric('gateway_accounting_waived_tokens_total{kind="prompt"}')).toBe(9);
    expect(await metric('gateway_accounting_tokens_total{kind="prompt"}')).toBe(9);
  });

  test('of a shared call is charged once, to the request that began it, also if that leaves', async () => {
    const { send, calls, counts } = start({}, { merge: { acrossKeys: true } });
    const first = await send('sk-one');
    begin(calls[0]!, step('a', 9, 1));
    const joined = await send('sk-two');
    first.leave();
    await settle();
    calls[0]!.handler.onData(Buffer.from(step('b', 9, 2) + end(9, 2)));
    calls[0]!.handler.onEnd();
    await settle();
    expect([calls.length, joined.text]).toEqual([1, `${tokenOf('a')}${tokenOf('b')}data: [DONE]\n\n`]);
    expect(await counts(ONE)).toEqual([['tiny', 1, 0, 9, 2]]);
    expect(await counts(TWO)).toEqual([['tiny', 1, 1, 0, 0]]);
  });

  test('of a response from the cache is none', async () => {
    const { send, calls, counts } = start({}, { cache: { redis } }, new TestStore());
    await send('sk-one', { body: DOCUMENT });
    respond(calls[0]!);
    await settle();
    const again = await send('sk-one', { body: DOCUMENT });
    expect([calls.length, again.response!.headers['x-cache']]).toEqual([1, 'hit']);
    expect(await counts(ONE)).toEqual([['tiny', 2, 1, 4, 2]]);
  });

  test('of an engine that reports none is estimated', async () => {
    const { send, calls, counts, metric } = start();
    await send('sk-one', { body: { ...CHAT, messages: [{ role: 'user', content: 'x'.repeat(41) }] } });
    begin(calls[0]!, `${tokenOf('a')}${tokenOf('b')}data: [DONE]\n\n`);
    calls[0]!.handler.onEnd();
    expect(await counts(ONE)).toEqual([['tiny', 1, 0, 11, 2]]);
    expect(await metric('gateway_accounting_estimated_total')).toBe(1);
    // A document of 9 characters, to a prompt of 2.
    await send('sk-two', { body: DOCUMENT });
    respond(calls[1]!, { choices: [{ index: 0, message: { content: 'x'.repeat(9) }, finish_reason: 'stop' }] });
    await settle();
    expect(await counts(TWO)).toEqual([['tiny', 1, 0, 1, 3]]);
  });

  test('of models that no configuration names is told apart by a hundred names of a key, which must be short', async () => {
    const { send, calls, counts } = start({}, { models: [] });
    const use = async (key: string, model: string) => {
      await send(key, { body: { ...DOCUMENT, model } });
      respond(calls.at(-1)!);
      await settle();
    };
    await use('sk-one', 'x'.repeat(257));
    for (let nth = 0; nth < 102; nth += 1) await use('sk-one', `model-${nth}`);
    await use('sk-two', 'another');
    const rows = await counts(ONE);
    expect(rows).toHaveLength(101);
    expect(rows).toContainEqual(['other', 3, 0, 12, 6]);
    expect(await counts(TWO)).toEqual([['another', 1, 0, 4, 2]]);
  });

  test('reaches the ledger once it is back, and once only', async () => {
    const { send, calls, counts, link, clock, metric } = start();
    link.state = 'mute';
    await send('sk-one', { body: DOCUMENT });
    respond(calls[0]!);
    await settle();
    await clock.advance(1000);
    expect(await metric('gateway_accounting_pending')).toBe(1);
    link.state = 'up';
    await clock.advance(1000);
    expect(await metric('gateway_accounting_pending')).toBe(0);
    expect(await counts(ONE)).toEqual([['tiny', 1, 0, 4, 2]]);
  });

  test('is lost, and counted, when too much of it waits', async () => {
    const { send, calls, metric, link } = start({ maxPending: 2 });
    link.state = 'deaf';
    for (let nth = 0; nth < 5; nth += 1) {
      await send('sk-one', { body: DOCUMENT });
      respond(calls[nth]!);
      await settle();
    }
    expect(await metric('gateway_accounting_lost_total')).toBe(3);
  });
});

test('time of GPUs has a price, and is shared', async () => {
  const { send, calls, clock } = start({ prices: { gpuHour: 3.6 }, gpus: 2, replicas: 2 });
  await send('sk-one', { body: DOCUMENT });
  await clock.advance(1000);
  await send('sk-one', { body: DOCUMENT });
  await clock.advance(2000);
  respond(calls[0]!);
  await settle();
  await clock.advance(1000);
  respond(calls[1]!);
  await settle();
  const { data } = JSON.parse((await send('sk-one', { method: 'GET', path: '/v1/usage' })).text);
  // One or two of them were there for 4 s, on two GPUs, and as many at the other gateway.
  expect(data).toMatchObject([{ requests: 2, gpu_seconds: 4, credits: 0.004 }]);
});

test.each([
  [{}, '`accounting.redis`'],
  [{ redis, prices: { prompt: -1 } }, '`accounting.prices.prompt`'],
  [{ redis, prices: { tokens: 1 } }, 'unknown key `accounting.prices.tokens`'],
  [{ redis, models: { a: { gpuHour: 'x' } } }, '`accounting.models.a.gpuHour`'],
  [{ redis, quota: -1 }, '`accounting.quota`'],
  [{ redis, keys: [{ sha256: 'sk-one', quota: 1 }] }, '`accounting.keys.0.sha256`: must be a SHA-256 in hex'],
  [
    { redis, keys: [ONE, ONE].map(key => ({ sha256: key, quota: 1 })) },
    '`accounting.keys.1.sha256`: must not occur twice',
  ],
  [{ redis, periodMs: 10 }, '`accounting.periodMs`'],
  [{ redis, streamUsage: 'some' }, '`accounting.streamUsage`'],
])('the configuration %j is refused, and the field is named', (accounting, message) => {
  const upstreams = [{ name: 'a', url: 'http://127.0.0.1:8000' }];
  expect(() => parseGatewayConfig(JSON.stringify({ upstreams, accounting }))).toThrow(message);
});
