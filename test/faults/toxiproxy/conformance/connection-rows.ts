import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { endingOf } from '../peers.ts';
import type { Row } from './table.ts';
import { type Through, through } from './through.ts';

// What Shopify's tests of proxies, links and toxics see of the bytes. Times are told as inside or outside of wide bounds, since the
// machine may be busy; sizes and endings are exact.
/** Connections through a proxy of their own each, by behaviour; all of a column side by side. */
export const CONNECTIONS: readonly Row[] = [
  through('bytes: there and back', async ({ dial }) => {
    const socket = await dial();
    socket.write('hello');
    return read(socket, 5);
  }),
  through('bytes: 1 MB, whole', async ({ dial }) => {
    const socket = await dial();
    const sent = Buffer.alloc(1_000_000, 'squall');
    socket.write(sent);
    return String((await read(socket, sent.length)) === sent.toString('latin1'));
  }),
  through('bytes: two parts, in order', async ({ dial }) => {
    const socket = await dial();
    socket.write('one');
    await sleep(20);
    socket.write('two');
    return read(socket, 6);
  }),
  through('bytes: an end is passed on, and comes back', async ({ dial }) => {
    const socket = await dial();
    socket.end('last words');
    return `${await read(socket, 10)}, ${await endingOf(socket, 2000)}`;
  }),
  through(
    'bytes: nobody behind it',
    async ({ dial }) => endingOf(await dial(), 2000),
    [],
    async () => '127.0.0.1:1',
  ),
  through('bytes: disabling ends connections', async ({ dial, api }) => {
    const socket = await dial();
    socket.write('x');
    await read(socket, 1);
    const ending = endingOf(socket, 2000);
    await api('POST', '', { enabled: false });
    const refused = await dial().then(
      () => 'accepted',
      error => error.code,
    );
    return `${(await ending) === 'open' ? 'open' : 'ended'}, then ${refused}`;
  }),
  through('bytes: deleting ends connections', async ({ dial, api }) => {
    const socket = await dial();
    socket.write('x');
    await read(socket, 1);
    const ending = endingOf(socket, 2000);
    await api('DELETE', '');
    return (await ending) === 'open' ? 'open' : 'ended';
  }),
  through('bytes: another upstream ends connections', async ({ dial, api }) => {
    const socket = await dial();
    socket.write('x');
    await read(socket, 1);
    const ending = endingOf(socket, 2000);
    await api('PATCH', '', { upstream: '127.0.0.1:1' });
    return (await ending) === 'open' ? 'open' : 'ended';
  }),
  through('bytes: nothing is lost while toxics come and go', async ({ dial, api }) => {
    const socket = await dial();
    const sent = Buffer.alloc(200_000, 'abcdefg');
    const received = read(socket, sent.length);
    for (let at = 0; at < sent.length; at += 20_000) {
      socket.write(sent.subarray(at, at + 20_000));
      await api('POST', '/toxics', { type: 'latency', attributes: { latency: 5 } });
      await sleep(10);
      await api('DELETE', '/toxics/latency_downstream');
    }
    return String((await received) === sent.toString('latin1'));
  }),
  timed('latency of 100 ms', { type: 'latency', attributes: { latency: 100 } }, [95, 1500]),
  timed(
    'latency of 100 ms upstream',
    { type: 'latency', stream: 'upstream', attributes: { latency: 100 } },
    [95, 1500],
  ),
  timed('latency of 0', { type: 'latency', attributes: { latency: 0 } }, [0, 1000]),
  timed('toxicity 0', { type: 'latency', toxicity: 0, attributes: { latency: 5000 } }, [0, 3000]),
  timed('bandwidth of 500 KB/s', { type: 'bandwidth', attributes: { rate: 500 } }, [90, 1500], 50_000),
  timed(
    'slicer',
    { type: 'slicer', attributes: { average_size: 100, size_variation: 50, delay: 1000 } },
    [5, 1500],
    1000,
  ),
  through('latency twice adds up', async ({ dial }) => between(await roundTrip(await dial()), [190, 1500]), [
    { name: 'a', type: 'latency', attributes: { latency: 100 } },
    { name: 'b', type: 'latency', attributes: { latency: 100 } },
  ]),
  through('latency over 2^31 ms holds', async ({ dial }) => held(await dial()), [
    { type: 'latency', attributes: { latency: 2_147_483_648 } },
  ]),
  through('limit_data of 10 bytes', async ({ dial }) => collect(await dial(), 'x'.repeat(25)), [
    { type: 'limit_data', attributes: { bytes: 10 } },
  ]),
  through('limit_data that is not reached', async ({ dial }) => collect(await dial(), 'x'.repeat(5)), [
    { type: 'limit_data', attributes: { bytes: 10 } },
  ]),
  through('limit_data of 0', async ({ dial }) => collect(await dial(), 'x'), [{ type: 'limit_data', attributes: {} }]),
  through(
    'slow_close of 300 ms',
    async ({ dial }) => {
      const socket = await dial();
      const startMs = performance.now();
      socket.end('x');
      await endingOf(socket, 3000);
      return between(performance.now() - startMs, [295, 2000]);
    },
    [{ type: 'slow_close', attributes: { delay: 300 } }],
  ),
  through(
    'timeout of 200 ms',
    async ({ dial }) => {
      const socket = await dial();
      socket.write('x');
      const startMs = performance.now();
      const ending = await endingOf(socket, 3000);
      return `${ending} ${between(performance.now() - startMs, [150, 2000])}`;
    },
    [{ type: 'timeout', attributes: { timeout: 200 } }],
  ),
  through(
    'timeout of 0 holds; removing it closes',
    async ({ dial, api }) => {
      const socket = await dial();
      const before = await held(socket);
      const ending = endingOf(socket, 2000);
      await api('DELETE', '/toxics/timeout_downstream');
      return `${before}, then ${await ending}`;
    },
    [{ type: 'timeout', attributes: { timeout: 0 } }],
  ),
  through(
    'reset_peer resets',
    async ({ dial }) => {
      const socket = await dial();
      const ending = endingOf(socket, 2000);
      socket.write('x');
      return ending;
    },
    [{ type: 'reset_peer', attributes: { timeout: 0 } }],
  ),
  through(
    'reset_peer after 200 ms',
    async ({ dial }) => {
      const socket = await dial();
      const startMs = performance.now();
      const ending = endingOf(socket, 3000);
      socket.write('x');
      return `${await ending} ${between(performance.now() - startMs, [195, 2000])}`;
    },
    [{ type: 'reset_peer', attributes: { timeout: 200 } }],
  ),
  through('reset_peer over 2^31 ms waits', async ({ dial }) => held(await dial()), [
    { type: 'reset_peer', attributes: { timeout: 2_147_483_648 } },
  ]),
];

