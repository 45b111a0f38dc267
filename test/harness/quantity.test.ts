import { expect, test } from 'vitest';
import {
  dataRateKBps,
  formatMs,
  formatSize,
  formatSpan,
  parseDurationMs,
  parseRatePerSecond,
  sizeBytes,
} from '../../harness/quantity.ts';

test.each([
  ['10s', 10_000],
  ['1.5 s', 1500],
  ['800 ms', 800],
  ['2m', 120_000],
  ['2min', 120_000],
  ['1h', 3_600_000],
  ['250us', 0.25],
  ['250µs', 0.25],
  [' 0s ', 0],
  ['1m30s', 90_000],
  ['2h30m', 9_000_000],
  ['1h 1min 1.5s 250us', 3_661_500.25],
])('"%s" is %f ms', (text, ms) => {
  expect(parseDurationMs(text, 'for')).toBeCloseTo(ms, 10);
});

test.each([
  '',
  '10',
  's',
  '-1s',
  '1e3s',
  '1 s 2',
  '10sec',
  '1,5s',
  'toString',
  '1constructor',
  'NaNs',
  '.5s',
  '30s1m',
  '1s1s',
  '1m30',
])('"%s" is no duration; the message names the field and quotes the text', text => {
  expect(() => parseDurationMs(text, 'faults[0].for')).toThrow(
    expect.objectContaining({
      kind: 'scenario',
      code: 'BAD_DURATION',
      message: expect.stringMatching(
        /^Expected `faults\[0\]\.for` to be a duration .*us, ms, s, m or min, h.*, got ".*"$/,
      ),
    }),
  );
});

// Node.js fires a timer of more than 2³¹ − 1 ms, which is 596.5 h, after 1 ms.
test('a duration beyond the limit of a timer is rejected, unless no timer is set for it', () => {
  expect(parseDurationMs('576h', 'for')).toBeLessThan(2 ** 31 - 1);
  expect(() => parseDurationMs('576.1h', 'for')).toThrow(
    expect.objectContaining({
      code: 'BAD_DURATION',
      message: expect.stringMatching(/`for` to be at most 576h.*"576.1h"/),
    }),
  );
  expect(parseDurationMs('3000h', 'for', Number.POSITIVE_INFINITY)).toBe(3000 * 3_600_000);
});

test.each([
  ['20/s', 20],
  ['0/s', 0],
  ['1000/min', 1000 / 60],
  ['60 / m', 1],
  ['7200/h', 2],
  ['0.5/s', 0.5],
])('"%s" is %f/s', (text, perSecond) => {
  expect(parseRatePerSecond(text, 'to')).toBeCloseTo(perSecond, 10);
});

test.each(['', '20', '20/ms', '-1/s', '/s', '20/s/s', '20/constructor'])('"%s" is no rate', text => {
  expect(() => parseRatePerSecond(text, 'to')).toThrow(
    expect.objectContaining({ code: 'BAD_RATE', message: expect.stringContaining('/s, /m or /min, /h') }),
  );
});

test.each([
  [0, '0 ms'],
  [0.8, '0.8 ms'],
  [412.34, '412 ms'],
  [1234.5, '1.23 s'],
  [-2500, '-2.5 s'],
  [Number.POSITIVE_INFINITY, '∞'],
])('%f ms reads %s', (ms, text) => {
  expect(formatMs(ms)).toBe(text);
});

test.each([
  ['100B', 100, '100B'],
  ['16KB', 16_000, '16KB'],
  ['1.1 KB', 1100, '1100B'],
  ['1.5MB', 1_500_000, '1500KB'],
  ['2KiB', 2048, '2048B'],
  ['1MiB', 1_048_576, '1048576B'],
])('%s is a size', (text, bytes, written) => {
  expect([sizeBytes(text), formatSize(bytes), sizeBytes(written)]).toEqual([bytes, written, bytes]);
});

test.each(['', '16', 'KB', '-1KB', '1e3B', '16K', '16KB/s', '1KB 5B', '16 constructor'])('"%s" is no size', text => {
  expect(sizeBytes(text)).toBeUndefined();
});

test.each([
  ['50KB/s', 50],
  ['1.5 MB / s', 1500],
  ['500B/s', 0.5],
  ['50KB', undefined],
  ['50/s', undefined],
  ['50KB/min', undefined],
])('the data rate %s is %s KB/s', (text, rate) => {
  expect(dataRateKBps(text)).toBe(rate);
});

test.each([
  [89_400, '89 s'],
  [90_000, '2 min'],
  [3_790_000, '63 min'],
  [7_800_000, '2 h 10 min'],
])('%s ms are told as %s', (ms, text) => {
  expect(formatSpan(ms)).toBe(text);
});
