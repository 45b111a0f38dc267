import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { thisMachine } from '../../../../harness/host/network.ts';
import { newUuid, systemSecrets } from '../../../../harness/host/secrets.ts';
import { seededRandom } from '../../../../harness/random.ts';
import { parseGatewayConfig } from '../../../../stack/gateway/config.ts';
import { Encryption } from '../../../../stack/gateway/encryption/encryption.ts';
import { CODING } from '../../../../stack/gateway/encryption/sealed-body.ts';
import { Sessions } from '../../../../stack/gateway/encryption/sessions.ts';
import { Gateway } from '../../../../stack/gateway/gateway.ts';
import { createGatewayServer } from '../../../../stack/gateway/http/server.ts';
import { undiciTransport } from '../../../../stack/gateway/upstream/undici-transport.ts';
import { EncryptedClient } from './client.ts';

const PATH = '/v1/chat/completions';
const KEYS = ['sk-one', 'sk-two'];
const SECRET = Buffer.alloc(32, 7);
const EVENTS = ['data: {"choices":[{"index":0,"delta":{"content":"Grüße"}}]}\n\n', 'data: [DONE]\n\n'];
const chat = (stream: boolean) => ({ model: 'tiny', stream, messages: [{ role: 'user', content: 'top secret' }] });

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function listening(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  open.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A gateway with encryption; its upstream sends an event, and the rest when `goOn` is called. */
async function start(encryption: { readonly required?: boolean; readonly sessionMs?: number } = {}) {
  const received: string[] = [];
  const held = Promise.withResolvers<void>();
  const upstream = await listening(
    createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      received.push(body);
      if (!JSON.parse(body).stream) {
        const document = '{"choices":[{"index":0,"message":{"content":"Grüße"},"finish_reason":"stop"}]}';
        return response.writeHead(200, { 'content-type': 'application/json' }).end(document);
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(EVENTS[0]);
      await held.promise;
      response.end(EVENTS[1]);
    }),
  );
  const apiKeyHashes = KEYS.map(key => createHash('sha256').update(key).digest('hex'));
  const upstreams = [{ name: 'one', url: upstream }];
  const config = parseGatewayConfig(
    JSON.stringify({ healthChecks: 'off', retries: 0, apiKeyHashes, upstreams, encryption }),
  );
  let publicKey = '';
  const { clock } = thisMachine;
  const gateway = new Gateway({
    ...{ config, clock, random: seededRandom(1), log: pino({ enabled: false }) },
    transport: url => undiciTransport(url, { connectMs: 5000, maxConnections: 10 }, thisMachine),
    encryption: registry => {
      if (config.encryption === 'off') throw new Error('It is on.');
      const newId = () => newUuid(systemSecrets);
      const made = new Encryption({ config: config.encryption, secret: SECRET, clock, newId, registry });
      publicKey = made.publicKey;
      return made;
    },
  });
  gateway.start();
  open.push(() => gateway[Symbol.asyncDispose]());
  const url = await listening(createGatewayServer(gateway));
  const client = (through = url, gatewayKey = publicKey, apiKey = KEYS[0]!) =>
    new EncryptedClient({ url: through, apiKey, gatewayKey });
  return { url, publicKey, client, received, goOn: held.resolve };
}

/** Somebody between client and gateway, who sees all bodies, and may change them on the way. */
async function between(url: string, change: (body: Buffer, of: 'request' | 'response') => Buffer) {
  const seen: Buffer[] = [];
  const proxy = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const isChat = request.url === PATH;
    const body = Buffer.concat(chunks);
    const { 'content-length': _length, 'transfer-encoding': _coding, ...headers } = request.headers;
    const forwarded = sendRequest(url + request.url, { method: 'POST', headers }, async answer => {
      const { 'content-length': _, 'transfer-encoding': __, ...rest } = answer.headers;
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part);
      const whole = Buffer.concat(parts);
      if (isChat) seen.push(body, whole);
      response.writeHead(answer.statusCode!, rest).end(isChat ? change(whole, 'response') : whole);
    });
    forwarded.end(isChat ? change(body, 'request') : body);
  });
  return { url: await listening(proxy), seen };
}

async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
}

describe('a client that encrypts', () => {
  test('is served, streamed as it comes, and nobody in between can read what it says', async () => {
    const { url, client, received, goOn } = await start();
    const pieces = client().send(PATH, chat(true));
    const first = await pieces.next();
    // The upstream holds the rest back: a stream stays one.
    expect(first.value).toBe(EVENTS[0]);
    goOn();
    expect(await textOf(pieces)).toBe(EVENTS[1]);
    const middle = await between(url, body => body);
    const other = client(middle.url);
    expect(await textOf(other.send(PATH, chat(false)))).toContain('Grüße');
    expect(await textOf(other.send(PATH, chat(true)))).toBe(EVENTS.join(''));
    expect(received.map(body => JSON.parse(body))).toEqual([chat(true), chat(false), chat(true)]);
    expect(middle.seen).toHaveLength(4);
    for (const body of middle.seen) expect(body.toString('latin1')).not.toMatch(/secret|choices|role|data:/);
    // The same text twice has nothing in common.
    expect(middle.seen[0]!.subarray(0, 16)).not.toEqual(middle.seen[2]!.subarray(0, 16));
  });

  test('is told errors of the gateway by an encrypted body, too', async () => {
    const { client } = await start();
    expect(await textOf(client().send(PATH, { model: 'tiny' }))).toContain('"code":"invalid_value"');
  });

  test('refuses a response that was changed, cut, that of another request, or in plain text', async () => {
    const { url, client, goOn } = await start();
    goOn();
    const responses: Buffer[] = [];
    const cases: readonly [(body: Buffer) => Buffer, RegExp][] = [
      [body => flipped(body, body.length - 5), /was changed/],
      [body => body.subarray(0, -1), /breaks off/],
      [() => responses[0]!, /was changed/],
      [() => Buffer.from(EVENTS.join('')), /encrypted body/],
    ];
    for (const [change, message] of cases) {
      const middle = await between(url, (body, of) => {
        if (of === 'request') return body;
        responses.push(body);
        return change(body);
      });
      await expect(textOf(client(middle.url).send(PATH, chat(true)))).rejects.toThrow(message);
    }
  });

  test('does not talk to another gateway', async () => {
    const { url, client } = await start();
    const wrong = new Encryption({
      ...{ config: { key: { file: '' }, sessionMs: 1000, required: false }, secret: Buffer.alloc(32, 8) },
      ...{ clock: thisMachine.clock, newId: () => '', registry: new (await import('prom-client')).Registry() },
    }).publicKey;
    await expect(textOf(client(url, wrong).send(PATH, chat(true)))).rejects.toThrow('not the gateway');
  });
});

