import { expect, it } from 'vitest';
import { formatMilli, parseQuantity } from '../../../../stack/autoscaler/hpa/quantity.ts';

// Text, thousandths, sign and nearest number, as apimachinery v0.36.3 has them. The last ones overflow.
const QUANTITIES: [string, bigint, number, number][] = [
  ['0', 0n, 0, 0],
  ['250m', 250n, 1, 0.25],
  ['0.5', 500n, 1, 0.5],
  ['.5', 500n, 1, 0.5],
  ['1.', 1000n, 1, 1],
  ['+5', 5000n, 1, 5],
  ['-3m', -3n, -1, -0.003],
  ['007', 7000n, 1, 7],
  ['m', 0n, 0, 0],
  ['1.5Gi', 1_610_612_736_000n, 1, 1_610_612_736],
  ['0.1Ki', 102_400n, 1, 102.4],
  ['1k', 1_000_000n, 1, 1000],
  ['1e3', 1_000_000n, 1, 1000],
  ['12E-1', 1200n, 1, 1.2],
  ['100u', 1n, 1, 0.00009999999999999999],
  ['0.0001', 1n, 1, 0.00009999999999999999],
  ['-0.0001', -1n, -1, -0.00009999999999999999],
  ['1n', 1n, 1, 1e-9],
  ['123456789.123456789', 123_456_789_124n, 1, 123_456_789.12345679],
  // By 10^3 it wraps around; by 10^18 it becomes 0.
  ['9123372036854775', 9_123_372_036_854_775_000n, 1, 9_123_372_036_854_776],
  ['9223372036854776', -9_223_372_036_854_775_616n, 1, 9.223372036854776e15],
  ['-9223372036854776', 9_223_372_036_854_775_616n, -1, -9.223372036854776e15],
  ['9223372036854776k', 192_000n, 1, 9.223372036854776e18],
  ['10P', 0n, 1, 1e16],
  ['1E', 0n, 1, 1e18],
  ['3000000000000000000', -6_819_284_014_656_913_408n, 1, 3e18],
  ['9223372036854775807', -1000n, 1, 2 ** 63],
  ['10Pi', -7_187_745_005_283_311_616n, 1, 11_258_999_068_426_240],
  ['9Ei', -1000n, 1, 2 ** 63],
];

it.each(QUANTITIES)('reads %s', (text, milli, sign, approximate) => {
  expect(parseQuantity(text)).toEqual({ milli, sign, approximate });
});

it.each(['', ' 1', '1 ', 'abc', '1K', '1mm', '--1', '1e', '1.5.2', '1e99999999', '0x10', 'NaN', '١'])(
  'rejects %j',
  text => {
    expect(parseQuantity(text)).toBeUndefined();
  },
);

it('writes thousandths with the largest suffix that leaves no fraction', () => {
  expect([0n, 1n, 1500n, 62_700_000_000n, -3000n, 2n * 10n ** 21n].map(milli => formatMilli(milli))).toEqual([
    ...['0', '1m', '1500m', '62700k', '-3', '2E'],
  ]);
  expect([62_700_000_000n, 1_048_576_000n, 512_000n, 1536n * 1_048_576_000n].map(m => formatMilli(m, true))).toEqual([
    ...['62700k', '1Mi', '512', '1536Mi'],
  ]);
});
