import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { noNginx, type RunningEdge, startEdge } from './fixtures/running-edge.ts';
import { startUpstream } from './fixtures/upstream.ts';

/** Client that sends `first`, then one byte every 100 ms if it `drips`, and reads nothing if it is `deaf`. */
interface SlowClient {
  readonly first: string;
  readonly drips?: boolean;
  readonly deaf?: boolean;
}

const WATCH_MS = 2500;

/** Time until the edge closes the client's connection, in ms; undefined if still open after {@link WATCH_MS}. */
function closedAfterMs(
  edge: RunningEdge,
  { first, drips = false, deaf = false }: SlowClient,
): Promise<number | undefined> {
  const startMs = systemClock.nowMs();
  const socket = connect(edge.httpPort, '127.0.0.1', () => socket.write(first));
  const dripping = setInterval(() => drips && socket.write('a'), 100);
  if (deaf) socket.pause();
  else socket.resume();
  return new Promise(resolve => {
    const end = (openMs: number | undefined) => {
      clearInterval(dripping);
      clearTimeout(watching);
      clearInterval(polling);
      socket.destroy();
      resolve(openMs);
    };
    const watching = setTimeout(() => end(undefined), WATCH_MS);
    // A client that does not read does not notice the close, but the edge logs it.
    const polling = setInterval(async () => {
      if (deaf && (await edge.log()).length > 0) end(systemClock.nowMs() - startMs);
    }, 10);
    socket.on('error', () => end(systemClock.nowMs() - startMs));
    socket.on('close', () => end(systemClock.nowMs() - startMs));
  });
}

const HEADER = 'POST / HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 1000\r\n';
const KINDS: readonly { kind: string; option: string; client: SlowClient }[] = [
  {
    kind: 'client that drips its header',
    option: 'headerMs',
    client: { first: 'GET / HTTP/1.1\r\nX-Slow: ', drips: true },
  },
  { kind: 'client that stops sending its body', option: 'bodyMs', client: { first: `${HEADER}\r\nabc` } },
  {
    kind: 'client that stops reading',
    option: 'sendMs',
    client: { first: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', deaf: true },
  },
];

describe.skipIf(noNginx)(`slow HTTP ${noNginx || ''}`, () => {
  it.each(KINDS)(
    'closes the connection of a $kind after $option, and only with timeouts on',
    async ({ option, client }) => {
      // More than all socket buffers on the way can hold, so that a stalled reader blocks the edge.
      await using upstream = await startUpstream((request, response) => {
        request.resume();
        response.end(Buffer.alloc(32_000_000));
      });
      await using strict = await startEdge({ timeouts: { [option]: 700 } }, [upstream.address]);
      await using lenient = await startEdge({ timeouts: 'off' }, [upstream.address]);
      const [strictMs, lenientMs] = await Promise.all([closedAfterMs(strict, client), closedAfterMs(lenient, client)]);
      expect(strictMs).toBeGreaterThan(600);
      expect(strictMs).toBeLessThan(2000);
      expect(lenientMs).toBeUndefined();
    },
  );

  it('does not proxy a dripping body, but cannot bound its total duration', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ timeouts: { bodyMs: 700 } }, [upstream.address]);
    expect(await closedAfterMs(edge, { first: `${HEADER}\r\n`, drips: true })).toBeUndefined();
    expect(upstream.received).toHaveLength(0);
  });
});
