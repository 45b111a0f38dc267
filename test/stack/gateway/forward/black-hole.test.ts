import { Agent, request } from 'node:http';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { eventually, until } from '../../../until.ts';
import { startInside } from '../fixtures/gateway-inside.ts';
import {
  chunkOf,
  DONE,
  EVENT_STREAM,
  eventOf,
  type RawBehaviour,
  type RawUpstream,
  ROLE,
  STOP,
  says,
  startRawUpstream,
  streamsRaw,
  TOKEN,
} from '../fixtures/raw-upstream.ts';

const REQUESTS = 80;
/** 20 requests per second. */
const INTERVAL_MS = 50;
/** The healthy upstream takes half a second of virtual time: ten arrivals. */
const SERVED_AFTER = 10;
/** Of real time, nothing is to time out, however busy the machine is. */
const timeouts = { connectMs: 60_000, firstByteMs: 60_000, firstTokenMs: 60_000, unstreamedFirstByteMs: 60_000 };
const CHAT = { path: '/v1/chat/completions', body: { stream: true, messages: [{ role: 'user', content: 'hi' }] } };
const WHOLE = { path: '/v1/chat/completions', body: { messages: [{ role: 'user', content: 'hi' }] } };
const COMPLETION = { path: '/v1/completions', body: { stream: true, prompt: 'hi' } };
const EMBEDDINGS = { path: '/v1/embeddings', body: { input: ['hi'] } };
type Call = typeof CHAT | typeof WHOLE | typeof COMPLETION | typeof EMBEDDINGS;

const ERROR = '{"error":{"message":"no","type":"x","code":500}}';
const JSON_TYPE = 'content-type: application/json';
const SSE = 'content-type: text/event-stream';
const document = (value: object) => says('200 OK', JSON.stringify(value), JSON_TYPE);
const message = (content: string | null) => ({ choices: [{ index: 0, message: { content }, finish_reason: 'stop' }] });
const cut = (text: string) => (socket: Socket) => void socket.end(text);
const resets = (text: string) => (socket: Socket) => void socket.write(text, () => socket.resetAndDestroy());

