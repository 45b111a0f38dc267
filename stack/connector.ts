import { buildConnector } from 'undici';
import type { Machine } from '../harness/host/network.ts';

/** Connector of undici that connects over a machine's network within `limitMs`; TLS, which only real servers speak, as undici does. */
export function connectorOver({ clock, network }: Machine, limitMs: number): buildConnector.connector {
  const connectTls = buildConnector({ timeout: Math.ceil(limitMs) });
  return (options, done) => {
    if (options.protocol === 'https:') return connectTls(options, done);
    const { hostname, port } = options;
    const socket = network.connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80), noDelay: true });
    const late = new Error(`No connection to ${hostname}:${port} within ${limitMs} ms`);
    const unlimit = clock.after(limitMs, () => socket.destroy(late));
    const failed = (error: Error) => {
      unlimit();
      done(error, null);
    };
    socket.once('error', failed).once('connect', () => {
      unlimit();
      socket.off('error', failed);
      done(null, socket);
    });
  };
}
