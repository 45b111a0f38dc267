import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectToxiproxy } from '../../faults/toxiproxy/client.ts';
import { findToxiproxy } from '../../faults/toxiproxy/find.ts';
import { systemClock } from '../../harness/clock.ts';
import type { RunningStack } from '../../harness/contracts.ts';
import { processPlatform } from '../../platform/process/platform.ts';
import { topologyOf } from '../../stack/topology.ts';
import { FRESH } from '../fresh.ts';
import { settled } from '../stack/settled.ts';
import { eventually } from '../until.ts';
import { temporaryFolder } from './squall.ts';

const MODEL = 'qwen3-8b-fp8-h100';
const messages = [{ role: 'user' as const, content: 'Tell me about squalls.' }];

describe('the whole stack: client → link → gateway → link → inference', () => {
  const folder = temporaryFolder();
  let stack: RunningStack;
  let client: OpenAI;

  beforeAll(async () => {
    const options = settled({ inference: { replicas: 1 } });
    stack = await processPlatform({ find: findToxiproxy, connect: connectToxiproxy }).up(
      topologyOf(options, 500, 1, FRESH),
      {
        runId: `stack-test-${process.pid}`,
        seed: 1,
        directory: folder.path,
        observer: { replica: () => {} },
        signal: AbortSignal.timeout(30_000),
        clock: systemClock,
      },
    );
    client = new OpenAI({
      baseURL: `${stack.entries[0]}/v1`,
      apiKey: stack.authorization.replace('Bearer ', ''),
      maxRetries: 0,
    });
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  it('completes a chat for the official client', async () => {
    const answer = await client.chat.completions.create({ model: MODEL, messages, max_tokens: 20 });
    expect(answer.usage?.completion_tokens).toBe(20);
    expect(answer.choices[0]?.message.content?.split(/\s+/).filter(Boolean)).toHaveLength(20);
  });

  it('streams a chat to the official client, token by token', async () => {
    const stream = await client.chat.completions.create({ model: MODEL, messages, max_tokens: 20, stream: true });
    const at: number[] = [];
    let text = '';
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) at.push(performance.now());
      text += chunk.choices[0]?.delta.content ?? '';
    }
    expect(text.split(/\s+/).filter(Boolean)).toHaveLength(20);
    // 19 gaps of 4.6 ms in the model: had something buffered the stream, all would have come at once.
    expect(at.at(-1)! - at[0]!).toBeGreaterThan(40);
  });

  it('lists the model', async () => {
    const models = await client.models.list();
    expect(models.data.map(model => model.id)).toEqual([MODEL]);
  });

  it('turns a wrong key away as the official client expects', async () => {
    const stranger = new OpenAI({ baseURL: `${stack.entries[0]}/v1`, apiKey: 'sk-wrong', maxRetries: 0 });
    await expect(stranger.chat.completions.create({ model: MODEL, messages })).rejects.toBeInstanceOf(
      OpenAI.AuthenticationError,
    );
  });

  it('frees slot and KV cache of a client that leaves', async () => {
    const inference = stack.replicas.find(replica => replica.service === 'inference')!;
    const gauge = async (name: string) => {
      const text = await (await fetch(`${inference.url}/metrics`)).text();
      return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(text)?.[1]);
    };
    const stream = await client.chat.completions.create({ model: MODEL, messages, max_tokens: 20_000, stream: true });
    for await (const _chunk of stream) break;
    // 20,000 tokens would go on for a minute and a half; leaving the loop closed the connection.
    expect(await eventually(async () => (await gauge('vllm:num_requests_running')) === 0, 2000)).toBe(true);
    expect(await gauge('vllm:kv_cache_usage_perc')).toBe(0);

    const staying = await client.chat.completions.create({ model: MODEL, messages, max_tokens: 20_000, stream: true });
    expect(
      await eventually(async () => (await gauge('vllm:kv_cache_usage_perc')) > 0, 2000),
      'who stays keeps its KV',
    ).toBe(true);
    staying.controller.abort();
  });
});
