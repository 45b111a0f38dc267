import { expect, it } from 'vitest';
import { retryAfterMs } from '../../../harness/retry/retry-after.ts';

const NOW = Date.UTC(2030, 0, 31, 12, 0, 0);
const waitOf = (headers: Record<string, string>) => retryAfterMs(name => headers[name], NOW);

it.each<[Record<string, string>, number]>([
  [{ 'retry-after': '3' }, 3000],
  [{ 'retry-after': ' 0.25 ' }, 250],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after-ms': '120' }, 120],
  [{ 'retry-after-ms': '120.5', 'retry-after': '1' }, 120.5],
  [{ 'x-ms-retry-after-ms': '700', 'retry-after': '1' }, 700],
  [{ 'retry-after-ms': 'soon', 'retry-after': '1' }, 1000],
  // The three forms of a date, and ISO 8601.
  [{ 'retry-after': 'Thu, 31 Jan 2030 12:00:07 GMT' }, 7000],
  [{ 'retry-after': 'Thursday, 31-Jan-30 12:00:07 GMT' }, 7000],
  [{ 'retry-after': 'Thu Jan 31 12:00:07 2030' }, 7000],
  [{ 'retry-after': '2030-01-31T12:00:07Z' }, 7000],
  // The server's clock is a minute ahead of ours.
  [{ 'retry-after': 'Thu, 31 Jan 2030 12:01:07 GMT', date: 'Thu, 31 Jan 2030 12:01:00 GMT' }, 7000],
  [{ 'retry-after': 'Thu, 31 Jan 2030 11:59:00 GMT' }, 0],
])('%j: %d ms', (headers, ms) => {
  expect(waitOf(headers)).toBe(ms);
});

it.each([
  '',
  'soon',
  '-1',
  'NaN',
  'Infinity',
  '0x10',
  '1e3',
  'Wed, 21 Oct',
  'in 2099',
  '3, 4',
  '31',
  'Thu, 99 Foo 2030 12:00:07 GMT',
])('takes no wait from "%s", except a number', text => {
  expect(waitOf({ 'retry-after': text })).toBe(text === '31' ? 31_000 : 0);
});
