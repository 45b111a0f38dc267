import type { Readable } from 'node:stream';

/** Arguments and environment variables that make k6 write its samples with their times to its standard output, as CSV. */
export const SAMPLES_TO_STDOUT = {
  args: ['--out', 'csv=-'],
  env: { K6_CSV_TIME_FORMAT: 'unix_micro', K6_CSV_SAVE_INTERVAL: '200ms' },
} as const;

/** Beginning of the sample of an iteration without a free virtual user. */
const DROPPED = Buffer.from('\ndropped_iterations,');
const LINE_END = 0x0a;

/**
 * Finds dropped iterations among k6's samples, about a dozen per request.
 * @param onDrop called with the time of each, in ms since 1970
 */
export function watchDrops(samples: Readable, onDrop: (wallMs: number) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  samples.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    // An incomplete line is left for the next chunk, with the preceding line end.
    const end = bytes.lastIndexOf(LINE_END);
    for (let at = bytes.indexOf(DROPPED); at !== -1 && at < end; at = bytes.indexOf(DROPPED, at + 1)) {
      const from = at + DROPPED.length;
      onDrop(Number(bytes.toString('latin1', from, bytes.indexOf(',', from))) / 1000);
    }
    rest = end === -1 ? bytes : bytes.subarray(end);
  });
}
