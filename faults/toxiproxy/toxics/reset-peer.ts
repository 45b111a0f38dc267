import type { ToxicKind } from './toxic.ts';

/**
 * Resets both sides of the connection (TCP RST) `timeout` ms after the first chunk or end in its direction; nothing is
 * delivered. Unlike Toxiproxy 2.12, connections opened before the toxic are reset too, not closed with FIN, and removing
 * the toxic resets a connection that waits for it, since its bytes are lost.
 */
export const resetPeer: ToxicKind = {
  type: 'reset_peer',
  attributes: ['timeout'],
  start: (attributes, context) => {
    const stopped = new AbortController();
    let triggered = false;
    const trigger = () => {
      if (triggered) return;
      triggered = true;
      const timeoutMs = attributes.timeout ?? 0;
      if (timeoutMs <= 0) return context.reset();
      context.clock.sleep(timeoutMs, stopped.signal).then(
        () => context.reset(),
        () => {},
      );
    };
    return {
      push: trigger,
      end: trigger,
      isFull: () => triggered,
      stop: reason => {
        stopped.abort();
        if (triggered && reason !== 'closed') context.reset();
      },
    };
  },
};
