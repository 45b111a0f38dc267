import { DelayLine } from './delay-line.ts';
import type { ToxicKind } from './toxic.ts';

/** 1,024 chunks as in Toxiproxy; 4 MiB to bound the memory of 2,000 connections (40 MB/s at 100 ms). */
const LIMITS = { maxBytes: 4 * 1024 * 1024, maxChunks: 1024 };

/**
 * Delays each chunk by `latency` ± `jitter` ms, drawn uniformly per chunk, order kept. The end follows the last chunk without a
 * delay of its own.
 */
export const latency: ToxicKind = {
  type: 'latency',
  attributes: ['latency', 'jitter'],
  start: (attributes, context) => {
    const { latency = 0, jitter = 0 } = attributes;
    const line = new DelayLine(context, LIMITS);
    const delayMs = () => latency + (jitter > 0 ? (context.random.next() * 2 - 1) * jitter : 0);
    return {
      push: chunk => line.add(chunk, context.clock.nowMs() + delayMs()),
      end: () => line.end(),
      isFull: () => line.isFull(),
      stop: reason => (reason === 'closed' ? line.clear() : line.flush()),
    };
  },
};
