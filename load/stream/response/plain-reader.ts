import type { HttpExpectation } from '../../../harness/plan.ts';
import type { BodyReader, BodySink } from './body.ts';

/** Whether a status is among the expected ones; 2xx where none are named, and for chat completions (null). */
export function isExpectedStatus(expect: Pick<HttpExpectation, 'status'> | null, found: number): boolean {
  return expect?.status.length ? expect.status.includes(found) : found >= 200 && found < 300;
}

/**
 * Reads the body of a plain HTTP response: `malformed` as soon as it is too long, or at its end if it lacks the expected text; else
 * `ok` at its end. Buffers no more of it than the length of that text.
 */
export function plainReader(expect: HttpExpectation, sink: Pick<BodySink, 'ended'>): BodyReader {
  const needle = Buffer.from(expect.bodyContains ?? '');
  let tail = Buffer.alloc(0);
  let found = needle.length === 0;
  let bytes = 0;
  return {
    feed(chunk) {
      bytes += chunk.length;
      if (bytes > expect.maxBytes) sink.ended('malformed');
      if (found) return;
      const text = Buffer.concat([tail, chunk]);
      found = text.includes(needle);
      tail = Buffer.from(text.subarray(Math.max(0, text.length - needle.length + 1)));
    },
    end: () => sink.ended(found ? 'ok' : 'malformed'),
    outputTokens: () => 0,
  };
}
