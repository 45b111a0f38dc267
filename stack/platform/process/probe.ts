import { get } from 'node:http';
import type { Clock } from '../../../harness/clock.ts';
import type { Link, Probe, Replica } from '../../../harness/contracts.ts';

/**
 * Sends `GET path` to a link or a replica on a connection of its own, so that neither keep-alive nor another fault's old
 * connection answers for it. Any HTTP status counts as an answer.
 * @throws when nothing answers: refused, reset, or the signal's reason on abort
 */
export function probeOver(target: Link | Replica, path: string, clock: Clock, signal: AbortSignal): Promise<Probe> {
  const base = 'listen' in target ? `http://${target.listen}` : target.url;
  const sentMs = clock.nowMs();
  return new Promise((resolve, reject) => {
    get(base + path, { agent: false, signal }, response => {
      response.resume();
      resolve({ sentMs, ttfbMs: clock.nowMs() - sentMs });
    }).on('error', reject);
  });
}
