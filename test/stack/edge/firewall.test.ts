import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCode, type HttpResponse, post, send } from './fixtures/http-client.ts';
import { PROBES, PROMPTS } from './fixtures/prompts.ts';
import { noModSecurity, noNginx, type RunningEdge, startEdge } from './fixtures/running-edge.ts';
import { startUpstream, type Upstream } from './fixtures/upstream.ts';

const reason = noNginx || noModSecurity;
const MODEL = 'qwen3-8b';

/** Requests of each route with `text` in their free-text fields. */
const bodies = (text: string): readonly (readonly [path: string, body: object])[] => [
  ['/v1/chat/completions', { model: MODEL, messages: [{ role: 'user', content: text }], stream: true, max_tokens: 64 }],
  ['/v1/chat/completions', { model: MODEL, messages: [{ role: 'user', content: [{ type: 'text', text }] }] }],
  [
    '/v1/chat/completions',
    {
      model: MODEL,
      messages: [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'a', type: 'function', function: { name: 'run', arguments: JSON.stringify({ text }) } }],
        },
        { role: 'tool', tool_call_id: 'a', content: text },
      ],
      tools: [{ type: 'function', function: { name: 'run', description: text, parameters: { type: 'object' } } }],
      stop: [text.slice(0, 50)],
    },
  ],
  ['/v1/completions', { model: MODEL, prompt: text, suffix: text }],
  ['/v1/completions', { model: MODEL, prompt: [text, text] }],
  [
    '/v1/responses',
    { model: MODEL, instructions: text, input: [{ role: 'user', content: [{ type: 'input_text', text }] }] },
  ],
  ['/v1/messages', { model: MODEL, system: text, messages: [{ role: 'user', content: text }], max_tokens: 64 }],
];

describe.skipIf(reason)(`firewall ${reason || ''}`, () => {
  let upstream: Upstream;
  let guarded: RunningEdge;
  let open: RunningEdge;

  beforeAll(async () => {
    upstream = await startUpstream();
    guarded = await startEdge({ waf: 'modsecurity', maxBodyBytes: 4_000_000 }, [upstream.address]);
    open = await startEdge({ maxBodyBytes: 4_000_000 }, [upstream.address]);
  });
  afterAll(async () => {
    await guarded[Symbol.asyncDispose]();
    await open[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  it.each(Object.keys(PROMPTS))('allows an ordinary prompt on every completion route: %s', async name => {
    const statuses = await Promise.all(
      bodies(PROMPTS[name]!).map(async ([path, body]) => `${path} ${(await post(guarded.url + path, body)).status}`),
    );
    expect(statuses).toEqual(bodies('').map(([path]) => `${path} 200`));
  });

  it('blocks most of these prompts on some route without its exclusions', async () => {
    // The rules even mistake Japanese, Arabic and Russian for attacks.
    await using untuned = await startEdge({ waf: 'modsecurity', streaming: { paths: [] } }, [upstream.address]);
    for (const name of ['SQL', 'HTML', 'shell', 'Java', 'Japanese', 'Arabic', 'Russian']) {
      const responses = await Promise.all(bodies(PROMPTS[name]!).map(([path, body]) => post(untuned.url + path, body)));
      expect(
        responses.map(({ status }) => status),
        name,
      ).toContain(403);
    }
  });

  it('allows a long conversation', async () => {
    const turn = (index: number) => ({
      role: index % 2 ? 'assistant' : 'user',
      content: `Turn ${index}: ${PROMPTS.SQL}`,
    });
    const messages = Array.from({ length: 500 }, (_, index) => turn(index));
    expect((await post(`${guarded.url}/v1/chat/completions`, { model: MODEL, messages })).status).toBe(200);
  });

  it('allows other requests of the API', async () => {
    for (const path of ['/v1/models', '/readyz', '/v1/models/qwen3-8b-fp8-h100?verbose=true', '/metrics']) {
      expect((await send(guarded.url + path, { headers: { authorization: 'Bearer sk-0123abcd' } })).status).toBe(200);
    }
    expect((await post(`${guarded.url}/v1/embeddings`, { model: MODEL, input: 'Hello there' })).status).toBe(200);
  });

  const places: Readonly<Record<string, (url: string, probe: string) => Promise<HttpResponse>>> = {
    'query string': (url, probe) => send(`${url}/v1/models?id=${encodeURIComponent(probe)}`),
    'query string of a completion': (url, probe) =>
      post(`${url}/v1/chat/completions?id=${encodeURIComponent(probe)}`, {
        messages: [{ role: 'user', content: 'Hi' }],
      }),
    'cookie of a completion': (url, probe) =>
      post(`${url}/v1/chat/completions`, { messages: [] }, { cookie: `id=${encodeURIComponent(probe)}` }),
    'another member of a completion': (url, probe) =>
      post(`${url}/v1/chat/completions`, { model: probe, messages: [{ role: 'user', content: 'Hi' }] }),
    'role of a message': (url, probe) =>
      post(`${url}/v1/chat/completions`, { model: MODEL, messages: [{ role: probe, content: 'Hi' }] }),
    'member whose name starts like a free-text one': (url, probe) =>
      post(`${url}/v1/completions`, { model: MODEL, prompt: 'Hi', prompt_cache: probe }),
    'JSON of another route': (url, probe) => post(`${url}/v1/files`, { prompt: probe, messages: [{ content: probe }] }),
    'form of another route': (url, probe) =>
      send(`${url}/v1/files`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ id: probe }).toString(),
      }),
    'query string with the name of a free-text member': (url, probe) =>
      post(`${url}/v1/completions?json.prompt=${encodeURIComponent(probe)}`, { prompt: 'Hi' }),
    'member of a body declared as plain text': (url, probe) =>
      send(`${url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'text/plain' },
        body: JSON.stringify({ model: probe, prompt: 'Hi' }),
      }),
  };

  it.each(Object.keys(places))('blocks probes in the %s, which pass without the firewall', async place => {
    for (const { name, text } of PROBES) {
      const blocked = await places[place]!(guarded.url, text);
      expect(`${name}: ${blocked.status}`).toBe(`${name}: 403`);
      expect(errorCode(blocked)).toBe('blocked_by_firewall');
      expect((await places[place]!(open.url, text)).status).toBe(200);
    }
  });

  it('blocks a known scanner by its User-Agent', async () => {
    expect((await send(guarded.url, { headers: { 'user-agent': 'sqlmap/1.7' } })).status).toBe(403);
    expect((await send(guarded.url, { headers: { 'user-agent': 'OpenAI/NodeJS 7.55.0' } })).status).toBe(200);
  });

  it('rejects a form as a completion request, whatever its field names', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const response = await send(`${guarded.url}/v1/completions`, { method: 'POST', headers, body: 'json.prompt=1;ls' });
    expect([response.status, errorCode(response)]).toEqual([400, 'bad_request']);
  });

  it('rejects invalid JSON and oversized bodies with JSON errors', async () => {
    const headers = { 'content-type': 'application/json' };
    const broken = await send(`${guarded.url}/v1/chat/completions`, { method: 'POST', headers, body: '{"messages":' });
    expect([broken.status, errorCode(broken)]).toEqual([400, 'bad_request']);
    const long = await post(`${guarded.url}/v1/completions`, { prompt: 'x'.repeat(4_000_001) });
    expect([long.status, errorCode(long)]).toEqual([413, 'request_too_large']);
  });
});
