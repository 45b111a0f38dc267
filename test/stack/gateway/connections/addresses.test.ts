import { expect, test } from 'vitest';
import {
  addressKey,
  forwardedAddress,
  networkSet,
  normalizeAddress,
} from '../../../../stack/gateway/connections/addresses.ts';
import { connectionLimitsSchema } from '../../../../stack/gateway/connections/limits.ts';

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['fe80::1%eth0', 'fe80::1'],
  [' 2001:db8::1 ', '2001:db8::1'],
  ['unknown', undefined],
  ['192.0.2.7:443', undefined],
  [undefined, undefined],
])('%s is normalized to %s', (text, address) => {
  expect(normalizeAddress(text)).toBe(address);
});

test.each([
  ['2001:db8:1:2::9', '2001:db8:1:2:ffff:1:2:3', true],
  ['2001:db8:1:2::9', '2001:0db8:0001:0002:0:0:0:9', true],
  ['2001:db8:1:2::9', '2001:db8:1:3::9', false],
  ['2001:db8::1', '2001:db8:0:0:5::', true],
  ['::1', '::2', true],
  ['1::', '1:0:0:0:7::', true],
  ['192.0.2.7', '192.0.2.8', false],
])('%s and %s share one key: %s', (one, other, same) => {
  expect(addressKey(one) === addressKey(other)).toBe(same);
});

const trusted = networkSet(['10.0.0.0/8', 'fd00::/8', '192.0.2.1']);
test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['6.6.6.6, 203.0.113.9, 10.1.2.3', '203.0.113.9'],
  ['203.0.113.9, 192.0.2.1, fd00::1', '203.0.113.9'],
  ['203.0.113.9, garbage, 10.1.2.3', undefined],
  ['10.1.1.1, 10.1.2.3', undefined],
  ['', undefined],
  [undefined, undefined],
])('behind trusted proxies, %j was sent by %s', (header, address) => {
  expect(forwardedAddress(header, trusted)).toBe(address);
});

test.each(['10.0.0.0/33', 'fd00::/129', 'proxy.example', '10.0.0', '10.0.0.0/', '/8'])(
  '%j is not a network',
  network => {
    expect(connectionLimitsSchema.safeParse({ exempt: [network] }).success).toBe(false);
  },
);
