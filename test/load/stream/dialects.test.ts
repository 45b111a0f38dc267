import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  brotliCompressSync,
  createBrotliCompress,
  createDeflate,
  createDeflateRaw,
  createGzip,
  createZstdCompress,
  gzipSync,
} from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { thisMachine } from '../../../harness/host/network.ts';
import type { RequestRecord } from '../../../harness/requests.ts';
import { StreamRequest } from '../../../load/stream/request.ts';
import { Notes } from '../../../load/stream/response/notes.ts';
import { StreamOptions } from '../../../load/stream/stream-options.ts';
import type { RequestTask } from '../../../load/stream/task.ts';
import { openConnections } from '../../../load/stream/wire/connections.ts';
import { type Asked, type Server, serve } from '../server.ts';

const event = (value: unknown) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
const chunk = (delta: object, finish: string | null = null, more: object = {}) =>
  event({ choices: [{ index: 0, delta, finish_reason: finish }], ...more });
const FRAMES = [chunk({ content: 'a' }), chunk({ content: 'ä€🌊' }), chunk({}, 'stop'), event('[DONE]')];
const GAP_MS = 20;

interface Writer {
  write(text: string): unknown;
  end(): unknown;
}

async function write(to: Writer, frames: readonly string[], flush = () => {}): Promise<void> {
  for (const frame of frames) {
    to.write(frame);
    flush();
    await sleep(GAP_MS);
  }
  to.end();
}

const STREAM = { 'content-type': 'text/event-stream' };
/** Sends the frames one by one, each of them flushed, through an encoder. */
function encoded(encoding: string, encoder: ReturnType<typeof createGzip> | ReturnType<typeof createBrotliCompress>) {
  return (response: ServerResponse) => {
    response.writeHead(200, { ...STREAM, 'content-encoding': encoding });
    encoder.pipe(response);
    return write(encoder, FRAMES, () => encoder.flush());
  };
}

