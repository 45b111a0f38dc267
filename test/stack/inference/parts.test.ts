import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import { parseInferenceConfig } from '../../../stack/inference/config.ts';
import type { Step } from '../../../stack/inference/engine/engine.ts';
import { Gpu } from '../../../stack/inference/engine/gpu.ts';
import { profiles, slowedDown, stepMs } from '../../../stack/inference/engine/profiles.ts';
import { countTokens, outputWords } from '../../../stack/inference/engine/tokens.ts';
import { MAX_UNREAD_BYTES, type ResponseTarget, streamedResponse } from '../../../stack/inference/responses.ts';
import { InferenceService } from '../../../stack/inference/service.ts';
import { FakeClock } from '../../fake-clock.ts';

describe('configuration', () => {
  test('takes defaults from the profile', () => {
    const config = parseInferenceConfig('{"profile":"qwen3-8b-bf16-h100"}');
    expect(config).toMatchObject({ model: 'Qwen/Qwen3-8B', kvCapacityTokens: 377_024, maxBatch: 256, timeScale: 1 });
    expect(parseInferenceConfig('{"kvCapacityTokens":1000}').maxModelLen).toBe(992);
  });

  test.each([
    ['{"maxBach":3}', /maxBach/],
    ['{', /not JSON/],
    ['[]', /top level/],
    ['{"maxBatch":0}', /maxBatch/],
    ['{"profile":"gpt"}', /profile/],
    ['{"timeScale":-1}', /timeScale/],
    ['{"maxBatch":64,"maxBatchedTokens":63}', /maxBatchedTokens/],
    ['{"kvCapacityTokens":100,"maxModelLen":200}', /kvCapacityTokens/],
  ])('rejects %s', (text, message) => {
    expect(() => parseInferenceConfig(text)).toThrow(message);
  });
});

test('a version that is slower has steps that take as many times as long', () => {
  const { step } = profiles['qwen3-8b-fp8-h100'];
  for (const work of [
    { sequences: 1, kvTokens: 0, prefillTokens: 0 },
    { sequences: 64, kvTokens: 30_000, prefillTokens: 512 },
  ])
    expect(stepMs(slowedDown(step, 3), work)).toBeCloseTo(3 * stepMs(step, work), 9);
});

describe('tokens', () => {
  test('are counted as documented', () => {
    expect(countTokens('12345')).toBe(2);
    expect(countTokens('')).toBe(1);
    expect(countTokens([5, 6, 7])).toBe(3);
    expect(countTokens([{ role: 'user', content: '12345' }])).toBe(2 + 4 + 3);
    expect(countTokens([{ role: 'user', content: [{ type: 'text', text: '1234' }] }])).toBe(1 + 4 + 3);
  });

  test('of an output depend only on seed and prompt', () => {
    const output = (seed: number, prompt: string) => {
      const wordAt = outputWords(seededRandom(seed), prompt);
      return Array.from({ length: 20 }, (_, i) => wordAt(i)).join('');
    };
    expect(output(1, 'a')).toBe(output(1, 'a'));
    expect(output(1, 'a')).not.toBe(output(2, 'a'));
    expect(output(1, 'a')).not.toBe(output(1, 'b'));
    expect(output(1, 'a')).toMatch(/^[a-z]+( [a-z]+){19}$/);
  });
});

test.each([
  [MAX_UNREAD_BYTES, false],
  [MAX_UNREAD_BYTES + 1, true],
])('a client with %d bytes unread is disconnected: %s', (writableLength, disconnected) => {
  const target = { writableLength, destroyed: false, write: () => false, end: () => target, destroy: () => target };
  target.destroy = () => Object.assign(target, { destroyed: true });
  const head = {
    kind: 'chat',
    id: 'x',
    model: 'm',
    created: 0,
    promptTokens: 1,
    includeUsage: false,
    continuousUsage: false,
    promptLogprobs: undefined,
  } as const;
  streamedResponse(target as unknown as ResponseTarget, head).word('hi', 0);
  expect(target.destroyed).toBe(disconnected);
});

