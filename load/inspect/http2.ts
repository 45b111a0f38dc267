import type { Network } from '../../harness/host/network.ts';
import { isHttp2Frame } from '../stream/wire/failure.ts';

/** Connection preface of a client and its empty SETTINGS frame (RFC 9113, section 3.4). */
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
const LIMIT_MS = 1000;

/** Whether a server without TLS answers a client that begins with HTTP/2. Sends no request. @throws the signal's reason on abort */
export async function welcomesHttp2(url: string, network: Network, signal: AbortSignal): Promise<boolean> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'http:') return false;
  signal.throwIfAborted();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = network.connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) });
  const no = () => resolve(false);
  socket
    .setTimeout(LIMIT_MS, no)
    .on('error', no)
    .on('close', no)
    .on('connect', () => socket.write(PREFACE));
  socket.once('data', bytes => resolve(isHttp2Frame(bytes)));
  signal.addEventListener('abort', no, { once: true });
  try {
    return await promise;
  } finally {
    socket.destroy();
    signal.throwIfAborted();
  }
}
