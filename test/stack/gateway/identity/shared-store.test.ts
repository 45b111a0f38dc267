import { describe } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { systemNetwork } from '../../../../harness/host/network.ts';
import { redisStore } from '../../../../stack/gateway/identity/redis-store.ts';
import type { SharedStore } from '../../../../stack/gateway/identity/shared-store.ts';
import { storeFunctions } from '../../../../stack/gateway/identity/store-scripts.ts';
import { testOnBoth } from '../fixtures/both-redis.ts';

const FAR_MS = 8_000_000_000_000;

/** What a store does, the same for both: a table of calls, one after the other. */
async function conversation(store: SharedStore): Promise<unknown[]> {
  const seen: unknown[] = [];
  const revoked = { isRevoked: true, untilMs: FAR_MS };
  while ((await store.list('').catch(() => undefined)) === undefined) await systemClock.sleep(5);
  seen.push(await store.list('0'), [...((await store.list('')).entries ?? [])]);
  seen.push(await store.use('a', 60_000), await store.use('a', 60_000), await store.use('b', 40));
  await systemClock.sleep(80);
  seen.push(await store.use('b', 60_000));
  const nowMs = systemClock.date().getTime();
  const decidedMs = await store.put('key:a', revoked);
  seen.push(Math.abs(decidedMs - nowMs) < 2000);
  // The later of two decisions stays, and one without a time is later than all before.
  seen.push((await store.put('key:a', { ...revoked, isRevoked: false }, decidedMs - 5)) === decidedMs);
  seen.push((await store.put('key:a', { ...revoked, isRevoked: false }, decidedMs + 500)) === decidedMs + 500);
  seen.push((await store.put('key:a', revoked)) > decidedMs + 500);
  const { version, entries } = await store.list('');
  seen.push([...entries!].map(([id, { isRevoked, untilMs }]) => [id, isRevoked, untilMs]));
  seen.push((await store.list(version)).entries);
  await store.put('token:t', { isRevoked: true, untilMs: nowMs - 1 });
  await store.put('token:u', { isRevoked: true, untilMs: FAR_MS }, 7);
  const later = await store.list(version);
  seen.push(later.version === version, [...later.entries!.keys()].sort(), later.entries!.get('token:u'));
  return seen;
}

const EXPECTED = [
  ...[{ version: '0', entries: undefined }, []],
  ...[true, false, true, true],
  ...[true, true, true, true],
  [['key:a', true, FAR_MS]],
  undefined,
  ...[false, ['key:a', 'token:u'], { isRevoked: true, untilMs: FAR_MS, decidedMs: 7 }],
];

async function tell(url: string): Promise<unknown[]> {
  const store = redisStore({ url, keyPrefix: 'test:' }, systemNetwork);
  store.open(() => {});
  try {
    return await conversation(store);
  } finally {
    store.close();
  }
}

describe('the store that gateways share', () => {
  testOnBoth(storeFunctions(), tell, EXPECTED);
});
