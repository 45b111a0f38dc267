import { z } from 'zod';
import { SquallError } from '../../harness/errors.ts';
import { linkFault } from '../fault.ts';
import { lookUntil, secondsSince } from '../probe.ts';
import { Intruder, signIn } from './intruder.ts';

/** Replays that must have had a response before the effect is assessed: some for each entry. */
const REPLAYS_PER_ENTRY = 2;

/**
 * Somebody has read a request on its way, with its token and its proof, and sends it again and again, to every gateway. Each of these has to be
 * refused: `violations(<id>)` counts those that are not.
 *
 * It has taken effect once the request itself was accepted, so that nothing is wrong with it, and replays had responses.
 */
export const fault = linkFault({
  kind: 'replayed-proof',
  summary: 'A captured request, with its token and its proof, is sent again and again, to every gateway.',
  parameters: z.object({}),
  selfHealing: false,
  needsProxy: false,
  platforms: ['process', 'docker', 'virtual'],
  create(_, link, context) {
    const { clock, stack } = context;
    let intruder: Intruder | undefined;
    let stoppedMs = 0;
    return {
      async inject(signal) {
        const key = stack.authorization.replace(/^Bearer /, '');
        const caller = await signIn(context, key, `captured-${clock.nowMs()}`, signal);
        const entry = caller.entries[stack.links.filter(({ name }) => name.startsWith('client→')).indexOf(link)];
        if (!entry || stack.login?.proofKey === undefined)
          throw new SquallError(
            'fault',
            'NO_PROOF',
            'Expected a link of clients whose tokens need proofs, got another',
            {
              next: 'Use `on: client→gateway-1`, and set `stack.gateway.identity.bearer` to off.',
            },
          );
        // For the URL as it is at that gateway: the others are known by the same one to whoever sends it there.
        const captured = {
          ...caller.client.headers(caller.token, 'GET', caller.urlOf(entry)),
          host: new URL(entry.origin).host,
        };
        const status = await caller.send(entry, captured, signal);
        if (status !== 200)
          throw new SquallError(
            'fault',
            'NO_PROOF',
            `Expected the request to be accepted before it is replayed, got ${status}`,
            {
              next: 'Read the log of the gateway.',
            },
          );
        intruder = new Intruder(caller, () => captured, clock);
      },
      verifyEffect: signal =>
        lookUntil(clock, signal, async () => {
          const { ended } = intruder!.seen.outcome;
          if (ended < REPLAYS_PER_ENTRY * stack.entries.length) return undefined;
          return {
            atMs: clock.nowMs(),
            evidence: `the request was accepted once, and ${ended} replays of it had responses`,
          };
        }),
      async heal() {
        await intruder?.stop();
        stoppedMs = clock.nowMs();
      },
      verifyHealed: signal =>
        lookUntil(clock, signal, async () => {
          const { outcome } = intruder!.seen;
          const evidence = `${outcome.rejected} of ${outcome.ended} replays were refused; the last one was ${secondsSince(stoppedMs, clock)} ago`;
          return { atMs: clock.nowMs(), evidence, requests: outcome };
        }),
    };
  },
});
