import { hash } from 'node:crypto';
import OpenAI, { APIError, AuthenticationError } from 'openai';
import { expect, test } from 'vitest';
import { startGateway } from './fixtures/gateway-process.ts';
import { diesAfter, responds, startUpstream, streams } from './fixtures/scripted-upstream.ts';

const messages = [{ role: 'user', content: 'hi' }] as const satisfies OpenAI.ChatCompletionMessageParam[];

test('the official OpenAI client works against the gateway and reports its errors', async () => {
  await using upstream = await startUpstream(responds('hello'));
  await using gateway = await startGateway({
    models: ['tiny'],
    upstreams: [{ name: 'one', url: upstream.url }],
    apiKeyHashes: [hash('sha256', 'good')],
    healthChecks: 'off',
  });
  const settings = { baseURL: `${gateway.url}/v1`, maxRetries: 0 };
  const client = new OpenAI({ ...settings, apiKey: 'good' });
  const streamed = async () => {
    const events = await client.chat.completions.create({ model: 'tiny', messages, stream: true });
    let text = '';
    for await (const event of events) text += event.choices[0]?.delta.content ?? '';
    return text;
  };

  const whole = await client.chat.completions.create({ model: 'tiny', messages });
  expect(whole.choices[0]?.message.content).toBe('hello');

  upstream.behaviour = streams(['he', 'llo'], 5);
  expect(await streamed()).toBe('hello');

  upstream.behaviour = diesAfter(['he'], 5, '\n');
  await expect(streamed()).rejects.toMatchObject({ code: 'upstream_reset' });

  expect((await client.models.list()).data.map(model => model.id)).toEqual(['tiny']);
  const unauthorized = new OpenAI({ ...settings, apiKey: 'bad' });
  await expect(unauthorized.models.list()).rejects.toBeInstanceOf(AuthenticationError);
  await expect(client.chat.completions.create({ model: 'big', messages })).rejects.toBeInstanceOf(APIError);
});
