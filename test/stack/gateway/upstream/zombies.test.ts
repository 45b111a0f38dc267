import { afterEach, describe, expect, test } from 'vitest';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { beginStream, isZombie, newProgress, silentMs } from '../../../../stack/gateway/upstream/zombies.ts';
import { HeldUpstreams } from '../fixtures/held-upstreams.ts';
import { begin, settle, startInMemory } from '../merge/fixture.ts';

const options = { silentMs: 1000, minStreams: 2, trialMs: 500, maxEjectedRatio: 0.5 };
const stream = () => ({ request: { route: '/v1/completions', body: Buffer.from('{}') }, abandon: () => {} });

describe('an upstream is a zombie', () => {
  /** Progress of an upstream with streams that began at these times, and output at another. */
  function progressOf(begun: readonly number[], outputMs?: number) {
    const progress = newProgress();
    for (const atMs of begun) beginStream(progress, stream(), atMs);
    if (outputMs !== undefined) progress.outputMs = outputMs;
    return progress;
  }

  test.each([
    ['without output since it has had streams', [0, 900], undefined, 1000, true],
    ['but not before the time is over', [0, 0], undefined, 999, false],
    ['but not with fewer streams than are needed', [0], undefined, 5000, false],
    ['but not while any stream shows output', [0, 0, 0], 700, 1500, false],
    ['again once the last output is that old', [0, 0, 0], 700, 1700, true],
    ['but not for output of long ago, as it was idle since', [9000, 9000], 10, 9500, false],
  ])('%s', (_, begun, outputMs, nowMs, expected) => {
    expect(isZombie(options, progressOf(begun, outputMs), nowMs)).toBe(expected);
  });

  test('an idle upstream is never silent', () => {
    expect(silentMs(progressOf([]), 1e9)).toBe(0);
  });
});

const TRIAL = 'gateway-trial';
const TOKEN = Buffer.from('data: {"choices":[{"delta":{"content":"hi"}}]}\n\n');
let held: HeldUpstreams;
afterEach(() => held?.[Symbol.asyncDispose]());

const named = (...names: string[]) => names.map(name => ({ name, url: `http://${name}` }));

function start(more: Partial<GatewayConfigInput> = {}, upstreams = named('one', 'two')): void {
  held = new HeldUpstreams({
    upstreams,
    balancer: 'round-robin',
    zombies: options,
    retries: { baseDelayMs: 0, budgetMinPerSecond: 100 },
    ...more,
  });
}

/** Sends requests; the hosts that got them. */
async function sent(...ids: string[]): Promise<(string | undefined)[]> {
  for (const id of ids) held.client(id);
  await held.advance(0);
  return ids.map(id => held.hosts.get(id));
}

function output(id: string): void {
  const handler = held.working.get(id)!;
  handler.onResponse(200, { 'content-type': 'text/event-stream' });
  handler.onData(TOKEN);
}

/** Time goes on, during which these requests show output all the time. */
async function pass(forMs: number, ...alive: string[]): Promise<void> {
  for (let atMs = 0; atMs < forMs; atMs += 100) {
    for (const id of alive) held.working.get(id)?.onData(TOKEN);
    await held.advance(100);
  }
}

const zombieState = (name: string) => held.metric(`gateway_upstream_state{upstream="${name}",state="zombie"}`);

