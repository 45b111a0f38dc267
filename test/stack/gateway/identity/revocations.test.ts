import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { Batches } from '../../../../stack/gateway/batch/batches.ts';
import { batchSchema } from '../../../../stack/gateway/batch/config.ts';
import { Files } from '../../../../stack/gateway/batch/files.ts';
import { storeFunctions } from '../../../../stack/gateway/identity/store-scripts.ts';
import { Keyspace } from '../../../../stack/redis/keyspace.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { idsOf, inputOf, memoryLedger } from '../batch/inside.ts';
import { gatewayInside, type InsideGateway, KEYS, newKeys, START_MS, sourceOf, storeInside } from './inside.ts';

/** Short, since each second of time that is advanced costs. */
const LIFE_MS = 10_000;
const keysText = await newKeys();

/** Two gateways with the same signing keys. @param isShared whether they have a store in common */
async function twoGateways(isShared = true, onOutage: 'local' | 'fail' = 'local') {
  const clock = new FakeClock(START_MS);
  const stack = new AsyncDisposableStack();
  const state = storeFunctions();
  const stores = [storeInside(clock, state), storeInside(clock, state)] as const;
  const open = async (store: (typeof stores)[number]) =>
    stack.use(
      await gatewayInside(
        { bearer: 'tokens', tokenLifeMs: LIFE_MS, onOutage },
        { clock, keys: sourceOf(keysText), ...(isShared && { store }) },
      ),
    );
  const gateways = [await open(stores[0]), await open(stores[1])] as const;
  const reply = await gateways[0].token({ client_secret: KEYS.alice });
  const { access_token: token } = JSON.parse(reply.text) as { access_token: string };
  return {
    ...{ clock, stores, gateways, token, restart: () => open(storeInside(clock, state)) },
    statuses: (text = token) => Promise.all(gateways.map(gateway => statusAt(gateway, text))),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const statusAt = async (gateway: InsideGateway, token: string) =>
  (await gateway.send('/v1/models', { headers: { authorization: `Bearer ${token}` } })).status;
const idOf = (token: string) => (JSON.parse(atob(token.split('.')[1]!)) as { jti: string }).jti;

describe('a revocation', () => {
  test('of a key takes effect here at once, and on every gateway within a second', async () => {
    await using two = await twoGateways();
    expect(await two.statuses()).toEqual([200, 200]);
    expect(await two.gateways[0].identity.revoke('key', 'alice')).toBe(true);
    expect((await two.statuses())[0]).toBe(401);
    // pollMs 200 and a round trip.
    await two.clock.advance(250);
    expect(await two.statuses()).toEqual([401, 401]);
    expect((await two.gateways[1].token({ client_secret: KEYS.alice })).status).toBe(401);
    expect((await two.gateways[1].token({ client_secret: KEYS.bob })).status).toBe(200);
    // A gateway that starts now knows it before it serves.
    expect(await statusAt(await two.restart(), two.token)).toBe(401);
    // It holds for longer than any token lives, and can be taken back.
    await two.clock.advance(3 * LIFE_MS);
    expect((await two.gateways[1].token({ client_secret: KEYS.alice })).status).toBe(401);
    await two.gateways[1].identity.revoke('key', 'alice', false);
    await two.clock.advance(250);
    expect((await two.gateways[0].token({ client_secret: KEYS.alice })).status).toBe(200);
  });

  test('of a key ends its batches: lines that have not run get a 401, those of others go on', async () => {
    const clock = new FakeClock(START_MS);
    const ledger = memoryLedger(new Keyspace(), clock);
    const batch = { ledger, newId: idsOf(seededRandom(5)) };
    const rest = { batch: { redis: { url: 'redis://127.0.0.1' }, pollMs: 50 } };
    await using inside = await gatewayInside({}, { clock, batch, rest });
    const config = batchSchema.parse(rest.batch);
    const files = new Files(ledger, config);
    const batches = new Batches(ledger, config, files);
    for (const [name, key] of Object.entries(KEYS)) {
      const tenant = hash('sha256', key);
      const own = { tenant, createdMs: START_MS };
      await files.create({ ...own, id: `file-${name}`, name, purpose: 'batch', content: inputOf(['a']) });
      const input = { input: `file-${name}`, endpoint: '/v1/chat/completions', metadata: null } as const;
      await batches.create({ ...own, ...input, id: name });
    }
    await inside.identity.revoke('key', 'alice');
    inside.gateway.start();
    await clock.advance(1000);
    expect(await batches.find('bob')).toMatchObject({ status: 'completed', completed: 1 });
    const ended = (await batches.find('alice'))!;
    expect(ended).toMatchObject({ status: 'completed', completed: 0, failed: 1 });
    expect(String(await files.content(ended.errorFile!))).toContain('"status_code":401');
  });

  test('without a store stays with the gateway that was told', async () => {
    await using two = await twoGateways(false);
    await two.gateways[0].identity.revoke('key', 'alice');
    await two.clock.advance(5000);
    expect(await two.statuses()).toEqual([401, 200]);
  });

  test('of a token leaves other tokens of its key, and is forgotten once it has expired', async () => {
    await using two = await twoGateways();
    const other = JSON.parse((await two.gateways[1].token({ client_secret: KEYS.alice })).text) as {
      access_token: string;
    };
    await two.gateways[1].identity.revoke('token', idOf(two.token));
    await two.clock.advance(250);
    expect([await two.statuses(), await two.statuses(other.access_token)]).toEqual([
      [401, 401],
      [200, 200],
    ]);
    expect(two.gateways.map(({ identity }) => identity.revocations.size)).toEqual([1, 1]);
    await two.clock.advance(LIFE_MS + 3000);
    await two.gateways[0].identity.revoke('key', 'bob');
    await two.clock.advance(250);
    expect(two.gateways.map(({ identity }) => identity.revocations.ids())).toEqual([['key:bob'], ['key:bob']]);
    expect(two.gateways.map(({ identity }) => identity.revocations.size)).toEqual([1, 1]);
  });

  test('while the store is down is kept, and reaches the others once it is back', async () => {
    await using two = await twoGateways();
    for (const store of two.stores) store.isDown = true;
    await two.clock.advance(2000);
    expect(await two.gateways[0].identity.revoke('key', 'alice')).toBe(false);
    await two.clock.advance(2000);
    expect(await two.statuses()).toEqual([401, 200]);
    for (const store of two.stores) store.isDown = false;
    await two.clock.advance(1000);
    expect(await two.statuses()).toEqual([401, 401]);
  });

  test('survives a store that has lost all its data', async () => {
    await using two = await twoGateways();
    await two.gateways[0].identity.revoke('key', 'alice');
    await two.clock.advance(250);
    const emptied = storeInside(two.clock);
    for (const store of two.stores) Object.assign(store, { use: emptied.use, put: emptied.put, list: emptied.list });
    await two.clock.advance(1000);
    expect((await emptied.list('')).entries?.get('key:alice')).toMatchObject({ isRevoked: true });
  });
});

test.each([
  ['local', 200],
  ['fail', 503],
] as const)(
  'with onOutage %s requests get %i while the store does not respond, and none waits for it',
  async (onOutage, expected) => {
    await using two = await twoGateways(true, onOutage);
    for (const store of two.stores) store.isSilent = true;
    await two.clock.advance(1500);
    // Time stands still: a request that waited for the store would never end.
    expect(await two.statuses()).toEqual([expected, expected]);
    for (const store of two.stores) store.isSilent = false;
    await two.clock.advance(2000);
    expect(await two.statuses()).toEqual([200, 200]);
  },
);
