import { z } from 'zod';
import type { Link } from '../../harness/contracts.ts';
import { boundaryFault } from '../fault.ts';
import { lookUntil, type Reaction, reactionOf, secondsSince, silenceMs } from '../probe.ts';
import { type ProxyState, toxiproxyOf } from '../toxiproxy/client.ts';

const DIRECTIONS = ['upstream', 'downstream'] as const;
const TOXIC_OF = { drop: 'timeout', reset: 'reset_peer' } as const;
/** Reaction of a cut link to a probe. */
const EXPECTED = { drop: 'timed-out', reset: 'failed' } as const;

/**
 * Cuts every link that crosses a boundary between zones, in both directions. With `drop` packets are lost and connections hang, as behind
 * a dead router; with `reset` connections are reset, as behind a firewall that rejects them.
 *
 * ```
 *  gateway-1 ══ gateway→inference-1 ══ inference-1
 *  ─────│── zone-a ────────────────────────────────
 *       ✕ gateway→inference-2
 *  ─────│── zone-b ────────────────────────────────
 *  inference-2
 * ```
 *
 * It has taken effect when a probe of every crossing link that responded before times out after 1 s (`drop`) or is reset (`reset`), while,
 * as an upper bound that tells it from a dead stack, a link within a zone responds, or without one the replica behind a cut link when
 * probed directly; it has recovered when all of them respond, or react as before. Healing closes the crossing connections.
 */
export const fault = boundaryFault({
  kind: 'zone-partition',
  summary: 'Cuts all links between two zones (zone-a|zone-b), or between one and all others.',
  parameters: z.object({
    mode: z.enum(['drop', 'reset']).default('drop').describe('packets are lost, or connections are reset'),
  }),
  selfHealing: false,
  create({ mode }, { name, crossing, inside }, context) {
    const { stack, clock, forMs } = context;
    const toxiproxy = toxiproxyOf(stack, clock);
    const toxics = DIRECTIONS.map(stream => ({ name: `partition ${name} ${stream}`, stream }));
    const react = (links: readonly Link[], signal: AbortSignal) =>
      Promise.all(links.map(link => reactionOf(link, silenceMs(forMs), context, signal)));
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
        lookUntil(clock, signal, async () => {
          const cut = crossing.filter((_, index) => before[index]?.kind === 'responded');
          const seen = await react(cut, signal);
          if (seen.length === 0 || seen.some(({ kind }) => kind !== EXPECTED[mode])) return undefined;
          const witness = inside[0] ?? stack.replicas.find(replica => replica.name === cut[0]!.to)!;
          const control = await reactionOf(witness, silenceMs(forMs), context, signal);
          if (control.kind !== 'responded') return undefined;
          const minMs = Math.round(Math.min(...seen.map(({ tookMs }) => tookMs)));
          const how = mode === 'reset' ? 'reset a probe' : `did not respond to a probe for ${minMs} ms`;
          const names = cut.map(link => link.name).join(', ');
          return {
            atMs: Math.min(...seen.map(({ sentMs }) => sentMs)),
            evidence: `${names} ${how}, ${witness.name} responds in ${Math.round(control.tookMs)} ms`,
          };
        }),
      async heal(signal) {
        const names = toxics.map(toxic => toxic.name);
        await Promise.all(proxies.map(proxy => toxiproxy.removeByRenewal(proxy, names, signal)));
      },
      verifyHealed: signal =>
        lookUntil(clock, signal, async () => {
          const seen = await react(crossing, signal);
          if (seen.some(({ kind }, index) => kind !== 'responded' && kind !== before[index]?.kind)) return undefined;
          const tookMs = seen.map(reaction => Math.round(reaction.tookMs)).join(', ');
          return {
            atMs: Math.min(...seen.map(({ sentMs }) => sentMs)),
            evidence: `${crossing.length} links across ${name} took ${tookMs} ms again, ${secondsSince(cutMs, clock)} after the cut`,
          };
        }),
    };
  },
});
