import type { Readable } from 'node:stream';

/** Arguments and environment variables that have k6 write its samples as CSV to its standard output, each with its instant. */
export const SAMPLES_TO_STDOUT = {
  args: ['--out', 'csv=-'],
  env: { K6_CSV_TIME_FORMAT: 'unix_micro', K6_CSV_SAVE_INTERVAL: '200ms' },
} as const;

/** Begins the sample of an iteration that found no virtual user. */
const DROPPED = Buffer.from('\ndropped_iterations,');
const LINE_END = 0x0a;

/**
 * Finds the dropped iterations among k6's samples, of which there are a dozen a request.
 * @param onDrop told when, by the wall clock, in ms since 1970
 */
export function watchDrops(samples: Readable, onDrop: (wallMs: number) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  samples.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    // A line that has begun is left for the next chunk, with the end of the line before it.
    const end = bytes.lastIndexOf(LINE_END);
    for (let at = bytes.indexOf(DROPPED); at !== -1 && at < end; at = bytes.indexOf(DROPPED, at + 1)) {
      const from = at + DROPPED.length;
      onDrop(Number(bytes.toString('latin1', from, bytes.indexOf(',', from))) / 1000);
    }
    rest = end === -1 ? bytes : bytes.subarray(end);
  });
}
