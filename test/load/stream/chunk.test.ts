import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { thisMachine } from '../../../harness/host/network.ts';
import { dataOfWholeChunk } from '../../../load/stream/wire/chunk.ts';
import { Connection } from '../../../load/stream/wire/connection.ts';
import { NOT_HTTP } from '../../../load/stream/wire/failure.ts';

/** What the chunk holds; null if the bytes are not one. What follows `text` in the buffer is left from an earlier read. */
function dataOf(text: string): string | null {
  const bytes = Buffer.from(`${text}\r\n0\r\nleft over`, 'latin1');
  const begin = dataOfWholeChunk(bytes, text.length);
  return begin === 0 ? null : bytes.toString('latin1', begin, text.length - 2);
}

describe('the data of a whole chunk', () => {
  const long = 'x'.repeat(0xffe0);
  it.each<[string, string, string | null]>([
    ['a chunk', '2\r\nhi\r\n', 'hi'],
    ['digits in either case and with zeros before', `00aB\r\n${'x'.repeat(0xab)}\r\n`, 'x'.repeat(0xab)],
    ['the longest that one read holds', `ffe0\r\n${long}\r\n`, long],
    ['line ends inside', '5\r\n\r\na\r\n\r\n', '\r\na\r\n'],
    ['the last chunk', '0\r\n\r\n', null],
    ['an extension', '2;a=b\r\nhi\r\n', null],
    ['half a chunk', '5\r\nhi\r\n', null],
    ['no line end after it', '2\r\nhi', null],
    ['something else after it', '2\r\nhixx', null],
    ['line ends of one byte', '2\nhi\n', null],
    ['two chunks', '2\r\nhi\r\n1\r\n!\r\n', null],
    ['no length', '\r\nhi\r\n', null],
    ['what is no digit', 'g\r\nhi\r\n', null],
    ['a sign', '+2\r\nhi\r\n', null],
    ['more digits than a read can need', '000002\r\nhi\r\n', null],
    ['nothing', '', null],
  ])('%s', (_name, text, expected) => {
    expect(dataOf(text)).toBe(expected);
  });
});

/** The body that a client reads from pieces which it receives one by one. */
async function bodyOf(pieces: readonly string[]): Promise<string> {
  const server = createServer({ noDelay: true }, socket => {
    socket.on('error', () => {});
    socket.once('data', async () => {
      for (const piece of ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', ...pieces]) {
        socket.write(piece);
        await sleep(5);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connection = new Connection({
    addresses: ['127.0.0.1'],
    port,
    tls: null,
    connectTimeoutMs: 1000,
    machine: thisMachine,
  });
  let body = '';
  try {
    return await new Promise((resolve, reject) => {
      connection.send('GET / HTTP/1.1\r\n\r\n', false, {
        onSent() {},
        onHead() {},
        onData(bytes) {
          body += bytes.toString();
        },
        onEnd: () => resolve(body),
        onError: reject,
      });
    });
  } finally {
    connection.destroy();
    server.close();
  }
}

describe('a body in chunks', () => {
  it.each<[string, string[], string]>([
    ['a chunk a read', ['2\r\nhi\r\n', '3\r\nyou\r\n', '0\r\n\r\n'], 'hiyou'],
    [
      'a length cut where the rest looks like a chunk',
      ['1', '2\r\nhi\r\n', `${'x'.repeat(14)}\r\n`, '0\r\n\r\n'],
      `hi\r\n${'x'.repeat(14)}`,
    ],
    [
      'data cut where the rest looks like a chunk',
      ['a\r\nabc', '2\r\nhi\r\n', '\r\n1\r\n!\r\n0\r\n\r\n'],
      'abc2\r\nhi\r\n!',
    ],
    [
      'a line end cut where the rest looks like a chunk',
      ['2\r\nhi\r', '\n1\r\n!\r\n', '1\r\n?\r\n', '0\r\n\r\n'],
      'hi!?',
    ],
  ])('%s', async (_name, pieces, expected) => {
    expect(await bodyOf(pieces)).toBe(expected);
  });

  it('refuses what is no chunk after whole ones', async () => {
    await expect(bodyOf(['2\r\nhi\r\n', 'zz\r\nhi\r\n0\r\n\r\n'])).rejects.toMatchObject({ code: NOT_HTTP });
  });
});