test('a silent upstream is taken out, and its requests are sent elsewhere; a real completion brings it back', async () => {
  start();
  expect(await sent('a', 'b', 'c', 'd')).toEqual(['one', 'two', 'one', 'two']);
  output('b');
  await pass(900, 'b');
  expect(await zombieState('one')).toBe(0);
  await pass(300, 'b');
  expect(await zombieState('one')).toBe(1);
  expect(await held.metric('gateway_ejections_total{upstream="one",reason="zombie"}')).toBe(1);
  expect(await held.metric('gateway_zombies')).toBe(1);
  expect(await held.metric('gateway_upstream_requests_total{upstream="one",outcome="zombie"}')).toBe(2);
  // Nothing had been sent to their clients.
  expect([held.hosts.get('a'), held.hosts.get('c')]).toEqual(['two', 'two']);
  expect(await sent('e', 'f')).toEqual(['two', 'two']);

  await pass(500, 'b');
  expect(held.hosts.get(TRIAL)).toBe('one');
  // A head is no token.
  held.working.get(TRIAL)!.onResponse(200, { 'content-type': 'text/event-stream' });
  await pass(1100, 'b');
  expect(await held.metric('gateway_zombie_trials_total{upstream="one",result="silent"}')).toBe(1);
  expect(await zombieState('one')).toBe(1);
  expect(held.working.has(TRIAL)).toBe(false);

  await pass(700, 'b');
  await held.complete(TRIAL);
  expect(await held.metric('gateway_zombie_trials_total{upstream="one",result="token"}')).toBe(1);
  expect(await held.metric('gateway_zombies')).toBe(0);
  expect((await sent('g', 'h')).sort()).toEqual(['one', 'two']);
});

test('one slow request among others that go on is no zombie, however long it takes', async () => {
  start({ timeouts: { firstTokenMs: 60_000, firstByteMs: 60_000 } });
  await sent('slow', 'b', 'fast', 'd');
  output('fast');
  output('b');
  await pass(5000, 'fast', 'b');
  expect(held.hosts.get('slow')).toBe('one');
  expect(await held.metric('gateway_zombies')).toBe(0);
});

test('a stream that had begun ends with an error instead of waiting for its timeout', async () => {
  start();
  const client = held.client('a');
  await held.advance(0);
  await sent('b', 'c', 'd');
  output('a');
  output('b');
  await pass(1200, 'b');
  expect(client.text).toMatch(/"content":"hi".*upstream_stalled/s);
});

test('a client that does not read is none of the upstream', async () => {
  const zombies = { silentMs: 1000, minStreams: 2 };
  const { calls, connect, clock, metric } = startInMemory({ zombies, upstreams: named('one', 'two') });
  for (let nth = 0; nth < 4; nth += 1) connect({ isDeaf: true, headers: { 'x-request-id': `${nth}` } });
  await settle();
  const much = `data: {"choices":[{"delta":{"content":"${'x'.repeat(200_000)}"}}]}\n\n`;
  for (const call of calls) begin(call, much);
  // What a client does not take fills buffers first.
  for (let nth = 0; nth < 3; nth += 1) {
    await settle();
    for (const call of calls) call.handler.onData(Buffer.from(much));
  }
  await settle();
  expect(calls.map(({ isPaused }) => isPaused)).toEqual([true, true, true, true]);
  await clock.advance(1500);
  expect(await metric('gateway_zombies')).toBe(0);
  expect(calls.some(({ isCancelled }) => isCancelled)).toBe(false);
});

test('comments are no progress', async () => {
  start();
  await sent('a', 'b', 'c', 'd');
  output('a');
  output('b');
  for (let atMs = 0; atMs < 1400; atMs += 100) {
    held.working.get('a')?.onData(Buffer.from(': ping\n\n'));
    await pass(100, 'b');
  }
  expect(await zombieState('one')).toBe(1);
});

test('where all are silent, at most half are taken out', async () => {
  start({ retries: 0 }, named('a', 'b', 'c', 'd'));
  await sent(...Array.from({ length: 8 }, (_, index) => `r${index}`));
  await pass(3000);
  expect(await held.metric('gateway_zombies')).toBe(2);
});

test('off, nothing is watched and nobody is tried', async () => {
  start({ zombies: 'off' });
  await sent('a', 'b', 'c', 'd');
  await pass(5000);
  expect(await held.metric('gateway_zombies')).toBeNaN();
  expect(held.hosts.has(TRIAL)).toBe(false);
  expect(held.gateway.upstreams.all.every(({ progress }) => progress === undefined)).toBe(true);
});
