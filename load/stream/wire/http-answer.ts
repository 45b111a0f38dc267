import type { HttpExpectation } from '../../../harness/plan.ts';
import type { AnswerReader } from './answer.ts';
import type { AnswerEvent } from './event.ts';

/** Whether a status is what was expected. */
export function isExpectedStatus({ status }: Pick<HttpExpectation, 'status'>, found: number): boolean {
  return status.length === 0 ? found >= 200 && found < 300 : status.includes(found);
}

/**
 * Reads the body of a plain HTTP answer: `malformed` as soon as it is too long, or at its end without the expected text; else
 * `done` at its end. Keeps no more of it than the text is long.
 */
export function httpAnswerReader(expect: HttpExpectation, onEvent: (event: AnswerEvent) => void): AnswerReader {
  const needle = Buffer.from(expect.bodyContains ?? '');
  let tail = Buffer.alloc(0);
  let found = needle.length === 0;
  let bytes = 0;
  return {
    feed(chunk) {
      bytes += chunk.length;
      if (bytes > expect.maxBytes) onEvent('malformed');
      if (found) return;
      const text = Buffer.concat([tail, chunk]);
      found = text.includes(needle);
      tail = Buffer.from(text.subarray(Math.max(0, text.length - needle.length + 1)));
    },
    end: () => onEvent(found ? 'done' : 'malformed'),
  };
}