const ERROR = JSON.stringify({ error: { message: 'no key Bearer my-secret-key, nor blue-team' } });
const behaviours: Record<string, (response: ServerResponse, asked: Asked) => unknown> = {
  plain: response => write(response.writeHead(200, STREAM), FRAMES),
  gzip: response => encoded('gzip', createGzip())(response),
  deflate: response => encoded('deflate', createDeflate())(response),
  'raw-deflate': response => encoded('deflate', createDeflateRaw())(response),
  br: response => encoded('br', createBrotliCompress())(response),
  zstd: response => encoded('zstd', createZstdCompress())(response),
  // The end of the format is missing, as where a proxy flushes and never finishes.
  'gzip-cut': response =>
    response.writeHead(200, { ...STREAM, 'content-encoding': 'gzip' }).end(gzipSync(FRAMES.join('')).subarray(0, -8)),
  'no-gzip': response => response.writeHead(200, { ...STREAM, 'content-encoding': 'gzip' }).end(FRAMES.join('')),
  'one-piece': response => response.writeHead(200, STREAM).end(FRAMES.join('')),
  'many-chunks-at-once': response => {
    response.writeHead(200, STREAM);
    response.cork();
    for (const frame of FRAMES) response.write(frame);
    response.uncork();
    response.end();
  },
  'in-bytes': async response => {
    response.writeHead(200, STREAM);
    for (const byte of Buffer.from(FRAMES.join(''))) {
      response.write(Buffer.of(byte));
      if (byte === 10) await sleep(1);
    }
    response.end();
  },
  'error-in-gzip': response => {
    const body = brotliCompressSync(ERROR);
    response
      .writeHead(500, { 'content-encoding': 'br', server: 'nginx', via: '1.1 blue-team', 'x-request-id': 'r-1' })
      .end(body);
  },
  'slow-error': async response => {
    response.writeHead(503, { 'content-type': 'application/json' }).flushHeaders();
    await sleep(300);
    response.end(ERROR);
  },
  'knows-no-usage': (response, { body }) =>
    body.includes('stream_options')
      ? response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"Unrecognized: stream_options"}')
      : write(response.writeHead(200, STREAM), FRAMES),
  'likes-nothing': response =>
    response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"too long"}'),
  whole: response =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(
      JSON.stringify({
        choices: [{ message: { content: 'all' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 4, completion_tokens: 7 },
      }),
    ),
  'usage-in-each': response =>
    write(
      response.writeHead(200, STREAM),
      [1, 2, 3]
        .map(n =>
          chunk({ content: 'a b c d' }, null, {
            usage: { prompt_tokens: 9, completion_tokens: 4 * n, prompt_tokens_details: { cached_tokens: 8 } },
          }),
        )
        .concat(FRAMES.slice(2)),
    ),
};

let server: Server;
beforeAll(async () => {
  server = await serve((asked, response) => void behaviours[asked.path.split('/')[1]!]!(response, asked));
});
afterAll(() => server[Symbol.asyncDispose]());

const BODY = JSON.stringify({ model: 'm', stream: true, stream_options: { include_usage: true } });

/** Sends requests one after the other, as one client. */
async function ask(path: string, count = 1, task: Partial<RequestTask> = {}) {
  const notes = new Notes();
  const streamOptions = new StreamOptions(true);
  const connections = openConnections({ origin: server.url, connectTimeoutMs: 1000, machine: thisMachine });
  const records: RequestRecord[] = [];
  for (let index = 0; index < count; index += 1) {
    const { promise, resolve } = Promise.withResolvers<RequestRecord>();
    new StreamRequest(
      {
        ...{ index, scheduledMs: 0, stage: 's', expect: null, labels: {}, method: 'POST', path: '', promptTokens: 1 },
        ...{ headers: { authorization: 'Bearer my-secret-key', 'x-team': 'blue-team' }, body: BODY, ...task },
      },
      { prefix: `/${path}`, connections },
      {
        ...{ clock: systemClock, startAtMs: 0, idleTimeoutMs: 2000, firstTokenTimeoutMs: 2000, notes, streamOptions },
        firstToken() {},
        settled: (_, record) => resolve(record),
      },
    ).send();
    records.push(await promise);
  }
  // The rest of a body comes after its outcome.
  for (let tries = 0; tries < 50 && notes.list().some(({ example }) => example === ''); tries += 1) await sleep(20);
  return { records, record: records[0]!, notes: notes.list(), streamOptions };
}

describe('a stream', () => {
  it.each([['plain'], ['gzip'], ['deflate'], ['raw-deflate'], ['br'], ['zstd']])(
    'sent as %s is timed token by token',
    async path => {
      const { record, notes } = await ask(path);
      expect(record).toMatchObject({ outcome: 'ok', outputTokens: 2, frames: 2, reads: 2 });
      expect(record.gaps).toHaveLength(2);
      expect(record.lastTokenMs! - record.firstTokenMs!).toBeGreaterThan(1);
      // The finish reason and the end, each a gap later.
      expect(record.endMs - record.lastTokenMs!).toBeGreaterThan(1);
      expect(notes.map(({ name }) => name)).toEqual(path === 'plain' ? [] : ['compressed']);
    },
  );

  it('may lack the end of its compression, but must be compressed if it says so', async () => {
    expect((await ask('gzip-cut')).record).toMatchObject({ outcome: 'ok', outputTokens: 2 });
    const { record, notes } = await ask('no-gzip');
    expect(record.outcome).toBe('malformed');
    expect(notes).toContainEqual(
      expect.objectContaining({ name: 'malformed', example: expect.stringContaining('header') }),
    );
  });

  it.each(['one-piece', 'many-chunks-at-once'])('has no gaps within a read: %s', async path => {
    const { record } = await ask(path);
    expect(record).toMatchObject({ outcome: 'ok', outputTokens: 2, frames: 2, reads: 1, gaps: [] });
    expect(record.lastTokenMs).toBe(record.firstTokenMs);
  });

  it('is the same byte by byte', async () => {
    expect((await ask('in-bytes')).record).toMatchObject({ outcome: 'ok', outputTokens: 2, frames: 2 });
  });

  it('has the tokens of its usage, and of its prompt those from the cache', async () => {
    expect((await ask('usage-in-each')).record).toMatchObject({
      ...{ outcome: 'ok', outputTokens: 12, frames: 3, reads: 3, usedPromptTokens: 9, cachedPromptTokens: 8 },
    });
  });
});

it('a whole response has one token, its end', async () => {
  const { record, notes } = await ask('whole', 1, { stream: false });
  expect(record).toMatchObject({ outcome: 'ok', outputTokens: 7, frames: 1, usedPromptTokens: 4, gaps: [] });
  expect(notes).toEqual([]);
});

describe('a failure', () => {
  it.each([
    ['error-in-gzip', 'http-500', { server: 'nginx', via: '1.1 ***', 'x-request-id': 'r-1' }],
    ['slow-error', 'http-503', { 'content-type': 'application/json' }],
  ])('is told in the words of the server, without secrets: %s', async (path, name, headers) => {
    const { record, notes } = await ask(path, 2);
    const example = '{"error":{"message":"no key ***, nor ***"}}';
    expect(notes.filter(({ type }) => type === 'failure')).toEqual([
      { type: 'failure', name, count: 2, example, headers },
    ]);
    // The outcome is known from the head; its text came later.
    if (path === 'slow-error') expect(record.endMs - record.sentMs!).toBeLessThan(290);
  });
});

describe('a server that rejects stream_options', () => {
  it('gets the same request once more without it, and the following ones, too', async () => {
    const before = server.asked.length;
    const { records, notes, streamOptions } = await ask('knows-no-usage', 1);
    expect(records.map(({ outcome }) => outcome)).toEqual(['ok']);
    expect(server.asked.slice(before).map(({ body }) => body)).toEqual([BODY, '{"model":"m","stream":true}']);
    expect(streamOptions.areSent).toBe(false);
    expect(notes).toMatchObject([{ type: 'oddity', name: 'stream-options', example: expect.stringContaining('400') }]);
  });

  it('is none if it rejects the request without it as well', async () => {
    const { record, notes, streamOptions } = await ask('likes-nothing');
    expect(record).toMatchObject({ outcome: 'http-status', status: 400 });
    expect(streamOptions.areSent).toBe(true);
    expect(notes).toMatchObject([{ type: 'failure', name: 'http-400', example: '{"error":"too long"}' }]);
  });
});
