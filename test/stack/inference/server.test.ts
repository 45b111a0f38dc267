import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { until } from '../../until.ts';
import { type Replica, startReplica } from './replica-process.ts';

const messages = [{ role: 'user' as const, content: 'Tell me something, please.' }];
let replica: Replica;

vi.setConfig({ testTimeout: 20_000, hookTimeout: 20_000 });

beforeAll(async () => {
  replica = await startReplica({ name: 'inference-7', timeScale: 1e6, maxModelLen: 30_000, kvCapacityTokens: 32_000 });
});
afterAll(() => replica[Symbol.asyncDispose]());

async function events(response: Response): Promise<string[]> {
  const text = await response.text();
  expect(text.endsWith('\n\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n\n')
    .map(event => event.replace(/^data: /, ''));
}

describe('an unstreamed response', () => {
  test('includes log probabilities of its prompt on request, many times as long as the prompt', async () => {
    const request = { messages: [{ role: 'user', content: 'x'.repeat(4000) }], max_tokens: 1, prompt_logprobs: 20 };
    const text = await (await replica.post('/v1/chat/completions', request)).text();
    const { prompt_logprobs, usage } = JSON.parse(text);
    // 1,000 tokens and the 7 of the template; nothing precedes the first.
    expect([prompt_logprobs.length, prompt_logprobs[0], usage.prompt_tokens]).toEqual([1007, null, 1007]);
    expect(Object.values(prompt_logprobs[1])).toHaveLength(21);
    expect(text.length).toBeGreaterThan(200 * 4000);
    const none = await (await replica.post('/v1/chat/completions', { messages, max_tokens: 1 })).json();
    expect(none).not.toHaveProperty('prompt_logprobs');
    const streamed = await replica.post('/v1/chat/completions', { ...request, stream: true });
    expect([streamed.status, await streamed.text()]).toEqual([400, expect.stringContaining('stream=True')]);
  });
});

describe('a stream', () => {
  test('is one event per token, then the finish reason, the usage and [DONE]', async () => {
    const body = { messages, max_tokens: 7, stream: true, stream_options: { include_usage: true } };
    const response = await replica.post('/v1/chat/completions', body);
    expect(response.headers.get('content-type')).toMatch('text/event-stream');
    const all = await events(response);
    expect(all.pop()).toBe('[DONE]');
    const chunks = all.map(event => JSON.parse(event));
    expect(chunks).toHaveLength(7 + 2);
    const choices = chunks.flatMap(chunk => chunk.choices);
    expect(choices[0].delta.role).toBe('assistant');
    expect(choices.slice(0, 7).every(choice => choice.delta.content.length > 0 && choice.finish_reason === null)).toBe(
      true,
    );
    expect(choices[7]).toMatchObject({ delta: {}, finish_reason: 'length' });
    // ceil(26 / 4) + 4 + 3 tokens of prompt
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 14, completion_tokens: 7, total_tokens: 21 },
    });
    expect(new Set(chunks.map(chunk => chunk.id)).size).toBe(1);
  });

  test('of the text endpoint contains text, and usage only on request', async () => {
    const all = await events(await replica.post('/v1/completions', { prompt: 'Once', max_tokens: 3, stream: true }));
    expect(all.pop()).toBe('[DONE]');
    const chunks = all.map(event => JSON.parse(event));
    expect(chunks.map(chunk => chunk.object)).toEqual(Array(4).fill('text_completion'));
    expect(chunks.some(chunk => chunk.usage)).toBe(false);
  });

  test('has the same text as the unstreamed response, every time', async () => {
    const whole = await replica.post('/v1/chat/completions', { messages, max_tokens: 9 });
    const { choices } = (await whole.json()) as { choices: { message: { content: string } }[] };
    const expected = choices[0]!.message.content;
    for (let i = 0; i < 2; i += 1) {
      const all = await events(await replica.post('/v1/chat/completions', { messages, max_tokens: 9, stream: true }));
      const words = all.slice(0, -2).map(event => JSON.parse(event).choices[0].delta.content);
      expect(words.join('')).toBe(expected);
    }
  });

  test('arrives token by token', async () => {
    // 100 tokens at ≥ 4.59 ms are ≥ 459 ms; the first must be there well before half of that has passed since it.
    const response = await replica.post('/v1/chat/completions', { messages, max_tokens: 100, stream: true });
    let firstMs = 0;
    for await (const _ of response.body!) firstMs ||= performance.now();
    expect(performance.now() - firstMs).toBeGreaterThan(300);
  });
});

test('works with the official OpenAI client', async () => {
  const client = new OpenAI({ baseURL: `${replica.url}/v1`, apiKey: 'none' });
  const models = await client.models.list();
  const model = models.data[0]!.id;
  const whole = await client.chat.completions.create({ model, messages });
  expect(whole.usage!.completion_tokens).toBe(128);
  expect(whole.choices[0]!.finish_reason).toBe('stop');
  let words = 0;
  for await (const chunk of await client.chat.completions.create({
    model,
    messages,
    max_completion_tokens: 5,
    stream: true,
  }))
    words += chunk.choices[0]?.delta.content ? 1 : 0;
  expect(words).toBe(5);
});

