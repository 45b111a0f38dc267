import { expect, test } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { until } from '../../../until.ts';
import { startReplica } from '../../inference/replica-process.ts';
import { startInside } from '../fixtures/gateway-inside.ts';

/** Takes twenty seconds to generate. */
const LONG = { messages: [{ role: 'user', content: 'Hello' }], max_tokens: 2000 };

test.each([true, false])('a deadline that passes ends the work of the engine at once, streamed: %s', async stream => {
  await using replica = await startReplica({ timeScale: 1e6, model: 'tiny' });
  const upstreams = [{ name: 'one', url: replica.url }];
  await using gateway = await startInside({ upstreams, admission: { capacity: 1 } }, systemClock);
  /** What the client gets. A stream breaks off at the deadline. */
  const send = async (timeoutMs: number, body: object) => {
    const headers = { 'x-request-timeout-ms': String(timeoutMs) };
    const text = JSON.stringify({ ...body, model: 'tiny' });
    const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body: text });
    return response.text().catch(String);
  };
  const first = send(800, { ...LONG, stream });
  await until(async () => (await replica.metric('vllm:num_requests_running')) === 1);
  // Waits for the only slot, and has it once the engine is free.
  const second = send(20_000, { ...LONG, max_tokens: 2 });
  await until(async () => (await replica.metric('vllm:request_success_total', 'abort')) === 1);
  // As the replica measured it, from when the request arrived there; without the deadline it takes 20 s.
  const aborted = () => replica.log.find(({ finishReason }) => finishReason === 'abort');
  await until(() => aborted() !== undefined);
  expect(aborted()!.durationMs).toBeGreaterThan(500);
  expect(aborted()!.durationMs).toBeLessThan(1300);
  await first;
  expect(JSON.parse(await second)).toMatchObject({ usage: { completion_tokens: 2 } });
  expect(await replica.metric('vllm:num_requests_running')).toBe(0);
  expect(await replica.metric('vllm:kv_cache_usage_perc')).toBe(0);
});
