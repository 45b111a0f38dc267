import { z } from 'zod';
import type { Probe } from '../../harness/contracts.ts';
import { linkFault } from '../fault.ts';
import { median, probes } from '../probe.ts';
import { connectToxiproxy } from '../toxiproxy/client.ts';

const PROBES = 3;
const PROBE_PATH = '/healthz';
/** How much slower than its share of the fault a probe may be before something else must be slowing it. */
const SLACK_MS = 250;

/**
 * Delays what flows across a link by `latencyMs` ± `jitterMs`, uniform per chunk, order kept, in one direction.
 *
 * ```
 * client ──── link ───▶ server        upstream
 *        ◀── link + latency ──        downstream (default)
 * ```
 *
 * It bites when three probes on fresh connections take at least `latencyMs − jitterMs` and, as an upper bound that tells
 * it from an overloaded server, their median at most what it was before plus `latencyMs + jitterMs` plus 250 ms.
 */
export const fault = linkFault({
  kind: 'latency',
  summary: 'Adds latency with jitter to one direction of a link.',
  parameters: z
    .object({
      latencyMs: z.number().min(1).max(60_000),
      jitterMs: z.number().min(0).default(0),
      stream: z.enum(['downstream', 'upstream']).default('downstream'),
    })
    .refine(({ latencyMs, jitterMs }) => jitterMs <= latencyMs, {
      // As a scenario file names them.
      path: ['jitter'],
      message: 'expected at most `latency`, for a delay cannot be negative',
    }),
  selfHealing: false,
  create({ latencyMs, jitterMs, stream }, link, { stack, clock }) {
    const toxiproxy = connectToxiproxy({ apiUrl: stack.proxyApiUrl });
    const toxic = `latency-${stream}`;
    let beforeMs = 0;
    const probeUntil = async (accept: (seen: readonly Probe[]) => boolean, signal: AbortSignal) => {
      for (;;) {
        signal.throwIfAborted();
        const seen = await probes(PROBES, stack, link, PROBE_PATH, signal).catch(() => []);
        if (seen.length > 0 && accept(seen))
          return { atMs: seen[0]!.sentMs, seenMs: seen.map(s => Math.round(s.ttfbMs)) };
        await clock.sleep(50, signal);
      }
    };
    return {
      async inject(signal) {
        beforeMs = median((await probes(PROBES, stack, link, PROBE_PATH, signal)).map(p => p.ttfbMs));
        await toxiproxy.addToxic(link.name, { kind: 'latency', name: toxic, stream, latencyMs, jitterMs }, signal);
      },
      async verifyEffect(signal) {
        const floorMs = latencyMs - jitterMs;
        const ceilingMs = beforeMs + latencyMs + jitterMs + SLACK_MS;
        const { atMs, seenMs } = await probeUntil(
          seen => seen.every(p => p.ttfbMs >= floorMs) && median(seen.map(p => p.ttfbMs)) <= ceilingMs,
          signal,
        );
        return {
          atMs,
          evidence: `${PROBES} probes across ${link.name} took ${seenMs.join(', ')} ms, ${Math.round(beforeMs)} ms before`,
        };
      },
      heal: signal => toxiproxy.removeToxic(link.name, toxic, signal),
      async verifyHealed(signal) {
        const limitMs = beforeMs + (latencyMs - jitterMs) / 2;
        const { atMs, seenMs } = await probeUntil(
          seen => median(seen.map(p => p.ttfbMs)) <= Math.max(limitMs, 20),
          signal,
        );
        return { atMs, evidence: `${PROBES} probes across ${link.name} took ${seenMs.join(', ')} ms again` };
      },
    };
  },
});
