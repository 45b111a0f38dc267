import type { ToxicContext, ToxicKind } from './toxic.ts';

/**
 * Drops everything and closes the connection after `timeout` ms without a chunk; 0 never closes. Bytes are lost, so that
 * removing the toxic closes its connections.
 */
export const timeout: ToxicKind = {
  type: 'timeout',
  attributes: ['timeout'],
  start: (attributes, context) => {
    const stopped = new AbortController();
    const timeoutMs = attributes.timeout ?? 0;
    let deadlineMs = context.clock.nowMs() + timeoutMs;
    if (timeoutMs > 0) void closeAt(() => deadlineMs, context, stopped.signal);
    return {
      push: () => {
        deadlineMs = context.clock.nowMs() + timeoutMs;
      },
      end: () => context.end(),
      isFull: () => false,
      stop: reason => {
        stopped.abort();
        if (reason === 'removed') context.close();
      },
    };
  },
};

/** One sleep at a time, however often the deadline moves. */
async function closeAt(deadlineMs: () => number, context: ToxicContext, signal: AbortSignal): Promise<void> {
  try {
    for (let leftMs = deadlineMs() - context.clock.nowMs(); leftMs > 0; leftMs = deadlineMs() - context.clock.nowMs()) {
      await context.clock.sleep(Math.ceil(leftMs), signal);
    }
  } catch {
    return;
  }
  context.close();
}
