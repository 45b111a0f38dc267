import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { seededRandom } from '../../../harness/random.ts';
import { parseInferenceConfig } from '../../../stack/inference/config.ts';
import { inferenceServer } from '../../../stack/inference/server.ts';
import { InferenceService } from '../../../stack/inference/service.ts';

const TOKEN = 'a-token-for-tests-only';
const stop = new AbortController();
let server: Server;

beforeAll(async () => {
  const config = parseInferenceConfig('{"timeScale":1000000}');
  const service = new InferenceService(config, systemClock);
  await new Promise<void>(resolve => void service.run(stop.signal, resolve));
  const rest = {
    newId: () => 'id',
    names: ['inference-1'],
    log: () => {},
    isShuttingDown: () => false,
    isDraining: () => false,
  };
  server = inferenceServer({ config, service, clock: systemClock, random: seededRandom(1), token: TOKEN, ...rest });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterAll(() => {
  stop.abort();
  server.closeAllConnections();
  server.close();
});

/** Sends bytes (as Latin-1) on a connection of its own; resolves with all bytes that come back. */
async function exchange(head: string, body = ''): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(`${head}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`, 'latin1');
  let text = '';
  for await (const chunk of socket) text += chunk.toString('latin1');
  return text;
}
const BREAK = 'PUT /simulator/failure HTTP/1.1\r\nhost: ';

test.each([
  [`${BREAK}127.0.0.1`, 403],
  [`${BREAK}127.0.0.1\r\nauthorization: Bearer ${TOKEN}x`, 403],
  [`${BREAK}evil.example\r\nauthorization: Bearer ${TOKEN}`, 403],
  [`${BREAK}127.0.0.1\r\norigin: http://evil.example\r\nauthorization: Bearer ${TOKEN}`, 403],
  [`${BREAK}127.0.0.1\r\nauthorization: Bearer ${TOKEN}`, 400],
  ['GET /metrics HTTP/1.1\r\nhost: evil.example', 403],
  ['GET http://evil.example/metrics HTTP/1.1\r\nhost: 127.0.0.1', 403],
  ['GET http://inference-1/metrics HTTP/1.1\r\nhost: evil.example', 200],
  ['GET /metrics HTTP/1.1\r\nhost: inference-1:8000', 200],
  ['GET http://any.example/v1/models HTTP/1.1\r\nhost: any.example', 200],
])('%j gets %i', async (head, status) => {
  expect(await exchange(head, head.startsWith('PUT') ? '{"as":"tired"}' : '')).toContain(`HTTP/1.1 ${status} `);
});

test.each([true, false])('a request id beyond ASCII comes back byte for byte, streamed: %s', async stream => {
  const id = 'caf\xe9 \xc3\xa9\xff';
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'x' }], max_tokens: 1, stream });
  const text = await exchange(`POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-request-id: ${id}`, body);
  expect(text).toContain(`\r\nx-request-id: ${id}\r\n`);
  expect(text.includes('[DONE]')).toBe(stream);
});