/** Everything that fails at once, and so has nothing in flight. */
const FORMS: readonly (readonly [name: string, call: Call, behaviour: RawBehaviour])[] = [
  ...['401 No', '403 No', '404 No', '405 No', '410 No'].map(
    status => [status, CHAT, says(status, ERROR, JSON_TYPE)] as const,
  ),
  ...['500 No', '503 No', '529 No'].map(status => [status, CHAT, says(status, ERROR, JSON_TYPE)] as const),
  ['301', CHAT, says('301 Moved', '', 'location: /elsewhere')],
  ['307', CHAT, says('307 Temporary Redirect', '', 'location: https://elsewhere.test/')],
  ['429', CHAT, says('429 Too Many', ERROR)],
  ['429, in 0 s', CHAT, says('429 Too Many', ERROR, 'retry-after: 0')],
  ['429, in 2 s', CHAT, says('429 Too Many', ERROR, 'retry-after: 2')],
  ['429, in 300 ms', CHAT, says('429 Too Many', ERROR, 'retry-after-ms: 300')],
  ['503 without an end', CHAT, socket => void socket.write('HTTP/1.1 503 No\r\ncontent-length: 9\r\n\r\n...')],
  ['503 as an event stream', CHAT, says('503 No', `data: ${ERROR}\n\n`, SSE)],
  ['an error as first event', CHAT, streamsRaw(`data: ${ERROR}\n\n`, DONE)],
  ['an error as first event, cut off', CHAT, cut(EVENT_STREAM + chunkOf(`data: ${ERROR}\n\n`))],
  [
    'an error as first event, kept open',
    CHAT,
    socket => void socket.write(EVENT_STREAM + chunkOf(`data: ${ERROR}\n\n`)),
  ],
  ['an error without a blank line', CHAT, says('200 OK', `data: ${ERROR}`, SSE)],
  ['an error event', CHAT, streamsRaw('event: error\ndata: "overloaded"\n\n')],
  ['an error field', CHAT, streamsRaw(`error: ${ERROR}\n\n`)],
  ['an error as a text', CHAT, streamsRaw('data: {"error":"overloaded","error_type":"overloaded"}\n\n')],
  ['an error of vLLM', CHAT, streamsRaw('data: {"object":"error","message":"no","code":400}\n\n', DONE)],
  ['an error of FastAPI', CHAT, streamsRaw('data: {"detail":"no"}\n\n')],
  ['an error in plain text', CHAT, streamsRaw('data: Internal Server Error\n\n', DONE)],
  ['an error after the role', CHAT, streamsRaw(ROLE, `data: ${ERROR}\r\n\r\n`)],
  ['an error after comments', CHAT, streamsRaw(': queued\n\n', ': queued\n\n', `data: ${ERROR}\n\n`)],
  ['an error beside choices', CHAT, streamsRaw(`data: {"choices":[],${ERROR.slice(1)}\n\n`)],
  ['an error document', CHAT, says('200 OK', ERROR, JSON_TYPE)],
  ['an error document as an event stream', CHAT, says('200 OK', ERROR, SSE)],
  ['a finish by abort', CHAT, streamsRaw(ROLE, eventOf({}, 'abort'), DONE)],
  ['no token', CHAT, streamsRaw(ROLE, STOP, DONE)],
  ['no token, in one piece', CHAT, says('200 OK', ROLE + STOP + DONE, SSE)],
  [
    'no token but usage',
    CHAT,
    streamsRaw(ROLE, STOP, 'data: {"choices":[],"usage":{"completion_tokens":0}}\n\n', DONE),
  ],
  ['a role and no more', CHAT, streamsRaw(ROLE)],
  ['[DONE] and no more', CHAT, streamsRaw(DONE)],
  ['comments and no more', CHAT, streamsRaw(': ping\n\n')],
  ['blanks and no more', CHAT, says('200 OK', '\n\n\n', SSE)],
  ['no choices', CHAT, streamsRaw('data: {"choices":[]}\n\n', DONE)],
  ['no byte', CHAT, says('200 OK')],
  ['no byte of an event stream', CHAT, streamsRaw()],
  ['no content', CHAT, socket => void socket.write('HTTP/1.1 204 No Content\r\n\r\n')],
  ['a page', CHAT, says('200 OK', '<!doctype html><title>Sign in</title>', 'content-type: text/html')],
  ['a word', CHAT, says('200 OK', 'ok', 'content-type: text/plain')],
  ['a reset before the head', CHAT, resets('')],
  ['an end before the head', CHAT, cut('')],
  ['an end within the head', CHAT, cut('HTTP/1.1 200 OK\r\ncontent-ty')],
  ['a reset after the head', CHAT, resets(EVENT_STREAM)],
  ['a reset after the role', CHAT, resets(EVENT_STREAM + chunkOf(ROLE))],
  ['an end after the role', CHAT, cut(EVENT_STREAM + chunkOf(ROLE))],
  ['an end within the first token', CHAT, cut(EVENT_STREAM + chunkOf(TOKEN.slice(0, 30)))],
  ['less than its length', CHAT, cut('HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n')],
  ['no HTTP', CHAT, cut('SSH-2.0-OpenSSH_9.2\r\n')],
  ['404 for a document', WHOLE, says('404 No', ERROR)],
  ['500 for a document', WHOLE, says('500 No', ERROR)],
  ['a document with an error', WHOLE, document({ error: 'no' })],
  ['a document without choices', WHOLE, document({ choices: [] })],
  ['a document without text', WHOLE, document(message(''))],
  ['a document with null', WHOLE, document(message(null))],
  ['an empty document', WHOLE, document({})],
  ['half a document', WHOLE, says('200 OK', '{"choices":[{"mess', JSON_TYPE)],
  ['a cut document', WHOLE, cut('HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{"choices":[{"mess')],
  ['a page for a document', WHOLE, says('200 OK', '<html></html>', 'content-type: text/html')],
  ['no byte of a document', WHOLE, says('200 OK', '', JSON_TYPE)],
  ['a completion without text', COMPLETION, streamsRaw('data: {"choices":[{"text":"","finish_reason":"stop"}]}\n\n')],
  ['403 for a completion', COMPLETION, says('403 No', ERROR)],
  ['embeddings without a vector', EMBEDDINGS, document({ object: 'list', data: [] })],
  ['405 for embeddings', EMBEDDINGS, says('405 No', ERROR)],
];