test.each([
  ['no JSON', '/v1/chat/completions', '{"messages":', 400, 'BadRequestError'],
  ['no messages', '/v1/chat/completions', {}, 400, 'BadRequestError'],
  ['empty messages', '/v1/chat/completions', { messages: [] }, 400, 'BadRequestError'],
  ['an invalid message', '/v1/chat/completions', { messages: [1] }, 400, 'BadRequestError'],
  ['no prompt', '/v1/completions', { messages }, 400, 'BadRequestError'],
  ['no tokens', '/v1/chat/completions', { messages, max_tokens: 0 }, 400, 'BadRequestError'],
  ['two choices', '/v1/chat/completions', { messages, n: 2 }, 400, 'BadRequestError'],
  ['more than the context', '/v1/chat/completions', { messages, max_tokens: 30_000 }, 400, 'BadRequestError'],
  ['another model', '/v1/chat/completions', { messages, model: 'gpt' }, 404, 'NotFoundError'],
  ['an over-long body', '/v1/completions', { prompt: 'x'.repeat(1 << 20) }, 413, 'RequestEntityTooLargeError'],
  ['an unknown path', '/v1/nothing', {}, 405, 'MethodNotAllowedError'],
])('a request with %s gets a clear error', async (_, path, body, status, type) => {
  const response = await replica.post(path, body);
  expect(response.status).toBe(status);
  const { error } = (await response.json()) as { error: Record<string, unknown> };
  expect(error).toMatchObject({ type, code: status, message: expect.stringMatching(/\w/) });
  expect(error).toHaveProperty('param');
});

test('a client that disconnects frees its slot and KV, and is logged as aborted', async () => {
  const disconnect = new AbortController();
  const headers = { 'x-request-id': 'leaves-early' };
  const body = { messages: [{ role: 'user', content: 'x'.repeat(8000) }], max_tokens: 20_000, stream: true };
  const response = await replica.post('/v1/chat/completions', body, { signal: disconnect.signal, headers });
  const reader = response.body!.getReader();
  await reader.read();
  // It holds 2,007 tokens of 32,000 and would run for 20,000 × 4.6 ms = 92 s.
  expect(await replica.metric('vllm:kv_cache_usage_perc')).toBeGreaterThan(0.05);
  expect(await replica.metric('vllm:num_requests_running')).toBe(1);
  const abortsBefore = await replica.metric('vllm:request_success_total', 'abort');
  disconnect.abort();
  await until(async () => (await replica.metric('vllm:kv_cache_usage_perc')) === 0);
  expect(await replica.metric('vllm:num_requests_running')).toBe(0);
  expect(await replica.metric('vllm:request_success_total', 'abort')).toBe(abortsBefore + 1);
  await until(() => replica.log.some(line => line.requestId === 'leaves-early' && line.finishReason === 'abort'));
});

test('each completion logs one line with its lengths and durations', async () => {
  const headers = { 'x-request-id': 'once', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
  const response = await replica.post('/v1/chat/completions', { messages, max_tokens: 4 }, { headers });
  expect(response.headers.get('x-request-id')).toBe('once');
  await response.text();
  await until(() => replica.log.some(line => line.requestId === 'once'));
  const lines = replica.log.filter(line => line.requestId === 'once');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({
    ...{ msg: 'request', name: 'inference-7', status: 200, promptTokens: 14, outputTokens: 4, finishReason: 'length' },
    ...{ traceparent: headers.traceparent, ttftMs: expect.any(Number), durationMs: expect.any(Number) },
  });
});

describe('metrics', () => {
  test.each([
    ...['num_requests_running', 'num_requests_waiting', 'kv_cache_usage_perc', 'num_preemptions_total'],
    ...['prompt_tokens_total', 'generation_tokens_total', 'prefix_cache_queries_total', 'prefix_cache_hits_total'],
    ...['request_success_total', 'time_to_first_token_seconds_count', 'inter_token_latency_seconds_count'],
    ...['request_time_per_output_token_seconds_count', 'e2e_request_latency_seconds_count'],
    ...['queue', 'inference', 'prefill', 'decode'].map(part => `request_${part}_time_seconds_count`),
    ...['request_prompt_tokens_count', 'request_generation_tokens_count', 'iteration_tokens_total_count'],
  ])('vllm:%s is exposed', async name => {
    expect(await replica.metric(`vllm:${name}`, 'model_name="Qwen/Qwen3-8B-FP8",engine="0"')).toBeGreaterThanOrEqual(0);
  });

  test.each([
    ...['GPU_UTIL', 'MEM_COPY_UTIL', 'FB_USED', 'FB_FREE', 'GPU_TEMP', 'POWER_USAGE', 'SM_CLOCK', 'XID_ERRORS'],
    'TOTAL_ENERGY_CONSUMPTION',
  ])('DCGM_FI_DEV_%s is exposed', async name => {
    expect(await replica.metric(`DCGM_FI_DEV_${name}`, 'Hostname="inference-7"')).toBeGreaterThanOrEqual(0);
  });

  test('count generated tokens exactly', async () => {
    const names = [
      'vllm:generation_tokens_total',
      'vllm:time_to_first_token_seconds_count',
      'vllm:inter_token_latency_seconds_count',
    ];
    const read = () => Promise.all(names.map(name => replica.metric(name)));
    const before = await read();
    await Promise.all(
      [5, 6, 7].map(async n => (await replica.post('/v1/chat/completions', { messages, max_tokens: n })).text()),
    );
    const after = await read();
    expect(after.map((value, i) => value - before[i]!)).toEqual([18, 3, 15]);
  });

  test('show higher utilization and power under load', async () => {
    await (await replica.post('/v1/chat/completions', { messages, max_tokens: 100 })).text();
    expect(await replica.metric('DCGM_FI_DEV_GPU_UTIL')).toBeGreaterThan(5);
    expect(await replica.metric('DCGM_FI_DEV_POWER_USAGE')).toBeGreaterThan(120);
  });
});
