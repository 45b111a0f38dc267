import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { systemNetwork } from '../../../harness/host/network.ts';
import { redisClient } from '../../../stack/redis/connector.ts';

test('connections that fail at once, as without a route, are heard of, and tried again', async () => {
  const listeners: number[] = [];
  const network = {
    ...systemNetwork,
    connect: () => {
      const socket = new Socket();
      // As `net.connect` to an IP address does it.
      process.nextTick(() => {
        listeners.push(socket.listenerCount('error'));
        socket.destroy(new Error('connect ENETUNREACH'));
      });
      return socket;
    },
  };
  const redis = redisClient('redis://10.0.0.1', network, { keyPrefix: '', scripts: {} });
  redis.connect().catch(() => {});
  // One attempt every 100 ms.
  await systemClock.sleep(350);
  redis.disconnect();
  expect(listeners.length).toBeGreaterThan(1);
  expect(Math.min(...listeners)).toBeGreaterThan(0);
});
