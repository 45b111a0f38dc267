import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { noNginx, type RunningEdge, startEdge } from './fixtures/running-edge.ts';
import { startUpstream } from './fixtures/upstream.ts';

/** A client that sends `first`, then one more byte each 100 ms if it `drips`, and reads nothing if it is `deaf`. */
interface SlowClient {
  readonly first: string;
  readonly drips?: boolean;
  readonly deaf?: boolean;
}

const WATCH_MS = 2500;

/** How long the edge bears with a client, in ms; `undefined` when it still does after {@link WATCH_MS}. */
function patience(edge: RunningEdge, { first, drips = false, deaf = false }: SlowClient): Promise<number | undefined> {
  const startMs = systemClock.nowMs();
  const socket = connect(edge.httpPort, '127.0.0.1', () => socket.write(first));
  const dripping = setInterval(() => drips && socket.write('a'), 100);
  if (deaf) socket.pause();
  else socket.resume();
  return new Promise(resolve => {
    const end = (heldMs: number | undefined) => {
      clearInterval(dripping);
      clearTimeout(watching);
      clearInterval(looking);
      socket.destroy();
      resolve(heldMs);
    };
    const watching = setTimeout(() => end(undefined), WATCH_MS);
    // A client that does not read sees no end either, but the edge logs it.
    const looking = setInterval(async () => {
      if (deaf && (await edge.log()).length > 0) end(systemClock.nowMs() - startMs);
    }, 10);
    socket.on('error', () => end(systemClock.nowMs() - startMs));
    socket.on('close', () => end(systemClock.nowMs() - startMs));
  });
}

const HEADER = 'POST / HTTP/1.1\r\nHost: edge.test\r\nContent-Length: 1000\r\n';
const KINDS: readonly { kind: string; option: string; client: SlowClient }[] = [
  { kind: 'dripping header', option: 'headerMs', client: { first: 'GET / HTTP/1.1\r\nX-Slow: ', drips: true } },
  { kind: 'body that stops', option: 'bodyMs', client: { first: `${HEADER}\r\nabc` } },
  { kind: 'reader that stops', option: 'sendMs', client: { first: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', deaf: true } },
];

describe.skipIf(noNginx)(`slow HTTP ${noNginx || ''}`, () => {
  it.each(KINDS)('evicts a $kind near the time of $option, and bears with it without', async ({ option, client }) => {
    // More than the sockets on the way can hold, so that a reader who stops is felt.
    await using upstream = await startUpstream((request, response) => {
      request.resume();
      response.end(Buffer.alloc(32_000_000));
    });
    await using strict = await startEdge({ timeouts: { [option]: 700 } }, [upstream.address]);
    await using lenient = await startEdge({ timeouts: 'off' }, [upstream.address]);
    const [held, bore] = await Promise.all([patience(strict, client), patience(lenient, client)]);
    expect(held).toBeGreaterThan(600);
    expect(held).toBeLessThan(2000);
    expect(bore).toBeUndefined();
  });

  it('does not let a dripping body reach an upstream, but cannot bound its whole length', async () => {
    await using upstream = await startUpstream();
    await using edge = await startEdge({ timeouts: { bodyMs: 700 } }, [upstream.address]);
    expect(await patience(edge, { first: `${HEADER}\r\n`, drips: true })).toBeUndefined();
    expect(upstream.seen).toHaveLength(0);
  });
});
