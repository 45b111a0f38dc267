import { z } from 'zod';
import type { Probe } from '../../harness/contracts.ts';
import { linkFault } from '../fault.ts';
import { lookUntil, PROBE_PATH } from '../probe.ts';
import { connectToxiproxy } from '../toxiproxy/client.ts';

const PROBES = 3;
/** Maximum delay of a probe beyond the fault's own before something else must be slowing it down. */
const SLACK_MS = 250;

/**
 * Delays data on a link by `latencyMs` ± `jitterMs`, uniform per chunk, order kept, in one direction.
 *
 * ```
 * client ──── link ───▶ server        upstream
 *        ◀── link + latency ──        downstream (default)
 * ```
 *
 * It has taken effect when three probes on new connections take at least `latencyMs − jitterMs` and, as an upper bound that tells it from
 * an overloaded server, their median is at most the previous one plus `latencyMs + jitterMs` plus 250 ms; it has recovered when their
 * median is at most the previous one plus half of `latencyMs − jitterMs`, or 20 ms.
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
    const probe = async (signal: AbortSignal) => {
      const seen: Probe[] = [];
      while (seen.length < PROBES) seen.push(await stack.probe(link, PROBE_PATH, signal));
      const tookMs = seen.map(({ ttfbMs }) => ttfbMs);
      const sorted = tookMs.toSorted((a, b) => a - b);
      const words = `${PROBES} probes across ${link.name} took ${tookMs.map(Math.round).join(', ')} ms`;
      return { sentMs: seen[0]!.sentMs, minMs: sorted[0]!, medianMs: sorted[Math.floor(PROBES / 2)]!, words };
    };
    return {
      async inject(signal) {
        beforeMs = (await probe(signal)).medianMs;
        await toxiproxy.addToxic(link.name, { kind: 'latency', name: toxic, stream, latencyMs, jitterMs }, signal);
      },
      verifyEffect: signal =>
        lookUntil(clock, signal, async () => {
          const seen = await probe(signal).catch(() => undefined);
          const maxMs = beforeMs + latencyMs + jitterMs + SLACK_MS;
          if (!seen || seen.minMs < latencyMs - jitterMs || seen.medianMs > maxMs) return undefined;
          return { atMs: seen.sentMs, evidence: `${seen.words}, ${Math.round(beforeMs)} ms before` };
        }),
      heal: signal => toxiproxy.removeToxic(link.name, toxic, signal),
      verifyHealed: signal =>
        lookUntil(clock, signal, async () => {
          const seen = await probe(signal).catch(() => undefined);
          const maxMs = Math.max(beforeMs + (latencyMs - jitterMs) / 2, 20);
          return seen && seen.medianMs <= maxMs ? { atMs: seen.sentMs, evidence: `${seen.words} again` } : undefined;
        }),
    };
  },
});
