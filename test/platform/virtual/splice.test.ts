import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Network } from '../../../harness/host/network.ts';
import { seededRandom } from '../../../harness/random.ts';
import { VirtualTime } from '../../../harness/virtual/virtual-time.ts';
import { VirtualInternet } from '../../../platform/virtual/net/network.ts';
import { open } from './socket-stage.ts';

/** Two connections, and a program between them that passes on what it is told. */
async function relayed(test: (parts: Parts) => Promise<void>): Promise<void> {
  const time = new VirtualTime();
  const internet = new VirtualInternet(time, seededRandom(1));
  const networkOf = (nth: number) => internet.networkOf(internet.addHost(`${nth}`, `10.0.0.${nth}`));
  const [client, middle, server] = [networkOf(1), networkOf(2), networkOf(3)];
  const sleep = (ms: number) => new Promise<void>(resolve => void time.after(ms, resolve));
  const script = async () => {
    const near = await open({ client, server: middle, host: '10.0.0.2', sleep });
    const far = await open({ client: middle, server, host: '10.0.0.3', sleep });
    const [from, to] = [near.server, far.client];
    let seen = 0;
    from.on('data', chunk => {
      seen += chunk.length;
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    const parts = { time, sleep, splice: () => middle.splice!(from, to), seen: () => seen };
    await test({ ...parts, source: near.client, from, to, sink: far.server });
  };
  await time.run(script(), () => internet.describe());
}

interface Parts {
  readonly time: VirtualTime;
  readonly sleep: (ms: number) => Promise<void>;
  readonly splice: () => ReturnType<NonNullable<Network['splice']>>;
  /** Bytes that the program in the middle was told. */
  readonly seen: () => number;
  readonly source: Socket;
  readonly from: Socket;
  readonly to: Socket;
  readonly sink: Socket;
}

describe('spliced virtual sockets', () => {
  it('pass bytes on past the program, as late as through it, and count them', async () => {
    const latencyMs: number[] = [];
    for (const isSpliced of [false, true])
      await relayed(async ({ time, sleep, splice, seen, source, from, to, sink }) => {
        // A reader's first chunk goes to its program.
        source.write('?');
        await sleep(10);
        if (isSpliced) splice();
        const sentMs = time.nowMs();
        sink.once('data', () => latencyMs.push(time.nowMs() - sentMs));
        source.write('hello');
        await sleep(10);
        expect([seen(), from.bytesRead, to.bytesWritten, sink.bytesRead]).toEqual([isSpliced ? 1 : 6, 6, 6, 6]);
      });
    // Two hops of 0.3 to 0.4 ms each; the draws of the network are the same in both.
    expect(latencyMs[0]).toBeGreaterThan(0.6);
    expect(latencyMs[0]).toBeLessThan(0.8);
    expect(latencyMs[1]).toBeCloseTo(latencyMs[0]!, 2);
  });

  it('lose and reorder nothing while the splice comes and goes, and a slow reader slows the writer down', async () => {
    await relayed(async ({ sleep, splice, seen, source, sink }) => {
      const random = seededRandom(7);
      const received: Buffer[] = [];
      const isEnded = new Promise(resolve => sink.on('end', resolve));
      sink.on('data', chunk => received.push(chunk));
      const sent = Array.from({ length: 400 }, (_, nth) => Buffer.alloc(1 + Math.floor(40_000 * random.next()), nth));
      let end = splice();
      let isHeld = false;
      for (const [nth, chunk] of sent.entries()) {
        isHeld = !source.write(chunk) || isHeld;
        if (nth % 7 === 0) end();
        if (nth % 7 === 3) end = splice();
        if (nth % 100 === 50) sink.pause();
        if (nth % 100 === 99) sink.resume();
        await sleep(random.next());
      }
      source.end();
      await isEnded;
      expect(Buffer.concat(received).equals(Buffer.concat(sent))).toBe(true);
      expect(seen()).toBeGreaterThan(100_000);
      expect(seen()).toBeLessThan(0.8 * Buffer.concat(sent).length);
      expect(isHeld).toBe(true);
    });
  });
});
