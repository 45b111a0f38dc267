import { setTimeout as sleepReal } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemNetwork } from '../../../harness/host/network.ts';
import { seededRandom } from '../../../harness/random.ts';
import { VirtualTime } from '../../../harness/virtual/virtual-time.ts';
import { VirtualInternet } from '../../../platform/virtual/net/network.ts';
import { scripts } from './socket-scripts.ts';
import { open, type Stage, transcript } from './socket-stage.ts';

async function overTcp(script: (stage: Stage) => Promise<unknown>): Promise<unknown> {
  return script({ client: systemNetwork, server: systemNetwork, host: '127.0.0.1', sleep: ms => sleepReal(ms) });
}

function virtualStage(seed = 1) {
  const time = new VirtualTime();
  const internet = new VirtualInternet(time, seededRandom(seed));
  const [client, server] = [internet.addHost('client', '10.0.0.1'), internet.addHost('server', '10.0.0.2')];
  const sleep = (ms: number) => new Promise<void>(resolve => void time.after(ms, resolve));
  const stage: Stage = {
    client: internet.networkOf(client),
    server: internet.networkOf(server),
    host: '10.0.0.2',
    sleep,
  };
  return { time, internet, client, server, stage };
}

async function inMemory(script: (stage: Stage) => Promise<unknown>): Promise<unknown> {
  const { time, internet, stage } = virtualStage();
  return time.run(script(stage), () => internet.describe());
}

describe('a virtual socket behaves as one of the machine', () => {
  it.each(Object.keys(scripts))('%s', async name => {
    const script = scripts[name]!;
    expect(await inMemory(script)).toEqual(await overTcp(script));
  });
});

