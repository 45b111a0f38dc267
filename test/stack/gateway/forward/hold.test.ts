import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { startInside } from '../fixtures/gateway-inside.ts';
import { metric } from '../fixtures/gateway-process.ts';
import {
  chunkOf,
  DONE,
  EVENT_STREAM,
  type RawUpstream,
  ROLE,
  STOP,
  startRawUpstream,
  TOKEN,
} from '../fixtures/raw-upstream.ts';

interface Timed {
  readonly text: string;
  readonly headMs: number;
  readonly endMs: number;
  readonly complete: boolean;
}

/** Sends a streamed request, and reads its response to the end. */
function readStream(url: string): Promise<Timed> {
  const startMs = performance.now();
  const sinceMs = () => performance.now() - startMs;
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/v1/chat/completions`, { method: 'POST' }, response => {
      const headMs = sinceMs();
      let text = '';
      response.on('data', chunk => {
        text += String(chunk);
      });
      response.on('error', () => {});
      response.on('close', () => resolve({ text, headMs, endMs: sinceMs(), complete: response.complete }));
    });
    sent.on('error', reject);
    sent.end('{"model":"tiny","stream":true,"messages":[{"role":"user","content":"hi"}]}');
  });
}

/** Streams these parts, one every `gapMs`. */
const paced =
  (parts: readonly string[], gapMs: number): RawUpstream['behaviour'] =>
  async socket => {
    socket.write(EVENT_STREAM);
    for (const part of parts) {
      await sleep(gapMs);
      socket.write(chunkOf(part));
    }
    if (parts.at(-1) === DONE) socket.write('0\r\n\r\n');
  };
const PING = ': ping\n\n';
const only = ({ url }: RawUpstream) => ({ upstreams: [{ name: 'u0', url }], retries: 0 });

test('head, comments and role are held back until the first token, and then relayed byte for byte', async () => {
  const parts = [PING, PING, ROLE, 'event: ping\ndata: {"type":"ping"}\n\n', TOKEN, PING, TOKEN, STOP, DONE];
  await using upstream = await startRawUpstream(paced(parts, 40));
  await using gateway = await startInside(only(upstream), systemClock);
  const { text, headMs, endMs, complete } = await readStream(gateway.url);
  expect([text, complete]).toEqual([parts.join(''), true]);
  // The first token comes after 5 × 40 ms, and four more parts after it.
  expect(headMs).toBeGreaterThan(190);
  expect(endMs - headMs).toBeGreaterThan(100);
  expect(await metric(gateway, 'gateway_held_chunks_total')).toBe(4);
});

test.each([
  ['bytes', { maxBytes: 20, maxMs: 60_000 }, 1000],
  ['time', { maxBytes: 65_536, maxMs: 100 }, 1000],
] as const)('what is held back is bounded: %s', async (limit, hold, mostMs) => {
  const parts = [...Array<string>(12).fill(PING), TOKEN, DONE];
  await using upstream = await startRawUpstream(paced(parts, 100));
  await using gateway = await startInside({ ...only(upstream), hold }, systemClock);
  const { text, headMs, endMs } = await readStream(gateway.url);
  expect(text).toBe(parts.join(''));
  expect(headMs).toBeLessThan(mostMs);
  expect(endMs).toBeGreaterThan(1200);
  expect(await metric(gateway, 'gateway_hold_limits_total', `limit="${limit}"`)).toBe(1);
});

test('comments and events without output keep no stream alive: the bound runs from token to token', async () => {
  const idle = [PING, STOP, 'event: ping\ndata: {}\n\n'];
  await using upstream = await startRawUpstream(paced([ROLE, TOKEN, ...Array(20).fill(idle).flat()], 50));
  await using gateway = await startInside({ ...only(upstream), timeouts: { idleMs: 400 } }, systemClock);
  const { text, headMs, endMs, complete } = await readStream(gateway.url);
  expect(text).toContain('"code":"upstream_idle_timeout"');
  expect(complete).toBe(false);
  // 400 ms from the token, at most a quarter more, and some time for a busy machine.
  expect(endMs - headMs).toBeGreaterThan(380);
  expect(endMs - headMs).toBeLessThan(900);
});

test('tokens keep it alive, however long it takes', async () => {
  const parts = [ROLE, ...Array<string>(8).fill(PING + TOKEN), DONE];
  await using upstream = await startRawUpstream(paced(parts, 150));
  await using gateway = await startInside({ ...only(upstream), timeouts: { idleMs: 400 } }, systemClock);
  expect(await readStream(gateway.url)).toMatchObject({ text: parts.join(''), complete: true });
});

test('the wait for a first token is bounded, goes elsewhere, and counts against the upstream', async () => {
  await using zombie = await startRawUpstream(paced(Array<string>(100).fill(PING), 50));
  await using serving = await startRawUpstream(paced([ROLE, TOKEN, DONE], 5));
  const upstreams = [zombie, serving].map(({ url }, index) => ({ name: `u${index}`, url }));
  const config = { upstreams, balancer: 'round-robin', ejection: { consecutiveFailures: 2 } } as const;
  await using gateway = await startInside({ ...config, timeouts: { firstTokenMs: 300 } }, systemClock);
  const responses = await Promise.all(Array.from({ length: 4 }, () => readStream(gateway.url)));
  for (const { text, complete } of responses) expect([text, complete]).toEqual([ROLE + TOKEN + DONE, true]);
  expect(Math.max(...responses.map(({ headMs }) => headMs))).toBeGreaterThan(290);
  expect(await metric(gateway, 'gateway_retries_total', 'reason="first-token-timeout"')).toBe(2);
  expect(await metric(gateway, 'gateway_ejections_total', 'upstream="u0",reason="first-token-timeout"')).toBe(1);
});