describe('the GPU model', () => {
  const profile = profiles['qwen3-8b-fp8-h100'];
  const step = (startMs: number, durationMs: number) => ({ startMs, durationMs, kvTokens: 0 }) as Step;

  test('is cool and draws its idle power when idle', () => {
    const { watts, celsius, busyRatio, energyMillijoules } = new Gpu(profile, 0).read(10_000);
    expect([watts, busyRatio, energyMillijoules]).toEqual([115, 0, 1_150_000]);
    expect(celsius).toBeCloseTo(30 + 0.055 * 115);
  });

  test('reads half busy when every other step is missing, regardless of other readings', () => {
    const [gpu, polled] = [new Gpu(profile, 0), new Gpu(profile, 0)];
    for (let atMs = 0; atMs < 8000; atMs += 20) {
      gpu.startStep(step(atMs, 10));
      polled.startStep(step(atMs, 10));
      polled.read(atMs + 5);
    }
    expect(gpu.read(8000).busyRatio).toBeGreaterThan(0.45);
    expect(gpu.read(8000).busyRatio).toBeLessThan(0.55);
    expect(polled.read(8000).busyRatio).toBeCloseTo(gpu.read(8000).busyRatio, 6);
    expect(polled.read(8000).energyMillijoules).toBeCloseTo(gpu.read(8000).energyMillijoules, 3);
  });

  test('heats up under load and cools down after it', () => {
    const gpu = new Gpu(profile, 0);
    const coolCelsius = gpu.read(0).celsius;
    for (let atMs = 0; atMs < 60_000; atMs += 20) gpu.startStep(step(atMs, 20));
    const hotCelsius = gpu.read(60_000).celsius;
    expect(hotCelsius).toBeGreaterThan(coolCelsius + 20);
    expect(gpu.read(300_000).celsius).toBeLessThan(coolCelsius + 1);
  });
});

describe('a service in virtual time', () => {
  test('loads for modelLoadMs / timeScale, then emits each token at the sum of the step durations', async () => {
    const clock = new FakeClock();
    const service = new InferenceService(parseInferenceConfig('{"timeScale":20}'), clock);
    const stop = new AbortController();
    const running = service.run(stop.signal, () => {});
    await clock.advance(5999);
    expect(service.ready).toBe(false);
    await clock.advance(1);
    expect(service.ready).toBe(true);
    const atMs: number[] = [];
    service.submit({
      promptTokens: 100,
      maxTokens: 50,
      finishReason: 'length',
      onToken: () => atMs.push(clock.nowMs() - 6000),
    });
    await clock.advance(1000);
    const { baseMs, prefillMs, perPrefillTokenMs, perSequenceMs } = profiles['qwen3-8b-fp8-h100'].step;
    expect(atMs).toHaveLength(50);
    expect(atMs[0]).toBeCloseTo(baseMs + perSequenceMs + prefillMs + 100 * perPrefillTokenMs, 6);
    // 49 decode steps of 4.58 + 0.0141 + at most 150 KV tokens × 4.8e-5 ms
    expect((atMs[49]! - atMs[0]!) / 49).toBeGreaterThan(4.594);
    expect((atMs[49]! - atMs[0]!) / 49).toBeLessThan(4.602);
    stop.abort();
    await running;
  });

  test('a cancelled request gets no further token and its memory is freed', async () => {
    const clock = new FakeClock();
    const service = new InferenceService(parseInferenceConfig('{"timeScale":1e9}'), clock);
    const stop = new AbortController();
    const running = service.run(stop.signal, () => {});
    await clock.advance(1);
    let tokens = 0;
    const onToken = () => {
      tokens += 1;
    };
    const accepted = service.submit({ promptTokens: 100, maxTokens: 1000, finishReason: 'length', onToken });
    await clock.advance(100);
    const before = tokens;
    expect(before).toBeGreaterThan(5);
    expect(await service.metrics.text()).toMatch(/kv_cache_usage_perc\{.*\} 0\.0/);
    if (accepted.kind === 'accepted') accepted.handle.cancel();
    expect(await service.metrics.text()).toMatch(/kv_cache_usage_perc\{.*\} 0\n/);
    await clock.advance(100);
    expect(tokens).toBe(before);
    expect(service.activeCount).toBe(0);
    stop.abort();
    await running;
  });
});