describe('between virtual hosts', () => {
  /** Times, in ms, at which the bytes 1, 2, 3 … sent every 100 ms arrive. */
  async function arrivals(change: (world: ReturnType<typeof virtualStage>) => void, count = 30): Promise<number[]> {
    const world = virtualStage();
    const { time, internet, stage } = world;
    const script = async () => {
      const { client, server } = await open(stage);
      const startMs = time.nowMs();
      const at: number[] = [];
      server.on('data', chunk => at.push(...[...chunk].map(() => time.nowMs() - startMs)));
      for (const socket of [client, server]) socket.on('error', () => {});
      time.after(1000, () => change(world));
      for (let sent = 0; sent < count; sent += 1) {
        client.write('x');
        await stage.sleep(100);
      }
      await stage.sleep(5000);
      return at;
    };
    return time.run(script(), () => internet.describe());
  }

  it('a black hole holds bytes back until they are sent again, and loses none', async () => {
    const at = await arrivals(({ internet, time }) => {
      internet.setPath('10.0.0.1', '10.0.0.2', { mode: 'drop' });
      time.after(1000, () => internet.setPath('10.0.0.1', '10.0.0.2', { mode: 'open' }));
    });
    expect(at).toHaveLength(30);
    expect(at.filter(ms => ms > 1000.6 && ms < 2000)).toEqual([]);
    // Sent at 1 s, again after 0.2, 0.6, 1.4 s: the first attempt after the path is open.
    expect(at.filter(ms => ms >= 2000)[0]).toBeGreaterThan(2399);
    expect(at.filter(ms => ms >= 2000)[0]).toBeLessThan(2402);
  });

  it('a path that resets ends its connections with ECONNRESET on both sides', async () => {
    const { time, internet, stage } = virtualStage();
    const script = async () => {
      const { client, server, told } = await open(stage);
      internet.setPath('10.0.0.1', '10.0.0.2', { mode: 'reset' });
      client.write('x');
      await stage.sleep(10);
      const again = stage.client.connect({ host: '10.0.0.2', port: client.remotePort! });
      const toldAgain = transcript(again);
      await stage.sleep(10);
      return [told, toldAgain, server.destroyed];
    };
    const reset = ['error ECONNRESET read', 'close true'];
    expect(await time.run(script())).toEqual([
      { client: ['connect', 'ready', ...reset], server: reset },
      ['error ECONNREFUSED connect', 'close true'],
      true,
    ]);
  });

  it('bandwidth, delay and loss cost what they should', async () => {
    const transferMs = (settings: object) => {
      const { time, internet, stage } = virtualStage();
      internet.setPath('10.0.0.1', '10.0.0.2', { jitterMs: 0, ...settings });
      const script = async () => {
        const { client, server } = await open(stage);
        const startMs = time.nowMs();
        client.end(Buffer.alloc(100_000));
        await new Promise(resolve => server.on('data', () => {}).on('end', resolve));
        return time.nowMs() - startMs;
      };
      return time.run(script());
    };
    expect(await transferMs({ delayMs: 5 })).toBeCloseTo(5, 2);
    expect(await transferMs({ delayMs: 5, bytesPerMs: 100 })).toBeCloseTo(1005, 2);
    expect(await transferMs({ delayMs: 5, lossRatio: 1 })).toBeCloseTo(205, 2);
  });

  it('a killed host refuses, and its peers see the end; a frozen one accepts and stays silent', async () => {
    const { time, internet, client: clientHost, server: serverHost, stage } = virtualStage();
    const script = async () => {
      const killed = await open(stage);
      const port = killed.client.remotePort!;
      serverHost.freeze();
      const frozen = stage.client.connect({ host: '10.0.0.2', port });
      const frozenTold = transcript(frozen);
      let accepted = 0;
      killed.listening.on('connection', () => {
        accepted += 1;
      });
      await stage.sleep(100);
      const whileFrozen = [...frozenTold, accepted];
      serverHost.thaw();
      await stage.sleep(10);
      const afterThaw = accepted;
      serverHost.kill();
      await stage.sleep(10);
      const refused = transcript(stage.client.connect({ host: '10.0.0.2', port }));
      await stage.sleep(10);
      return { whileFrozen, afterThaw, client: killed.told.client, server: killed.told.server, refused };
    };
    expect(await time.run(script())).toEqual({
      whileFrozen: ['connect', 'ready', 0],
      afterThaw: 1,
      client: ['connect', 'ready', 'end', 'finish', 'close false'],
      server: [],
      refused: ['error ECONNREFUSED connect', 'close true'],
    });
    expect(clientHost.state).toBe('running');
    expect(internet.describe()).toHaveLength(1);
  });

  it.each([
    ['frozen', true],
    ['with one on its way', false],
  ])('a program that dies %s resets the connections that it has not accepted', async (_, isFrozen) => {
    const { time, internet, server: serverHost, stage } = virtualStage();
    const script = async () => {
      const { client, listening } = await open(stage);
      listening.on('connection', () => {});
      if (isFrozen) serverHost.freeze();
      const waiting = stage.client.connect({ host: '10.0.0.2', port: client.remotePort! });
      const told = transcript(waiting);
      // One way is 0.4 to 0.5 ms: the program of the other end learns of it after three of them.
      await stage.sleep(isFrozen ? 100 : 0.6);
      serverHost.kill();
      await stage.sleep(10);
      return [told, internet.halfOpen()];
    };
    expect(await time.run(script())).toEqual([['connect', 'ready', 'error ECONNRESET read', 'close true'], []]);
  });

  it('a port is used by one connection at a time, and again once it is free', async () => {
    const { time, client: host, stage } = virtualStage();
    const script = async () => {
      const { client } = await open(stage);
      const used = new Set([client.localPort, ...Array.from({ length: 32_767 }, () => host.takePort())]);
      const { localPort } = client;
      client.destroy();
      return [used.size, host.takePort() === localPort];
    };
    expect(await time.run(script())).toEqual([32_768, true]);
  });

  it('one seed gives the same bytes at the same instants, another seed others', async () => {
    const run = (seed: number) => {
      const { time, stage } = virtualStage(seed);
      const script = async () => {
        const { client, server } = await open(stage);
        const at: number[] = [];
        server.on('data', () => at.push(time.nowMs()));
        for (let sent = 0; sent < 50; sent += 1) {
          client.write('x');
          await stage.sleep(1);
        }
        await stage.sleep(10);
        return at.join();
      };
      return time.run(script());
    };
    const [first, second, other] = [await run(1), await run(1), await run(2)];
    expect(second).toBe(first);
    expect(other).not.toBe(first);
  });
});
