import { describe, expect, test } from 'vitest';
import { CHAT, settle } from '../merge/fixture.ts';
import { DOCUMENT, errorOf, ONE, redis, respond, SAID, start, TWO, usageOf } from './fixture.ts';

describe('a quota', () => {
  /** Costs 4 + 2 × 10 = 24 millionths, of which 20 and the prompt's character are reserved. */
  const body = { ...DOCUMENT, max_tokens: 2 };
  const quota = { keys: [{ sha256: ONE, quota: 0.000_06 }] };

  test('ends with a 429, of that key alone, and says when there is more', async () => {
    const { send, calls, clock } = start({ ...quota, periodMs: 3_600_000 });
    for (const nth of [0, 1]) {
      await send('sk-one', { body });
      respond(calls[nth]!);
      await settle();
    }
    await clock.advance(600_000);
    const refused = await send('sk-one', { body });
    expect([refused.response!.statusCode, calls.length]).toEqual([429, 2]);
    expect(refused.response!.headers).toMatchObject({
      ...{
        'retry-after': '3000',
        'x-quota-limit': '0.00006',
        'x-quota-remaining': '0.000012',
        'x-quota-reset': '3000',
      },
    });
    expect(errorOf(refused)).toEqual({
      message: 'This API key has spent its credits; there are 0.00006 more in 3000 s.',
      ...{ type: 'insufficient_quota', code: 'insufficient_quota', param: null },
    });
    const other = await send('sk-two', { body });
    respond(calls[2]!);
    await settle();
    expect([other.response!.statusCode, other.response!.headers['x-quota-limit']]).toEqual([200, undefined]);
    await clock.advance(3_000_000);
    const later = await send('sk-one', { body });
    respond(calls[3]!);
    await settle();
    expect(later.response!.statusCode).toBe(200);
    // What this request may cost, 21 millionths, is reserved.
    expect(later.response!.headers['x-quota-remaining']).toBe('0.000039');
  });

  test('is not exceeded by requests at the same time, which may try again once these have ended', async () => {
    const { send, calls } = start(quota);
    await send('sk-one', { body });
    await send('sk-one', { body });
    const refused = await send('sk-one', { body });
    expect([refused.response!.statusCode, refused.response!.headers['retry-after'], calls.length]).toEqual([
      429,
      '1',
      2,
    ]);
    respond(calls[0]!, { ...SAID, usage: usageOf(0, 0) });
    await settle();
    await send('sk-one', { body });
    expect(calls.length).toBe(3);
  });

  test.each([
    ['three prompts', { prompt: ['a', 'b', 'c'] }],
    ['three choices', { prompt: 'a', n: 3 }],
    ['the best of three', { prompt: 'a', best_of: 3 }],
    ['the greater one of two maxima', { prompt: 'a', max_tokens: 6, max_completion_tokens: 1 }],
  ])('has room for all tokens of %s, or refuses them', async (_, more) => {
    const { send, calls } = start(quota);
    const sent = { model: 'tiny', max_tokens: 2, ...more };
    const refused = await send('sk-one', { path: '/v1/completions', body: sent });
    expect([refused.response!.statusCode, calls.length]).toEqual([429, 0]);
  });

  test('may be that of every key', async () => {
    const { send } = start({ quota: 0, keys: [{ sha256: TWO, quota: 'off' }] });
    expect((await send('sk-one', { body })).response!.statusCode).toBe(429);
    expect((await send('sk-two', { body })).response).toBeUndefined();
  });

  test('without Redis lasts as far as was known', async () => {
    const { send, calls, link, clock } = start({ ...quota, redis: { ...redis, timeoutMs: 50 } });
    await send('sk-one', { body });
    respond(calls[0]!, { ...SAID, usage: usageOf(0, 0) });
    await settle();
    link.state = 'hangs';
    // At its last look, 21 of 60 millionths were reserved: one more fits.
    const clients = [await send('sk-one', { body }), await send('sk-one', { body })];
    await clock.advance(200);
    expect([calls.length, clients[1]!.response!.statusCode]).toEqual([2, 429]);
  });

  test('may need Redis', async () => {
    const { send, calls, link, clock, counts } = start({ ...quota, onOutage: 'fail' });
    link.state = 'hangs';
    const refused = await send('sk-one', { body });
    await clock.advance(200);
    expect([refused.response!.statusCode, refused.response!.headers['retry-after']]).toEqual([503, '1']);
    expect(errorOf(refused)).toMatchObject({ code: 'accounting_unavailable' });
    // Those without a quota never wait for it.
    await send('sk-two', { body });
    expect(calls.length).toBe(1);
    link.state = 'up';
    expect(await counts(ONE)).toEqual([]);
  });
});

describe('GET /v1/usage', () => {
  const get = { method: 'GET', path: '/v1/usage' } as const;

  test('has the own usage and quota, of nobody else', async () => {
    const { send, calls } = start({ keys: [{ sha256: ONE, quota: 5 }] });
    await send('sk-one', { body: DOCUMENT });
    respond(calls[0]!);
    await settle();
    const own = await send('sk-one', get);
    expect(own.response!.headers['cache-control']).toBe('no-store');
    expect(JSON.parse(own.text)).toEqual({
      object: 'list',
      data: [
        {
          ...{ date: '1970-01-01', model: 'tiny', requests: 1, reused_requests: 0, gpu_seconds: 0, credits: 0.000_024 },
          ...{ prompt_tokens: 4, cached_tokens: 0, completion_tokens: 2 },
        },
      ],
      quota: { credits: 5, period_seconds: 86_400, used: 0.000_024, reserved: 0, reset_seconds: 86_400 },
    });
    expect(JSON.parse((await send('sk-two', get)).text)).toEqual({ object: 'list', data: [], quota: null });
    expect((await send('sk-three', get)).response!.statusCode).toBe(401);
  });

  test.each([
    ['from=2026-13-01', 'from'],
    ['from=yesterday', 'from'],
    ['to=2026-02-30', 'to'],
    ['from=2026-02-02&to=2026-02-01', 'from'],
    ['from=2020-01-01&to=2026-01-01', 'from'],
  ])('refuses %s, and names the parameter', async (query, param) => {
    const { send } = start();
    const client = await send('sk-one', { ...get, path: `/v1/usage?${query}` });
    expect([client.response!.statusCode, errorOf(client)]).toMatchObject([400, { param }]);
  });

  test('needs Redis', async () => {
    const { send, link } = start();
    link.state = 'deaf';
    expect((await send('sk-one', get)).response!.statusCode).toBe(503);
  });

  test('is not there without accounting', async () => {
    const { send, calls } = start({}, { accounting: 'off' });
    expect((await send('sk-one', get)).response!.statusCode).toBe(404);
    await send('sk-one');
    expect(calls[0]!.body).toBe(JSON.stringify(CHAT));
  });
});
