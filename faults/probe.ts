import { get } from 'node:http';
import { connect } from 'node:net';
import type { Clock } from '../harness/clock.ts';
import type { Protocol } from '../harness/contracts.ts';

/** One question on a fresh connection: when it was sent, and its time to first byte in ms. */
export interface Probe {
  readonly sentMs: number;
  readonly ttfbMs: number;
}

/** Asks `address` (`host:port`) once; resolves with the first byte of whatever it says. */
type Ask = (address: string, signal: AbortSignal) => Promise<void>;

/** A harmless question in each protocol. Any answer will do: an HTTP status, a Redis error about a missing password. */
const QUESTIONS: Readonly<Record<Protocol, Ask>> = {
  http: (address, signal) =>
    new Promise((resolve, reject) => {
      get(`http://${address}/healthz`, { agent: false, signal }, response => {
        response.resume();
        resolve();
      }).on('error', reject);
    }),
  redis: (address, signal) =>
    new Promise((resolve, reject) => {
      const at = address.lastIndexOf(':');
      const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)), signal });
      socket.on('connect', () => socket.write('PING\r\n'));
      socket.once('data', () => {
        socket.destroy();
        resolve();
      });
      socket.on('error', reject);
      socket.on('close', () => reject(new Error(`${address} closed the connection without an answer`)));
    }),
};

/**
 * Asks whatever speaks `protocol` on `address` (`host:port`) on a connection of its own, so that neither keep-alive nor another
 * fault's old connection answers for it.
 * @throws when nothing answers: refused, reset, or the signal's reason on abort
 */
export async function probe(protocol: Protocol, address: string, clock: Clock, signal: AbortSignal): Promise<Probe> {
  const sentMs = clock.nowMs();
  await QUESTIONS[protocol](address, signal);
  return { sentMs, ttfbMs: clock.nowMs() - sentMs };
}

/** Sends `count` probes one after another. */
export async function probes(count: number, ...probing: Parameters<typeof probe>): Promise<Probe[]> {
  const results: Probe[] = [];
  while (results.length < count) results.push(await probe(...probing));
  return results;
}

/** The middle value; of two middle ones the upper. `values` must not be empty. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
