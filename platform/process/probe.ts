import { get } from 'node:http';
import { connect } from 'node:net';
import type { Clock } from '../../harness/clock.ts';
import type { Link, Probe, Protocol, Replica } from '../../harness/contracts.ts';

/** Asks `address` (`host:port`) once; resolves with the first byte of whatever it says. */
type Ask = (address: string, path: string, signal: AbortSignal) => Promise<void>;

/** A harmless question in each protocol. Any answer will do: an HTTP status, a Redis error about a missing password. */
const QUESTIONS: Readonly<Record<Protocol, Ask>> = {
  http: (address, path, signal) =>
    new Promise((resolve, reject) => {
      get(`http://${address}${path}`, { agent: false, signal }, response => {
        response.on('error', () => {}).resume();
        resolve();
      }).on('error', reject);
    }),
  redis: (address, _path, signal) =>
    new Promise((resolve, reject) => {
      const { hostname: host, port } = new URL(`redis://${address}`);
      const socket = connect({ host, port: Number(port), signal });
      socket.on('connect', () => socket.write('PING\r\n'));
      socket.once('data', () => {
        resolve();
        socket.destroy();
      });
      socket.on('error', reject);
      socket.on('close', () => reject(new Error(`${address} closed the connection without an answer`)));
    }),
};

/**
 * Asks a link or a replica in its protocol on a connection of its own, so that neither keep-alive nor another fault's old
 * connection answers for it. Any answer counts.
 * @throws when nothing answers: refused, reset, or the signal's reason on abort
 */
export async function probeOver(
  target: Link | Replica,
  path: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<Probe> {
  const { protocol, host } =
    'listen' in target ? { protocol: target.protocol, host: target.listen } : readUrl(target.url);
  const sentMs = clock.nowMs();
  await QUESTIONS[protocol](host, path, signal);
  return { sentMs, ttfbMs: clock.nowMs() - sentMs };
}

function readUrl(url: string): { readonly protocol: Protocol; readonly host: string } {
  const { protocol, host } = new URL(url);
  return { protocol: protocol.slice(0, -1) as Protocol, host };
}
