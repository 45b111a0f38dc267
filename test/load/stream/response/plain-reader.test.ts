import { expect, it } from 'vitest';
import { isExpectedStatus, plainReader } from '../../../../load/stream/response/plain-reader.ts';

function read(bodyContains: string | null, maxBytes: number, chunks: readonly Buffer[]): string[] {
  const events: string[] = [];
  const reader = plainReader({ status: [], bodyContains, maxBytes }, { ended: outcome => events.push(outcome) });
  for (const chunk of chunks) reader.feed(chunk);
  reader.end();
  return events;
}

it('finds a text wherever the bytes are cut, and none that is not there', () => {
  const bytes = Buffer.from('the wave → hits the wall');
  for (let i = 0; i <= bytes.length; i += 1)
    for (let j = i; j <= bytes.length; j += 1) {
      const chunks = [bytes.subarray(0, i), bytes.subarray(i, j), bytes.subarray(j)];
      expect(read('→ hits', 1000, chunks)).toEqual(['ok']);
      expect(read('→ hit the', 1000, chunks)).toEqual(['malformed']);
    }
});

it('takes any body where no text is asked for, also none', () => {
  expect(read(null, 10, [])).toEqual(['ok']);
  expect(read(null, 10, [Buffer.alloc(10)])).toEqual(['ok']);
});

it('refuses one byte more than the most', () => {
  expect(read(null, 10, [Buffer.alloc(10), Buffer.alloc(1)])[0]).toBe('malformed');
});

it.each([
  [[], 200, true],
  [[], 204, true],
  [[], 302, false],
  [[], 404, false],
  [[404, 410], 404, true],
  [[404, 410], 200, false],
])('of the statuses %j, %i is right: %s', (status, found, isRight) => {
  expect(isExpectedStatus({ status }, found)).toBe(isRight);
});