describe('the gateway', () => {
  test('refuses a request that was changed or cut, and sends nothing of it to an upstream', async () => {
    const { url, client, received } = await start();
    for (const change of [(body: Buffer) => flipped(body, 40), (body: Buffer) => body.subarray(0, -10)]) {
      const middle = await between(url, (body, of) => (of === 'request' ? change(body) : body));
      await expect(textOf(client(middle.url).send(PATH, chat(true)))).rejects.toThrow(/^400 .*encrypted_body_invalid/);
    }
    expect(received).toEqual([]);
  });

  test('refuses sessions that have ended, are another caller’s, or none', () => {
    const sessions = new Sessions(SECRET);
    const key = Buffer.alloc(32, 3);
    const name = sessions.name(key, 1000, 'one', Buffer.from('a'));
    expect(sessions.keyOf(name, 'one', 999)).toEqual(key);
    expect(sessions.keyOf(name, 'one', 1000)).toBeUndefined();
    expect(sessions.keyOf(name, 'two', 999)).toBeUndefined();
    expect(new Sessions(Buffer.alloc(32, 9)).keyOf(name, 'one', 999)).toBeUndefined();
    const bytes = Buffer.from(name, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = flipped(bytes, bit >> 3, 1 << (bit & 7)).toString('base64url');
      expect(sessions.keyOf(changed, 'one', 999)).toBeUndefined();
    }
    for (const none of ['', 'x', name.slice(1)]) expect(sessions.keyOf(none, 'one', 999)).toBeUndefined();
  });

  test('serves plain requests beside, unless encryption is required', async () => {
    const plain = async (url: string, headers = {}) => {
      const response = await fetch(url + PATH, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEYS[0]}`, ...headers },
        body: JSON.stringify(chat(false)),
      });
      return { status: response.status, coding: response.headers.get('content-encoding'), text: await response.text() };
    };
    const optional = await start();
    expect(await plain(optional.url)).toMatchObject({
      status: 200,
      coding: null,
      text: expect.stringContaining('Grüße'),
    });
    // A weight of 0 refuses it, and blanks cost nothing: 100 headers of 14 KB took 7 s.
    const refusing = await plain(optional.url, { 'accept-encoding': `gzip, ${CODING} ; q=0` });
    expect([refusing.status, refusing.coding]).toEqual([200, null]);
    const blank = Array.from({ length: 100 }, () =>
      plain(optional.url, { 'accept-encoding': `a${' '.repeat(14_000)}b` }),
    );
    const startedMs = thisMachine.clock.nowMs();
    expect(new Set((await Promise.all(blank)).map(({ status }) => status))).toEqual(new Set([200]));
    expect(thisMachine.clock.nowMs() - startedMs).toBeLessThan(3500);
    const unnamed = await plain(optional.url, { 'accept-encoding': CODING });
    expect([unnamed.status, JSON.parse(unnamed.text).error.code]).toEqual([400, 'encryption_session_invalid']);
    const required = await start({ required: true });
    const refused = await plain(required.url);
    expect([refused.status, JSON.parse(refused.text).error.code]).toEqual([415, 'encryption_required']);
    expect(await textOf(required.client().send(PATH, chat(false)))).toContain('Grüße');
  });

  test.each([
    ['no key', { headers: {} }, 401, /API key/],
    ['no JSON', { body: '{' }, 400, /not valid JSON/],
    [
      'a short point',
      { body: '{"publicKey":"04","ephemeral":"04"}' },
      400,
      /`publicKey`: expected an uncompressed point/,
    ],
    [
      'no point of the curve',
      { body: JSON.stringify({ publicKey: `04${'11'.repeat(64)}`, ephemeral: `04${'11'.repeat(64)}` }) },
      400,
      /points of the curve/,
    ],
  ])('agrees on no key with %s, and says why', async (_, init, status, message) => {
    const { url } = await start();
    const headers = { authorization: `Bearer ${KEYS[0]}` };
    const response = await fetch(`${url}/v1/key-agreement`, { method: 'POST', headers, body: '{}', ...init });
    expect(response.status).toBe(status);
    expect(((await response.json()) as { error: { message: string } }).error.message).toMatch(message);
  });
});

function flipped(bytes: Buffer, at: number, mask = 1): Buffer {
  const changed = Buffer.from(bytes);
  changed[at]! ^= mask;
  return changed;
}
