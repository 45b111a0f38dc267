import { expect, test } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { newUuid, systemSecrets } from '../../../../harness/host/secrets.ts';
import { Sealing } from '../../../../stack/gateway/cache/sealing.ts';
import { until } from '../../../until.ts';
import { type Replica, startReplica } from '../../inference/replica-process.ts';
import { TestStore } from '../cache/fixture.ts';
import { startInside } from '../fixtures/gateway-inside.ts';
import { MemoryLedger } from './memory-ledger.ts';

const redis = { url: 'redis://unused' };
const newId = () => newUuid(systemSecrets);
const CANCELS = 4;

/** Sends a chat request. @returns its text, as far as it is read before `leaveAfter` bytes */
async function chat(url: string, body: object, leaveAfter = Number.POSITIVE_INFINITY, headers = {}): Promise<string> {
  const leave = new AbortController();
  const response = await fetch(`${url}/v1/chat/completions`, {
    ...{ method: 'POST', headers, signal: leave.signal },
    body: JSON.stringify({ model: 'tiny', ...body }),
  });
  expect(response.status).toBe(200);
  let text = '';
  try {
    for await (const bytes of response.body!) {
      text += Buffer.from(bytes).toString();
      if (text.length > leaveAfter) leave.abort();
    }
  } catch (error) {
    if (!leave.signal.aborted) throw error;
  }
  return text;
}

const counted = async (replicas: readonly Replica[], name: string) => {
  const values = await Promise.all(replicas.map(replica => replica.metric(`vllm:${name}_tokens_total`)));
  return values.reduce((sum, value) => sum + value, 0);
};

test('what keys are charged for is what the replicas have counted', async () => {
  await using one = await startReplica({ timeScale: 1e6, model: 'tiny', maxBatch: 4 });
  await using two = await startReplica({ timeScale: 1e6, model: 'tiny', maxBatch: 4 });
  const ledger = new MemoryLedger(systemClock);
  const upstreams = [one, two].map(({ url }, nth) => ({ name: `r${nth}`, url }));
  // A third one, which nobody listens at: every third request is tried again.
  const gone = { name: 'gone', url: 'http://127.0.0.1:9' };
  const prices = { prompt: 1, completion: 4 };
  const retries = { maxRetries: 3, budgetMinPerSecond: 1000 };
  await using gateway = await startInside(
    {
      ...{ upstreams: [...upstreams, gone], balancer: 'round-robin', ejection: 'off', retries },
      ...{ accounting: { redis, prices }, merge: {}, cache: { redis } },
    },
    systemClock,
    undefined,
    {
      accounting: { ledger: ledger.connect(), newId },
      cache: { store: new TestStore(), sealing: new Sealing(Buffer.alloc(32, 1), newId) },
    },
  );
  const message = (text: string) => ({ messages: [{ role: 'user', content: text }] });
  const fresh = Array.from({ length: 10 }, (_, nth) => `Question ${nth}`.repeat(1 + nth));
  const withUsage = { stream: true, stream_options: { include_usage: true } };
  const same = { ...message('The same for all'), temperature: 0, stream: true, max_tokens: 40 };
  const today = systemClock.date().toISOString().slice(0, 10);
  const settled = async (requests: number) => {
    const counts = async () => (await ledger.connect().usage('anonymous', [today]))[0]?.counts;
    await until(async () => (await counts())?.requests === requests);
    const running = () => Promise.all([one, two].map(replica => replica.metric('vllm:num_requests_running')));
    await until(async () => (await running()).every(count => count === 0));
    return (await counts())!;
  };
  const responses = await Promise.all([
    ...fresh.map(text => chat(gateway.url, { ...message(text), max_tokens: 20 })),
    ...fresh.map(text => chat(gateway.url, { ...message(text), max_tokens: 30, stream: true })),
    ...fresh.map(text => chat(gateway.url, { ...message(text), ...withUsage, max_tokens: 10 })),
    ...Array.from({ length: 5 }, () => chat(gateway.url, same)),
  ]);
  await chat(gateway.url, same);
  const counts = await settled(36);
  expect(counts).toMatchObject({
    prompt: await counted([one, two], 'prompt'),
    // Four were merged, the last one was from the cache.
    ...{ completion: 10 * (20 + 30 + 10) + 40, reused: 5, microCredits: counts.prompt + 4 * counts.completion },
  });
  expect(counts.completion).toBe(await counted([one, two], 'generation'));
  expect(counts.gpuMicros).toBeGreaterThan(0);
  expect(responses.slice(10, 20).join('')).not.toContain('usage');
  expect(responses.slice(20, 30).every(text => text.split('"usage"').length === 2)).toBe(true);

  // These leave after some tokens.
  const long = { stream: true, max_tokens: 4000 };
  await Promise.all(fresh.slice(0, CANCELS).map(text => chat(gateway.url, { ...message(text), ...long }, 3000)));
  const after = await settled(36 + CANCELS);
  expect(after.prompt).toBe(await counted([one, two], 'prompt'));
  expect(after.completion).toBeGreaterThan(counts.completion);
  // What was under way when the replica saw it: tokens of a step or two of 5 ms, more on a busy machine.
  const underway = (await counted([one, two], 'generation')) - after.completion;
  expect(underway).toBeGreaterThanOrEqual(0);
  expect(underway).toBeLessThan(CANCELS * 100);
});