/** How long `bytes` take there and back, inside the bounds or not, with a toxic. */
function timed(what: string, toxic: object, bounds: readonly [number, number], bytes = 4): Row {
  const observe = async ({ dial }: Through) => between(await roundTrip(await dial(), bytes), bounds);
  return through(`${what}: ${bounds[0]} to ${bounds[1]} ms`, observe, [toxic]);
}

async function roundTrip(socket: Socket, bytes = 4): Promise<number> {
  const startMs = performance.now();
  socket.write(Buffer.alloc(bytes, 'x'));
  await read(socket, bytes);
  return performance.now() - startMs;
}

function between(ms: number, [least, most]: readonly [number, number]): string {
  return ms >= least && ms <= most ? `within ${least}…${most} ms` : `${ms.toFixed(0)} ms`;
}

/** Whether nothing comes back, and nothing ends, within 300 ms. */
async function held(socket: Socket): Promise<string> {
  let bytes = 0;
  socket.on('data', chunk => {
    bytes += chunk.length;
  });
  socket.write('x');
  const ending = await endingOf(socket, 300);
  return bytes === 0 && ending === 'open' ? 'held' : `${bytes} bytes, ${ending}`;
}

async function collect(socket: Socket, text: string): Promise<string> {
  let received = '';
  socket.on('data', chunk => {
    received += chunk;
  });
  socket.write(text);
  const ending = await endingOf(socket, 500);
  return `${received.length} bytes, ${ending}`;
}

function read(socket: Socket, count: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.length < count) return;
      socket.off('data', onData);
      resolve(text);
    };
    socket.on('data', onData);
    socket.once('close', () => reject(new Error(`closed after ${text.length} of ${count} bytes`)));
  });
}
