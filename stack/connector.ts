import type { ConnectionOptions } from 'node:tls';
import type { buildConnector } from 'undici';
import { tlsNameOf } from '../harness/host/client-tls.ts';
import type { Machine } from '../harness/host/network.ts';

/**
 * Connector of undici that connects over a machine's network within `limitMs`, of the handshake too.
 * @param tls of `https:` origins. @default for the name of the origin
 */
export function connectorOver(
  { clock, network }: Machine,
  limitMs: number,
  tls?: ConnectionOptions,
): buildConnector.connector {
  return ({ protocol, hostname, port }, done) => {
    const isTls = protocol === 'https:';
    const host = hostname.replace(/^\[|\]$/g, '');
    const endpoint = { host, port: Number(port || (isTls ? 443 : 80)), noDelay: true };
    const socket = isTls
      ? network.connectTls(endpoint, { ALPNProtocols: ['http/1.1'], ...(tls ?? tlsNameOf(host)) })
      : network.connect(endpoint);
    const late = new Error(`No connection to ${hostname}:${port} within ${limitMs} ms`);
    const unlimit = clock.after(limitMs, () => socket.destroy(late));
    const failed = (error: Error) => {
      unlimit();
      done(error, null);
    };
    socket.once('error', failed).once(isTls ? 'secureConnect' : 'connect', () => {
      unlimit();
      socket.off('error', failed);
      done(null, socket);
    });
  };
}
