import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { thisMachine } from '../../../harness/host/network.ts';
import type { ConnectionUse } from '../../../harness/plan.ts';
import { Connection } from '../../../load/stream/wire/connection.ts';
import { type ConnectionUser, openConnections } from '../../../load/stream/wire/connections.ts';
import { CONNECTION_ENDED, NOT_HTTP } from '../../../load/stream/wire/failure.ts';
import { requestText } from '../../../load/stream/wire/request-text.ts';

const REQUEST = { method: 'GET', path: '/', headers: {}, body: '' };

/** A server that answers each request with these bytes, piece by piece. */
async function scripted(answer: (socket: Socket, request: number) => Promise<void>) {
  let requests = 0;
  const server = createServer({ noDelay: true }, socket => {
    socket.on('error', () => {});
    socket.on('data', () => void answer(socket, requests++));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

interface Answer {
  readonly statuses: number[];
  readonly body: string;
  readonly type: string | undefined;
  readonly error: string | undefined;
}

function ask(connection: Connection, isHead = false): Promise<Answer> {
  const statuses: number[] = [];
  let body = '';
  let type: string | undefined;
  return new Promise(resolve => {
    connection.send(requestText({ ...REQUEST, method: isHead ? 'HEAD' : 'GET' }, '', 'here'), isHead, {
      onSent() {},
      onHead(status, header) {
        statuses.push(status);
        type = header('content-type');
      },
      onData(bytes) {
        body += bytes.toString();
      },
      onEnd: () => resolve({ statuses, body, type, error: undefined }),
      onError: error => resolve({ statuses, body, type, error: String((error as NodeJS.ErrnoException).code) }),
    });
  });
}

const connectTo = (port: number) =>
  new Connection({ addresses: ['127.0.0.1'], port, tls: null, connectTimeoutMs: 1000, machine: thisMachine });

interface Case {
  readonly bytes: string;
  readonly thenCloses?: boolean;
  readonly isHead?: boolean;
  readonly body?: string;
  readonly status?: number;
  readonly error?: string;
  readonly isReusable: boolean;
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n';
const cases: Record<string, Case> = {
  'a length': { bytes: `${OK}content-length: 2\r\n\r\nhi`, body: 'hi', isReusable: true },
  'no body': { bytes: 'HTTP/1.1 204 No Content\r\n\r\n', status: 204, body: '', isReusable: true },
  'chunks, an extension and a trailer': {
    bytes: `${OK}transfer-encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n1\r\n!\r\n0\r\nx-sum: 1\r\n\r\n`,
    body: 'hi!',
    isReusable: true,
  },
  'an end that is the end of the connection': {
    bytes: `${OK}\r\nhi`,
    thenCloses: true,
    body: 'hi',
    isReusable: false,
  },
  'something informational before': {
    bytes: `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${OK}content-length: 2\r\n\r\nhi`,
    body: 'hi',
    isReusable: true,
  },
  'the length of what HEAD does not send': {
    bytes: `${OK}content-length: 20\r\n\r\n`,
    isHead: true,
    body: '',
    isReusable: true,
  },
  'the wish to close': {
    bytes: `${OK}connection: close\r\ncontent-length: 2\r\n\r\nhi`,
    body: 'hi',
    isReusable: false,
  },
  'HTTP/1.0': { bytes: 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi', body: 'hi', isReusable: false },
  'less than its length': {
    bytes: `${OK}content-length: 5\r\n\r\nhi`,
    thenCloses: true,
    error: CONNECTION_ENDED,
    isReusable: false,
  },
  'half a chunk': {
    bytes: `${OK}transfer-encoding: chunked\r\n\r\n5\r\nhi`,
    thenCloses: true,
    error: CONNECTION_ENDED,
    isReusable: false,
  },
  nothing: { bytes: '', thenCloses: true, error: CONNECTION_ENDED, isReusable: false },
  'another protocol': { bytes: 'SSH-2.0-OpenSSH_9.2\r\n', error: NOT_HTTP, isReusable: false },
  'a chunk without a length': {
    bytes: `${OK}transfer-encoding: chunked\r\n\r\nzz\r\nhi\r\n0\r\n\r\n`,
    error: NOT_HTTP,
    isReusable: false,
  },
  'a length that is no number': { bytes: `${OK}content-length: many\r\n\r\nhi`, error: NOT_HTTP, isReusable: false },
  'a protocol that nobody asked for': {
    bytes: 'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    error: NOT_HTTP,
    isReusable: false,
  },
  'a head without an end': {
    bytes: `${OK}x-long: ${'a'.repeat(200_000)}\r\n\r\n`,
    error: NOT_HTTP,
    isReusable: false,
  },
};

describe.each(Object.entries(cases))('an answer with %s', (_name, expected) => {
  it.each([
    ['in one piece', 1_000_000],
    ['in small pieces', expected.bytes.length > 1000 ? 1000 : 1],
  ])('%s', async (_how, size) => {
    await using server = await scripted(async socket => {
      for (let at = 0; at < expected.bytes.length; at += size) {
        socket.write(expected.bytes.slice(at, at + size));
        await nextTurn();
      }
      if (expected.thenCloses) socket.end();
    });
    const connection = connectTo(server.port);
    const answer = await ask(connection, expected.isHead);
    expect(answer.error).toBe(expected.error);
    expect(connection.isReusable).toBe(expected.isReusable);
    if (expected.body !== undefined) {
      expect(answer).toMatchObject({ body: expected.body, statuses: [expected.status ?? 200] });
      expect(connection.responses).toBe(1);
    }
    connection.destroy();
  });
});

it('serves one request after the other, until bytes come that nobody asked for', async () => {
  await using server = await scripted(async (socket, request) => {
    socket.write(`${OK}content-length: 1\r\n\r\n${request}`);
    if (request === 1) socket.write(`${OK}content-length: 1\r\n\r\nx`);
  });
  const connection = connectTo(server.port);
  expect((await ask(connection)).body).toBe('0');
  expect((await ask(connection)).body).toBe('1');
  await expect.poll(() => connection.isReusable).toBe(false);
});

it('keeps a connection shorter than the server says that it does', async () => {
  await using server = await scripted(
    async socket => void socket.write(`${OK}keep-alive: timeout=3\r\ncontent-length: 0\r\n\r\n`),
  );
  let nowMs = 0;
  const origin = `http://127.0.0.1:${server.port}`;
  const connections = openConnections({
    origin,
    connectTimeoutMs: 1000,
    machine: { ...thisMachine, clock: { ...systemClock, nowMs: () => nowMs } },
  });
  const first = connections.take();
  await ask(first);
  connections.giveBack(first);
  nowMs = 1999;
  expect(connections.take()).toBe(first);
  connections.giveBack(first);
  nowMs += 2001;
  const second = connections.take();
  expect(second).not.toBe(first);
  expect(first.isReusable).toBe(false);
});

/** What each of these requests was sent on, by the number of the connection, and which said that it was the last one. */
async function sequence(use: ConnectionUse, users: readonly (ConnectionUser | undefined)[]) {
  await using server = await scripted(
    async socket => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  );
  const origin = `http://127.0.0.1:${server.port}`;
  const connections = openConnections({
    origin,
    connectTimeoutMs: 1000,
    machine: { ...thisMachine, clock: { ...systemClock, nowMs: () => 0 } },
    use,
  });
  const seen: Connection[] = [];
  const sent: string[] = [];
  for (const user of users) {
    const connection = connections.take(user);
    if (!seen.includes(connection)) seen.push(connection);
    sent.push(`${seen.indexOf(connection)}${connection.isLast ? ' last' : ''}`);
    await ask(connection);
    connections.giveBack(connection, user);
  }
  for (const connection of seen) connection.destroy();
  return { sent, counts: connections.counts };
}

it.each<[ConnectionUse, string[]]>([
  [{ kind: 'reuse', maxRequests: null }, ['0', '0', '0', '0', '0']],
  [{ kind: 'reuse', maxRequests: 2 }, ['0', '0 last', '1', '1 last', '2']],
  [{ kind: 'fresh', maxRequests: 1 }, ['0 last', '1 last', '2 last', '3 last', '4 last']],
  // The second request is another user's; the first user leaves with the fourth, and comes back.
  [{ kind: 'per-user', maxRequests: null }, ['0', '1', '0', '0 last', '2']],
  [{ kind: 'per-user', maxRequests: 2 }, ['0', '1', '0 last', '2 last', '3']],
])('sends on connections as %j says', async (use, expected) => {
  const ann = { key: 'ann', isLast: false };
  const { sent, counts } = await sequence(use, [ann, { ...ann, key: 'bob' }, ann, { ...ann, isLast: true }, ann]);
  expect(sent).toEqual(expected);
  const opened = new Set(sent.map(text => text[0])).size;
  const most = Math.max(...[0, 1, 2].map(nth => sent.filter(text => text[0] === String(nth)).length));
  expect(counts).toEqual({ opened, addresses: { '127.0.0.1': opened }, maxRequests: most });
});

it('takes the next address where one cannot be connected to, and says which it reached', async () => {
  await using server = await scripted(
    async socket => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  );
  const attempts: string[] = [];
  const tell = (address: string, isOpen: boolean) => void attempts.push(`${address} ${isOpen}`);
  const to = (...addresses: string[]) =>
    new Connection({
      addresses,
      port: server.port,
      tls: null,
      connectTimeoutMs: 1000,
      machine: thisMachine,
      attempted: tell,
    });
  // Nobody listens at the others; there may be no IPv6 at all.
  const connection = to('127.0.0.9', '::1', '127.0.0.1');
  expect(await ask(connection)).toMatchObject({ statuses: [200], error: undefined });
  expect(connection.address).toBe('127.0.0.1');
  expect(attempts).toEqual(['127.0.0.9 false', '::1 false', '127.0.0.1 true']);
  connection.destroy();
  expect(await ask(to('127.0.0.9', '127.0.0.8'))).toMatchObject({ statuses: [], error: 'ECONNREFUSED' });
  expect(await ask(to('::1', '127.0.0.8'))).toMatchObject({ statuses: [], error: 'ECONNREFUSED' });
});

it('writes a request as the scenario says it, and its framing itself', () => {
  const task = {
    method: 'POST',
    path: '/x?y=1',
    headers: { 'Content-Type': 'text/plain', 'Content-Length': '1', Host: 'elsewhere' },
    body: 'grüß',
  };
  expect(requestText(task, '/prefix', 'here')).toBe(
    'POST /prefix/x?y=1 HTTP/1.1\r\nContent-Type: text/plain\r\nHost: elsewhere\r\ncontent-length: 6\r\nconnection: keep-alive\r\n\r\ngrüß',
  );
  expect(requestText(REQUEST, '', 'here')).toBe('GET / HTTP/1.1\r\nhost: here\r\nconnection: keep-alive\r\n\r\n');
  expect(() => requestText({ ...REQUEST, headers: { a: 'b\r\nc: d' } }, '', 'here')).toThrow(TypeError);
});
