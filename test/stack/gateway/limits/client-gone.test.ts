import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test, vi } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { startInside } from '../fixtures/gateway-inside.ts';

// The body is read after the store of limits has decided. A client that goes meanwhile emits no event that its reader could hear, and
// where bodies have no deadlines nothing else ends the request.
test.each([
  ['before its body was complete', '{"model":'],
  ['after its body was complete', '{"model":"m"}'],
])('a client that leaves while its limit is decided, %s, does not stay in flight', async (_, body) => {
  const asked = Promise.withResolvers<void>();
  const decided = Promise.withResolvers<void>();
  const shared = {
    open: () => {},
    reconnect: () => {},
    close: () => {},
    take: async (names: readonly string[]) => {
      if (names[0] !== 'probe') {
        asked.resolve();
        await decided.promise;
      }
      return { allowed: true, levels: [1] };
    },
  };
  const limits = { global: { perSecond: 100 }, redis: { url: 'redis://127.0.0.1:1', timeoutMs: 20_000 } };
  const connections = { bodyMs: 'off', minBodyBytesPerSecond: 'off' } as const;
  await using gateway = await startInside(
    { upstreams: [{ name: 'one', url: 'http://127.0.0.1:9' }], limits, connections },
    systemClock,
    shared,
  );
  const gauge = async (name: string) =>
    new RegExp(`^${name} (\\d+)`, 'm').exec(await (await fetch(`${gateway.url}/metrics`)).text())?.[1];
  const inFlight = () => gauge('gateway_requests_in_flight');
  await vi.waitFor(async () => expect(await gauge('gateway_limits_redis_up')).toBe('1'), 5000);

  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  const head = 'POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json';
  socket.write(`${head}\r\nContent-Length: 13\r\n\r\n${body}`);
  await asked.promise;
  expect(await inFlight()).toBe('1');
  socket.destroy();
  await once(socket, 'close');
  // The gateway sees the end before it hears from the store.
  await fetch(`${gateway.url}/healthz`);
  decided.resolve();
  await vi.waitFor(async () => expect(await inFlight()).toBe('0'), 2000);
});
