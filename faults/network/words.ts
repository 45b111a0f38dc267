import type { Trace } from '../../harness/host/trace.ts';

/** How a probe of a cut link went: `response after 3 ms`, `no byte for 1000 ms`, `reset after 2 ms`. */
export function cutWords({ responses, bytes, end, endMs, lastByteMs }: Trace): string {
  if (responses > 0) return `response after ${Math.round(lastByteMs)} ms`;
  const byte = bytes === 0 ? 'no byte' : `${bytes} bytes`;
  if (end === 'open') return `${byte} for ${Math.round(endMs)} ms`;
  return `${end} after ${bytes === 0 ? '' : `${byte} and `}${Math.round(endMs)} ms`;
}