const ANSWERS: Readonly<Record<string, RawBehaviour>> = {
  stream: streamsRaw(ROLE, TOKEN, STOP, DONE),
  [COMPLETION.path]: streamsRaw('data: {"choices":[{"text":"hello"}]}\n\n', DONE),
  [WHOLE.path]: document(message('hello')),
  [EMBEDDINGS.path]: document({ data: [{ embedding: [0.1], text: 'hello' }] }),
};

let failing: RawUpstream;
let healthy: RawUpstream;

beforeAll(async () => {
  [failing, healthy] = await Promise.all([startRawUpstream(cut('')), startRawUpstream(cut(''))]);
});

afterAll(async () => {
  for (const upstream of [failing, healthy]) await upstream[Symbol.asyncDispose]();
});

// At most 3 failures eject it, for 2 s; one more as it returns ejects it for 4 s. Attempts under way at that time are added.
test.each(FORMS)('an upstream that fails at once gets little traffic: %s', async (_name, call, behaviour) => {
  const { reached, served } = await drive(call, behaviour, {});
  expect(served).toBeGreaterThanOrEqual(78);
  expect(reached).toBeLessThanOrEqual(12);
  expect(reached).toBeGreaterThan(0);
});

test.each([
  ['404', FORMS.find(([name]) => name === '404 No')![2]],
  ['an error as first event', streamsRaw(`data: ${ERROR}\n\n`)],
  ['no token', streamsRaw(ROLE, STOP, DONE)],
])('without ejection, retries and the hold it is a black hole: %s', async (_name, behaviour) => {
  const { reached, served } = await drive(CHAT, behaviour, { ejection: 'off', retries: 0, hold: 'off' });
  expect(reached).toBeGreaterThan(60);
  expect(served).toBeLessThan(20);
});

/** Sends the requests to a gateway of their own with least connections over both upstreams. */
async function drive(call: Call, behaviour: RawBehaviour, config: Partial<GatewayConfigInput>) {
  const clock = new FakeClock();
  const pending: { readonly socket: Socket; readonly from: number }[] = [];
  let arrivals = 0;
  Object.assign(failing, { behaviour, received: 0 });
  Object.assign(healthy, {
    behaviour: (socket: Socket) => void pending.push({ socket, from: arrivals }),
    received: 0,
  });
  const release = (before: number) => {
    while (pending[0] && pending[0].from <= before) answerOf(call)(pending.shift()!.socket);
  };
  const upstreams = [failing, healthy].map(({ url }, index) => ({ name: `u${index}`, url }));
  await using gateway = await startInside({ upstreams, timeouts, ...config }, clock);
  using agent = new Connections();
  const results: Promise<boolean>[] = [];
  let settled = 0;
  for (; arrivals < REQUESTS; arrivals += 1) {
    results.push(agent.send(gateway.url, call).finally(() => (settled += 1)));
    await until(() => failing.received + healthy.received > arrivals);
    release(arrivals - SERVED_AFTER);
    await clock.advance(INTERVAL_MS);
  }
  const done = async () => {
    release(arrivals);
    await clock.advance(INTERVAL_MS);
    return settled === REQUESTS;
  };
  expect(await eventually(done)).toBe(true);
  const served = (await Promise.all(results)).filter(isServed => isServed).length;
  return { reached: failing.received, served };
}

function answerOf({ path, body }: Call): RawBehaviour {
  return ANSWERS[path === CHAT.path && 'stream' in body ? 'stream' : path]!;
}

/** Client with keep-alive. */
class Connections {
  readonly #agent = new Agent({ keepAlive: true });

  /** Whether the response is complete, has the status 200 and carries the text of the healthy upstream. */
  send(url: string, { path, body }: Call): Promise<boolean> {
    return new Promise(resolve => {
      const headers = { 'content-type': 'application/json' };
      const sent = request(url + path, { method: 'POST', agent: this.#agent, headers }, response => {
        let text = '';
        response.on('data', chunk => {
          text += String(chunk);
        });
        response
          .on('error', () => {})
          .on('close', () => {
            resolve(response.statusCode === 200 && response.complete && text.includes('hello'));
          });
      });
      sent.on('error', () => resolve(false)).end(JSON.stringify({ model: 'tiny', ...body }));
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
