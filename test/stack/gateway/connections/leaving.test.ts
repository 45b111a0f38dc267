import { afterAll, beforeAll, expect, test } from 'vitest';
import { type GatewayProcess, startGateway } from '../fixtures/gateway-process.ts';
import { chatText, rawClient } from '../fixtures/raw-client.ts';
import { hangs, type ScriptedUpstream, startUpstream } from '../fixtures/scripted-upstream.ts';

let upstream: ScriptedUpstream;
let gateway: GatewayProcess;
beforeAll(async () => {
  upstream = await startUpstream(hangs);
  const connections = { exempt: ['127.0.0.0/8'] };
  gateway = await startGateway({ upstreams: [{ name: 'a', url: upstream.url }], connections });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const CONNECT = 'CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n';
const HALF = 'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n';

// A reset reaches the gateway before, while or after it reads what was sent: of forty of a kind at least one comes amid its work.
test.each([
  ['CONNECT', CONNECT],
  ['CONNECT behind a request in progress', chatText() + CONNECT],
  ['no HTTP', 'hello\r\n\r\n'],
  ['an expectation', `${HALF}expect: tea\r\n\r\n`],
  ['too many headers', `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(120)}\r\n`],
  ['a path that is none', `${HALF.replace('/v1', '/v2')}\r\n`],
  ['half a head', HALF],
  ['half a body', `${HALF}\r\n{"m`],
  ['a request in progress', chatText()],
])('outlives clients that reset their connection after %s', async (_, text) => {
  for (let nth = 0; nth < 40; nth += 1) {
    using client = rawClient(gateway);
    await new Promise(resolve => client.socket.write(text, resolve));
    client.socket.resetAndDestroy();
  }
  expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
  expect(gateway.stderr()).toBe('');
});
