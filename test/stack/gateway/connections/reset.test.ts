import { once } from 'node:events';
import { mkdtempDisposable } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { expect, test } from 'vitest';
import { resetConnection } from '../../../../stack/gateway/connections/reset.ts';
import { authority } from '../../edge/fixtures/running-edge.ts';

interface Sides {
  readonly server: Server;
  readonly dial: (address: AddressInfo) => Socket;
  /** Events that mark each side as ready. @default those of TCP */
  readonly ready?: readonly [server: string, client: string];
  readonly path?: string;
}

const tcp = (): Sides => ({ server: createServer(), dial: ({ port }) => connect(port, '127.0.0.1') });

/** How the client observes the end of its connection after `act` on the server side: an error code or `fin`. Both ends are closed by then. */
async function seenAfter(
  act: (socket: Socket) => void,
  { server, dial, ready: [taken, made] = ['connection', 'connect'], path }: Sides,
): Promise<string> {
  await once(server.listen(path ?? { port: 0, host: '127.0.0.1' }), 'listening');
  const accepted = once(server, taken);
  const client = dial(server.address() as AddressInfo);
  const [[socket]] = (await Promise.all([accepted, once(client, made)])) as [[Socket], unknown];
  const ended = new Promise<string>(resolve => {
    client.on('error', (error: NodeJS.ErrnoException) => resolve(error.code!)).on('end', () => resolve('fin'));
  });
  const closed = once(socket, 'close');
  client.resume();
  act(socket);
  await closed;
  server.close();
  return ended;
}

test('a TCP connection is reset', async () => {
  expect(await seenAfter(resetConnection, tcp())).toBe('ECONNRESET');
});

test('a connection that is just ending is closed', async () => {
  const endAndReset = (socket: Socket) => {
    socket.end();
    process.nextTick(resetConnection, socket);
  };
  expect(await seenAfter(endAndReset, tcp())).toBe('fin');
});

test('a connection on a Unix socket is closed', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'squall-'));
  const path = join(folder.path, 'socket');
  expect(await seenAfter(resetConnection, { server: createServer(), dial: () => connect(path), path })).toBe('fin');
});

test('a TLS session is closed', async () => {
  const { certificate: cert, key } = await authority.issue({ names: ['127.0.0.1'] });
  const server = createTlsServer({ cert, key });
  const dial = ({ port }: AddressInfo) => connectTls({ port, host: '127.0.0.1', ca: authority.certificate });
  const ready = ['secureConnection', 'secureConnect'] as const;
  expect(await seenAfter(resetConnection, { server, dial, ready })).toBe('fin');
});

test('an in-memory stream is closed', () => {
  const stream = new PassThrough();
  resetConnection(stream);
  expect(stream.destroyed).toBe(true);
});
