import { get } from 'node:http';
import type { Clock } from '../harness/clock.ts';

/** One request on a fresh connection: when it was sent, and its time to first byte in ms. */
export interface Probe {
  readonly sentMs: number;
  readonly ttfbMs: number;
}

/**
 * Sends `GET path` to `address` (`host:port`) on a connection of its own, so that neither keep-alive nor another fault's
 * old connection answers for it. Any HTTP status counts as an answer.
 * @throws when nothing answers: refused, reset, or the signal's reason on abort
 */
export function probe(address: string, path: string, clock: Clock, signal: AbortSignal): Promise<Probe> {
  const sentMs = clock.nowMs();
  return new Promise((resolve, reject) => {
    get(`http://${address}${path}`, { agent: false, signal }, response => {
      response.resume();
      resolve({ sentMs, ttfbMs: clock.nowMs() - sentMs });
    }).on('error', reject);
  });
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
