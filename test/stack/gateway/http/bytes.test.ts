import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { startInside } from '../fixtures/gateway-inside.ts';
import { chunkOf, DONE, STOP, TOKEN } from '../fixtures/raw-upstream.ts';

/** Latin-1, UTF-8, and neither, as the bytes that they are. */
const BYTES = 'caf\xe9 caf\xc3\xa9 \x80\xff';
const BODY = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }] });
const DOCUMENT = '{"choices":[{"message":{"content":"gr\xc3\xbc\xc3\x9f \xff"},"finish_reason":"stop"}]}';

const received: string[] = [];
let response = '';
const upstream = createServer(socket => {
  let text = '';
  socket
    .on('error', () => {})
    .on('data', chunk => {
      text += chunk.toString('latin1');
      if (!text.endsWith(BODY)) return;
      received.push(text);
      text = '';
      socket.write(response, 'latin1');
    });
});
let gateway: Awaited<ReturnType<typeof startInside>>;

beforeAll(async () => {
  await once(upstream.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  gateway = await startInside({ upstreams: [{ name: 'a', url }], retries: 0, models: ['m'] }, systemClock);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  upstream.close();
});

/** Sends bytes (as Latin-1) on a connection of its own; resolves with all bytes that come back. */
async function exchange(head: string, body = ''): Promise<string> {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  const length = body === '' ? '' : `content-length: ${body.length}\r\n`;
  socket.write(`${head}\r\n${length}connection: close\r\n\r\n${body}`, 'latin1');
  let text = '';
  for await (const chunk of socket) text += chunk.toString('latin1');
  return text;
}
const chat = (target = '/v1/chat/completions', headers = '') =>
  exchange(`POST ${target} HTTP/1.1\r\nhost: a${headers}`, BODY);

test.each([
  ['with its length', `HTTP/1.1 200 OK\r\nx-bytes: ${BYTES}\r\ncontent-length: ${DOCUMENT.length}\r\n\r\n${DOCUMENT}`],
  [
    'in chunks',
    `HTTP/1.1 200 OK\r\nx-bytes: ${BYTES}\r\ntransfer-encoding: chunked\r\n\r\n${DOCUMENT.length.toString(16)}\r\n${DOCUMENT}\r\n0\r\n\r\n`,
  ],
  [
    'that is an error',
    `HTTP/1.1 400 Bad Request\r\nx-bytes: ${BYTES}\r\ncontent-length: ${DOCUMENT.length}\r\n\r\n${DOCUMENT}`,
  ],
])('header bytes beyond ASCII of a response %s, and its body, arrive as they were sent', async (_, bytes) => {
  response = bytes;
  const text = await chat();
  expect(text).toContain(`\r\nx-bytes: ${BYTES}\r\n`);
  expect(text).toContain(DOCUMENT);
});

test('so do those of a stream and of its trailers, but for fields that belong in no trailer', async () => {
  const events = [TOKEN, STOP, DONE].map(chunkOf).join('');
  response = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-bytes: ${BYTES}\r\ntrailer: x-end\r\ntransfer-encoding: chunked\r\n\r\n${events}0\r\nx-end: ${BYTES}\r\ncontent-type: text/html\r\nset-cookie: a=b\r\n\r\n`;
  const text = await chat();
  expect(text.split('\r\n')).toEqual(expect.arrayContaining([`x-bytes: ${BYTES}`, 'trailer: x-end']));
  expect(text.slice(-60)).toMatch(new RegExp(`\\r\\n0\\r\\nx-end: ${BYTES}\\r\\n\\r\\n$`));
  const old = await exchange(`POST /v1/chat/completions HTTP/1.0`, BODY);
  expect(old, 'no chunks before HTTP/1.1, and no trailers').not.toMatch(/chunked|x-end/);
});

test('header bytes of a request arrive as they were sent, and so does its query', async () => {
  response = `HTTP/1.1 200 OK\r\ncontent-length: ${DOCUMENT.length}\r\n\r\n${DOCUMENT}`;
  const trace = 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const query = '?api-version=1&q=%E9%c3%A9%2F+/?&&=#'.slice(0, -1);
  await chat(`/v1/chat/completions${query}`, `\r\naccept: ${BYTES}\r\n${trace}\r\ntracestate: a=${BYTES}`);
  const sent = received.at(-1)!.split('\r\n');
  expect(sent[0]).toBe(`POST /v1/chat/completions${query} HTTP/1.1`);
  expect(sent).toEqual(expect.arrayContaining([`accept: ${BYTES}`, `tracestate: a=${BYTES}`]));
});

test.each([
  ['GET http://any.example/v1/models HTTP/1.1\r\nhost: other.example', '200 OK'],
  ['GET HTTPS://any.example:1/v1/models?x=1 HTTP/1.1\r\nhost: other.example', '200 OK'],
  ['GET http://any.example HTTP/1.1\r\nhost: any.example', '404 Not Found'],
  ['GET http://evil.example/metrics HTTP/1.1\r\nhost: 127.0.0.1', '403 Forbidden'],
  ['GET http://127.0.0.1/metrics HTTP/1.1\r\nhost: evil.example', '200 OK'],
  ['GET /metrics HTTP/1.1\r\nhost: evil.example', '403 Forbidden'],
  ['GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\norigin: http://evil.example', '403 Forbidden'],
  ['OPTIONS * HTTP/1.1\r\nhost: a', '204 No Content'],
  ['OPTIONS http://any.example HTTP/1.1\r\nhost: a', '204 No Content'],
  ['GET * HTTP/1.1\r\nhost: a', '400 Bad Request'],
  ['GET ftp://a/v1/models HTTP/1.1\r\nhost: a', '400 Bad Request'],
  ['GET http://user@a/v1/models HTTP/1.1\r\nhost: a', '400 Bad Request'],
  ['GET http:///v1/models HTTP/1.1\r\nhost: a', '400 Bad Request'],
  // No URI holds bytes beyond ASCII; percent-encoded, they pass.
  ['GET /v1/models?\xe9 HTTP/1.1\r\nhost: a', '400 Bad Request'],
  ['CONNECT a.example:443 HTTP/1.1\r\nhost: a.example:443', '405 Method Not Allowed'],
])('%j gets %s', async (head, status) => {
  const text = await exchange(head);
  expect(text.slice('HTTP/1.1 '.length, text.indexOf('\r\n'))).toBe(status);
  if (/^[45]/.test(status)) expect(JSON.parse(text.split('\r\n\r\n')[1]!).error.type).toBe('invalid_request_error');
});

test('an absolute target is forwarded as a path', async () => {
  response = `HTTP/1.1 200 OK\r\ncontent-length: ${DOCUMENT.length}\r\n\r\n${DOCUMENT}`;
  expect(await chat('http://any.example/v1/chat/completions?a')).toContain(DOCUMENT);
  expect(received.at(-1)).toMatch(/^POST \/v1\/chat\/completions\?a HTTP\/1\.1\r\nhost: 127\.0\.0\.1:/);
});
