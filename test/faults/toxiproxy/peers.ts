import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connectToxiproxy, type ToxiproxyClient } from '../../../faults/toxiproxy/client.ts';

/** A TCP upstream made of one function per connection. */
export interface Upstream extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly address: string;
  /** Every connection that it has accepted. */
  readonly sockets: readonly Socket[];
}

/** Listens on a free port of 127.0.0.1 and hands each connection (half-open allowed) to `serve`. */
export async function startUpstream(serve: (socket: Socket) => void): Promise<Upstream> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    sockets.push(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Sends everything back, and its end. */
export const echo = (socket: Socket) => void socket.pipe(socket);

/** Sends 200 bytes every 5 ms for as long as the other side listens. */
export function talk(socket: Socket): void {
  const timer = setInterval(() => socket.write('x'.repeat(200)), 5);
  socket.on('close', () => clearInterval(timer));
}

let named = 0;

/** A fresh proxy to `upstream`: its address and its unique name. */
export async function openProxy(client: ToxiproxyClient, upstream: string) {
  named += 1;
  return client.createProxy({ name: `gateway→peer-${named}`, listen: '127.0.0.1:0', upstream });
}

/** A client of the API with a limit that suits a busy machine. */
export function clientOf(apiUrl: string): ToxiproxyClient {
  return connectToxiproxy({ apiUrl, timeoutMs: 8000 });
}

/** Connects to `host:port`; an 'error' is left to the `close` that follows it. */
export async function dial(address: string): Promise<Socket> {
  const [host, port] = address.split(':');
  const socket = connect({ host: host!, port: Number(port), allowHalfOpen: true, noDelay: true });
  const failed = new Promise((_, reject) => socket.once('error', reject));
  failed.catch(() => {});
  socket.on('error', () => {});
  await Promise.race([once(socket, 'connect'), failed]);
  return socket;
}

/** Sends `text` and resolves to the ms until that many bytes came back, or rejects when the socket closes before. */
export async function roundTripMs(socket: Socket, text = 'ping'): Promise<number> {
  const startMs = performance.now();
  socket.write(text);
  await readBytes(socket, text.length);
  return performance.now() - startMs;
}

/** Resolves once `count` more bytes have arrived. */
export function readBytes(socket: Socket, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = count;
    const onData = (chunk: Buffer) => {
      left -= chunk.byteLength;
      if (left > 0) return;
      stop();
      resolve();
    };
    const onClose = () => {
      stop();
      reject(new Error(`closed with ${left} bytes to come`));
    };
    const stop = () => void socket.off('data', onData).off('close', onClose).off('end', onClose);
    socket.on('data', onData).on('close', onClose).on('end', onClose);
  });
}

/** Resolves with how the socket ended: `reset` (ECONNRESET), `end` (FIN), or `open` after `limitMs`. */
export function endingOf(socket: Socket, limitMs: number): Promise<'reset' | 'end' | 'open'> {
  if (socket.readableEnded || socket.destroyed) return Promise.resolve('end');
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve('open'), limitMs);
    const finish = (how: 'reset' | 'end') => {
      clearTimeout(timer);
      resolve(how);
    };
    socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code === 'ECONNRESET' ? 'reset' : 'end'));
    socket.once('end', () => finish('end'));
    socket.once('close', () => finish('end'));
    socket.resume();
  });
}
