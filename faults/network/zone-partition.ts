import { z } from 'zod';
import type { Link } from '../../harness/contracts.ts';
import { boundaryFault } from '../fault.ts';
import { lookUntil, type Reaction, reactionOf, secondsSince } from '../probe.ts';
import { connectToxiproxy, type ProxyState } from '../toxiproxy/client.ts';

const DIRECTIONS = ['upstream', 'downstream'] as const;
const TOXIC_OF = { drop: 'timeout', reset: 'reset_peer' } as const;
/** What a probe across a cut link meets, by mode. */
const EXPECTED = { drop: 'silent', reset: 'refused' } as const;
/** Longest wait for an answer that is not to come; a partition that is shorter waits half of its time. */
const PATIENCE_MS = 1000;

/**
 * Cuts every link that crosses a boundary between zones, both ways. With `drop` packets vanish and connections hang, as behind a dead
 * router; with `reset` connections are reset, as behind a firewall that refuses.
 *
 * ```
 *  gateway-1 ══ gateway→inference-1 ══ inference-1
 *  ─────│── zone-a ────────────────────────────────
 *       ✕ gateway→inference-2
 *  ─────│── zone-b ────────────────────────────────
 *  inference-2
 * ```
 *
 * It bites when every link across that was answered before leaves a probe unanswered for a second (`drop`) or turns it away (`reset`), while,
 * as an upper bound that tells it from a dead stack, a link within a zone answers, or else the replica behind a cut link when it is
 * asked around it. It has healed when all of them answer, or react as before. Healing closes the connections across.
 */
export const fault = boundaryFault({
  kind: 'zone-partition',
  summary: 'Cuts all links between two zones (zone-a|zone-b), or between one and all others.',
  parameters: z.object({
    mode: z.enum(['drop', 'reset']).default('drop').describe('packets vanish, or connections are reset'),
  }),
  selfHealing: false,
  create({ mode }, { name, crossing, inside }, context) {
    const { stack, clock, forMs } = context;
    const toxiproxy = connectToxiproxy({ apiUrl: stack.proxyApiUrl });
    const patienceMs = Math.min(PATIENCE_MS, (forMs ?? Number.POSITIVE_INFINITY) / 2);
    const toxics = DIRECTIONS.map(stream => ({ name: `partition ${name} ${stream}`, stream }));
    const react = (links: readonly Link[], signal: AbortSignal) =>
      Promise.all(links.map(link => reactionOf(link, patienceMs, context, signal)));
    let before: readonly Reaction[] = [];
    let proxies: readonly ProxyState[] = [];
    let cutMs = 0;
    return {
      async inject(signal) {
        before = await react(crossing, signal);
        proxies = await Promise.all(crossing.map(link => toxiproxy.getProxy(link.name, signal)));
        const kind = TOXIC_OF[mode];
        const cut = ({ name: link }: Link) =>
          Promise.all(toxics.map(toxic => toxiproxy.addToxic(link, { ...toxic, kind, timeoutMs: 0 }, signal)));
        await Promise.all(crossing.map(cut));
        cutMs = clock.nowMs();
      },
      verifyEffect: signal =>
        lookUntil(
          async () => {
            const cut = crossing.filter((_, index) => before[index]?.kind === 'answered');
            const seen = await react(cut, signal);
            if (seen.length === 0 || seen.some(({ kind }) => kind !== EXPECTED[mode])) return undefined;
            const witness = inside[0] ?? stack.replicas.find(replica => replica.name === cut[0]!.to)!;
            const answer = await reactionOf(witness, patienceMs, context, signal);
            if (answer.kind !== 'answered') return undefined;
            return {
              atMs: Math.min(...seen.map(({ sentMs }) => sentMs)),
              evidence: `${cut.map(link => link.name).join(', ')} ${sayCut(mode, seen)}, ${witness.name} answers in ${Math.round(answer.tookMs)} ms`,
            };
          },
          clock,
          signal,
        ),
      async heal(signal) {
        const names = toxics.map(toxic => toxic.name);
        await Promise.all(proxies.map(proxy => toxiproxy.removeByRenewal(proxy, names, signal)));
      },
      verifyHealed: signal =>
        lookUntil(
          async () => {
            const seen = await react(crossing, signal);
            if (seen.some(({ kind }, index) => kind !== 'answered' && kind !== before[index]?.kind)) return undefined;
            const tookMs = seen.map(reaction => Math.round(reaction.tookMs)).join(', ');
            return {
              atMs: Math.min(...seen.map(({ sentMs }) => sentMs)),
              evidence: `${crossing.length} links across ${name} took ${tookMs} ms again, ${secondsSince(cutMs, clock)} after the cut`,
            };
          },
          clock,
          signal,
        ),
    };
  },
});

function sayCut(mode: 'drop' | 'reset', seen: readonly Reaction[]): string {
  if (mode === 'reset') return 'turned a probe away';
  return `left a probe unanswered for ${Math.round(Math.min(...seen.map(({ tookMs }) => tookMs)))} ms`;
}
