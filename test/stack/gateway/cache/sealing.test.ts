import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { newUuid, systemSecrets } from '../../../../harness/host/secrets.ts';
import { seededRandom } from '../../../../harness/random.ts';
import { readCacheKey } from '../../../../stack/gateway/cache/cache-key.ts';
import { Sealing } from '../../../../stack/gateway/cache/sealing.ts';
import { parseGatewayConfig } from '../../../../stack/gateway/config.ts';

const KEY = systemSecrets(32);
const sealing = new Sealing(KEY, () => newUuid(systemSecrets));
const PLAIN = Buffer.from('{"a response":"ä"}');

describe('a sealed entry', () => {
  const sealed = sealing.seal(PLAIN, 'tenant', 'request');

  test('opens for its tenant and request only, with its key only', () => {
    expect(sealing.open(sealed, 'tenant', 'request')).toEqual(PLAIN);
    expect(sealing.open(sealed, 'other', 'request')).toBeUndefined();
    expect(sealing.open(sealed, 'tenant', 'other')).toBeUndefined();
    expect(sealing.open(sealed, 'tenantrequest', '')).toBeUndefined();
    expect(new Sealing(systemSecrets(32), () => '').open(sealed, 'tenant', 'request')).toBeUndefined();
    expect(new Sealing(KEY, () => '').open(sealed, 'tenant', 'request')).toEqual(PLAIN);
  });

  test('does not open once a bit is changed, or bytes are missing', () => {
    const random = seededRandom(1);
    for (let nth = 0; nth < 200; nth += 1) {
      const changed = Buffer.from(sealed);
      const at = random.integer(0, sealed.length - 1);
      changed[at] = changed[at]! ^ (1 << random.integer(0, 7));
      expect(sealing.open(changed, 'tenant', 'request')).toBeUndefined();
      expect(sealing.open(sealed.subarray(0, at), 'tenant', 'request')).toBeUndefined();
    }
  });

  test('never is the same twice, and its name says nothing', () => {
    const all = new Set(Array.from({ length: 1000 }, () => sealing.seal(PLAIN, 't', 'r').toString('latin1', 1, 13)));
    expect(all.size).toBe(1000);
    expect(sealing.nameOf('a', 'bc')).not.toBe(sealing.nameOf('ab', 'c'));
    expect(sealing.nameOf('a', 'b')).toBe(new Sealing(KEY, () => '').nameOf('a', 'b'));
    expect(new Sealing(systemSecrets(32), () => '').nameOf('a', 'b')).not.toBe(sealing.nameOf('a', 'b'));
  });
});

describe('the key', () => {
  const key = { environment: 'CACHE_KEY' };

  test.each(['hex', 'base64', 'base64url'] as const)('is read in %s', encoding => {
    expect(readCacheKey({ key }, { CACHE_KEY: ` ${KEY.toString(encoding)}\n` })).toEqual(KEY);
  });

  test.each([
    [undefined, 'got nothing'],
    ['', 'got nothing'],
    ['secretsecret', 'got 12 characters'],
    [systemSecrets(31).toString('hex'), 'got 62 characters'],
    [systemSecrets(64).toString('base64'), 'got 88 characters'],
    ['!'.repeat(64), 'got 64 characters'],
  ])('is refused with the field, and without being shown: %s', (text, found) => {
    const read = () => readCacheKey({ key }, { CACHE_KEY: text });
    expect(read).toThrow(/`cache\.key\.environment`: expected the environment variable CACHE_KEY to hold 32 bytes/);
    expect(read).toThrow(found);
    if (text) expect(read).not.toThrow(text);
  });

  test('is read from a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'squall-key-'));
    const file = join(folder, 'key');
    expect(() => readCacheKey({ key: { file } }, {})).toThrow(/`cache\.key\.file`: cannot be read: .*ENOENT/);
    writeFileSync(file, `${KEY.toString('hex')}\n`, { mode: 0o600 });
    expect(readCacheKey({ key: { file } }, {})).toEqual(KEY);
    rmSync(folder, { recursive: true });
  });
});

test.each([
  [{ ttlMs: 0 }, 'cache.ttlMs'],
  [{ staleMs: -1 }, 'cache.staleMs'],
  [{ maxEntryBytes: 0 }, 'cache.maxEntryBytes'],
  [{ redis: { url: 'http://x' } }, 'cache.redis.url'],
  [{ redis: { url: 'redis://x', timeoutMs: 0 } }, 'cache.redis.timeoutMs'],
  [{ key: { vault: 'x' } }, 'cache.key'],
  [{ fallback: { content: '' } }, 'cache.fallback.content'],
  [{ ttl: 5 }, 'cache.ttl'],
])('a bad configuration names the field: %j', (change, field) => {
  const cache = { redis: { url: 'redis://x' }, ...change };
  expect(() => parseGatewayConfig(JSON.stringify({ upstreams: [], cache }))).toThrow(`\`${field}`);
});

test.each([
  [{ windowMs: 0 }, 'merge.windowMs'],
  [{ maxBytes: 10 }, 'merge.maxBytes'],
  [{ acrossKeys: 'yes' }, 'merge.acrossKeys'],
])('a bad configuration of merging names the field: %j', (merge, field) => {
  expect(() => parseGatewayConfig(JSON.stringify({ upstreams: [], merge }))).toThrow(`\`${field}`);
});
