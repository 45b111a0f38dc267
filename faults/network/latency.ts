import { z } from 'zod';
import type { Observation, Probe } from '../../harness/contracts.ts';
import { linkFault } from '../fault.ts';
import { lookUntil, PROBE_PATH } from '../probe.ts';
import { toxiproxyOf } from '../toxiproxy/client.ts';
import { LOOKS_IN_NOISE, PROBES_OF_SOME, SLACK_MS, toxicKeys } from './toxic-fault.ts';
import { isPlausible, probesToMiss } from './toxicity.ts';

/** Times to first byte of {@link PROBES} probes. */
interface Probes {
  readonly sentMs: number;
  readonly minMs: number;
  readonly medianMs: number;
  readonly maxMs: number;
  readonly words: string;
}

const PROBES = 3;

/**
 * Delays data on a link by `latencyMs` ± `jitterMs`, uniform per chunk, order kept, in one direction.
 *
 * ```
 * client ──── link ───▶ server        upstream
 *        ◀── link + latency ──        downstream (default)
 * ```
 *
 * It has taken effect when three probes on new connections take at least `latencyMs − jitterMs`, and at least half of that more than the
 * fastest before, since a slow server takes long by itself; their median is at most the previous one plus `latencyMs + jitterMs` plus
 * 250 ms, which tells it from an overloaded server. Where the probes before differed by more than half of `latencyMs`, two such looks in
 * a row are required. It has recovered when their median is at most the previous one plus half of `latencyMs − jitterMs`, or 20 ms.
 * Of a toxicity below 1, as many of 20 probes at once as chance gives must be within these bounds, see {@link isPlausible}.
 */
export const fault = linkFault({
  kind: 'latency',
  summary: 'Adds latency with jitter to one direction of a link.',
  parameters: z
    .object({
      latencyMs: z.number().min(1).max(60_000),
      jitterMs: z.number().min(0).default(0),
      ...toxicKeys,
    })
    .refine(({ latencyMs, jitterMs }) => jitterMs <= latencyMs, {
      // As a scenario file names them.
      path: ['jitter'],
      message: 'expected at most `latency`, for a delay cannot be negative',
    }),
  selfHealing: false,
  create({ latencyMs, jitterMs, stream, toxicity }, link, { stack, clock }) {
    const toxiproxy = toxiproxyOf(stack, clock);
    const toxic = `latency-${stream}`;
    const leastMs = latencyMs - jitterMs;
    let before: Probes = { sentMs: 0, minMs: 0, medianMs: 0, maxMs: 0, words: '' };
    let slowest: Probes | undefined;
    /** Looks in a row that show the effect. */
    let looks: Probes[] = [];
    const leastSlowMs = () => Math.max(leastMs, before.minMs + leastMs / 2);
    const mostSlowMs = () => before.medianMs + latencyMs + jitterMs + SLACK_MS;
    const mostHealedMs = () => Math.max(before.medianMs + leastMs / 2, 20);
    const isNoisy = ({ minMs, maxMs }: Probes) => maxMs - minMs >= latencyMs / 2;
    const probe = async (signal: AbortSignal): Promise<Probes> => {
      // At once: one after the other, delays of seconds would add up beyond every limit.
      const all = Array.from({ length: PROBES }, () => stack.probe(link, PROBE_PATH, signal));
      const seen: readonly Probe[] = await Promise.all(all);
      const tookMs = seen.map(({ ttfbMs }) => ttfbMs);
      const sorted = tookMs.toSorted((a, b) => a - b);
      const words = `${PROBES} probes across ${link.name} took ${tookMs.map(Math.round).join(', ')} ms`;
      const [minMs, medianMs, maxMs] = [sorted[0]!, sorted[Math.floor(PROBES / 2)]!, sorted.at(-1)!];
      return { sentMs: seen[0]!.sentMs, minMs, medianMs, maxMs, words };
    };
    const manyProbes = (total: number, signal: AbortSignal): Promise<number[]> => {
      const probing = Array.from({ length: total }, () => stack.probe(link, PROBE_PATH, signal));
      return Promise.all(probing.map(one => one.then(({ ttfbMs }) => ttfbMs).catch(() => Number.POSITIVE_INFINITY)));
    };
    const count = { hit: 0, missed: 0 };
    const effectOnSome = async (signal: AbortSignal): Promise<Observation | undefined> => {
      const atMs = clock.nowMs();
      const tookMs = await manyProbes(PROBES_OF_SOME, signal);
      count.hit += tookMs.filter(ms => ms >= leastSlowMs() && ms <= mostSlowMs()).length;
      count.missed += tookMs.filter(ms => ms <= mostHealedMs()).length;
      if (!isPlausible(count.hit, count.missed, toxicity)) return undefined;
      const words = `${count.hit} of ${count.hit + count.missed} probes across ${link.name}`;
      return {
        atMs,
        evidence: `${words} took ${Math.round(leastMs)} ms or more, ${Math.round(before.medianMs)} ms before`,
      };
    };
    return {
      effectDelayMs: LOOKS_IN_NOISE * (latencyMs + jitterMs),
      async inject(signal) {
        before = await probe(signal);
        // A moment of noise is not the target's own.
        if (isNoisy(before)) {
          const again = await probe(signal);
          if (!isNoisy(again)) before = again;
        }
        await toxiproxy.addToxic(
          link.name,
          { kind: 'latency', name: toxic, stream, toxicity, latencyMs, jitterMs },
          signal,
        );
      },
      verifyEffect: signal =>
        lookUntil(clock, signal, async () => {
          if (toxicity < 1) return effectOnSome(signal);
          const seen = await probe(signal).catch(() => undefined);
          if (seen && seen.maxMs > (slowest?.maxMs ?? -1)) slowest = seen;
          if (!seen || seen.minMs < leastSlowMs() || seen.medianMs > mostSlowMs()) {
            looks = [];
            return undefined;
          }
          looks.push(seen);
          if (looks.length < (isNoisy(before) ? LOOKS_IN_NOISE : 1)) return undefined;
          return { atMs: looks[0]!.sentMs, evidence: `${seen.words}, ${Math.round(before.medianMs)} ms before` };
        }),
      noise() {
        if (!slowest) return undefined;
        const isTooSlow = slowest.medianMs > mostSlowMs();
        const varies = isNoisy({ ...slowest, maxMs: slowest.maxMs - 2 * jitterMs });
        if (!isNoisy(before) && !varies && !isTooSlow) return undefined;
        const [from, to] = [before.minMs, before.maxMs].map(Math.round);
        return `${slowest.words}, and ${from} to ${to} ms before, where the fault adds ${latencyMs} ± ${jitterMs} ms`;
      },
      heal: signal => toxiproxy.removeToxic(link.name, toxic, signal),
      verifyHealed: signal =>
        lookUntil(clock, signal, async () => {
          if (toxicity < 1 && !(await manyProbes(probesToMiss(toxicity), signal)).every(ms => ms <= mostHealedMs()))
            return undefined;
          const seen = await probe(signal).catch(() => undefined);
          return seen && seen.medianMs <= mostHealedMs()
            ? { atMs: seen.sentMs, evidence: `${seen.words} again` }
            : undefined;
        }),
    };
  },
});
