import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import type { BatchService } from '../../../../stack/gateway/batch/batch-service.ts';
import { hasEnded } from '../../../../stack/gateway/batch/records.ts';
import type { Stage } from '../../../../stack/gateway/http/exchange.ts';
import { Keyspace } from '../../../../stack/redis/keyspace.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { type Around, inputOf, ledgerWith, memoryLedger, resultsOf, startService, submit } from './inside.ts';

const START_MS = 1_700_000_000_000;
const HISTORIES = 30;
const LINES = 12;
const ids = Array.from({ length: LINES }, (_, nth) => `line-${nth}`);

interface History {
  readonly accepted: string[];
  /** How often the upstream worked at a line to its end, by its custom id. */
  readonly ends: Map<string, number>;
  kills: number;
}

/**
 * Two gateways at a time work at a batch. Each dies at a call of the ledger that the seed chooses, before the call has happened or after, when its
 * reply can no longer be read; then another begins. Some calls fail without a death, as those of a Redis that restarts do.
 */
async function history(seed: number, isForgetful = false) {
  const random = seededRandom(seed);
  const clock = new FakeClock(START_MS);
  const keyspace = new Keyspace();
  const found: History = { accepted: [], ends: new Map(), kills: 0 };
  let nth = 0;
  const alive = new Set<BatchService>();
  const launch = () => {
    nth += 1;
    let isDead = false;
    const deathAt = found.kills < 8 ? random.integer(5, 120) : Number.POSITIVE_INFINITY;
    let calls = 0;
    const around: Around = async (_, call) => {
      if (isDead) return new Promise(() => {});
      calls += 1;
      if (calls < deathAt) {
        if (random.next() < 0.03) throw new Error('no connection');
        const reply = await call();
        // A reply that is lost: what was asked for has happened.
        if (random.next() < 0.02) throw new Error('reset');
        return reply;
      }
      isDead = true;
      found.kills += 1;
      if (random.next() < 0.5) await call();
      queueMicrotask(() => {
        alive.delete(service);
        launch();
      });
      return new Promise(() => {});
    };
    const serve: Stage = async exchange => {
      exchange.attempts += 1;
      await clock.sleep(random.integer(20, 400));
      if (isDead || exchange.clientDisconnected) return;
      const id = (JSON.parse(String(exchange.body)) as { messages: [{ content: string }] }).messages[0].content;
      found.ends.set(id, (found.ends.get(id) ?? 0) + 1);
      exchange.response.writeHead(200, []);
      exchange.response.end(JSON.stringify({ id }));
    };
    const config = {
      leaseMs: 600,
      pollMs: 40,
      concurrency: 3,
      maxAttempts: 100,
      ...(isForgetful && { leaseMs: 3_600_000 }),
    };
    const { service } = startService(ledgerWith(memoryLedger(keyspace, clock), around), clock, serve, {
      seed: seed * 1000 + nth,
      config,
    });
    alive.add(service);
  };
  launch();
  launch();
  const client = startService(memoryLedger(keyspace, clock), clock, async () => {}, { config: { concurrency: 1 } });
  client.service.drain();
  found.accepted.push(await submit(client.service, inputOf(ids)));
  const [id = ''] = found.accepted;
  const ended = async () => hasEnded((await client.service.batches.find(id))!.status);
  for (let step = 0; step < 400 && !(await ended()); step += 1) await clock.advance(100);
  const batch = (await client.service.batches.find(id))!;
  return { batch, results: await resultsOf(client.service, batch), ...found, keyspace };
}

test('whenever gateways die, an accepted batch ends with one result for each line, and a line that ran twice says so', {
  timeout: 60_000,
}, async () => {
  let kills = 0;
  let twice = 0;
  for (let seed = 1; seed <= HISTORIES; seed += 1) {
    const found = await history(seed);
    const { batch, results, ends, keyspace } = found;
    kills += found.kills;
    expect(batch, `seed ${seed}`).toMatchObject({ status: 'completed', completed: LINES, failed: 0 });
    expect(
      results.map(result => result.custom_id),
      `seed ${seed}`,
    ).toEqual(ids);
    for (const { custom_id: id, attempts = 1 } of results) {
      const count = ends.get(id) ?? 0;
      expect(count, `seed ${seed}: ${id} has a result without a run`).toBeGreaterThan(0);
      expect(attempts, `seed ${seed}: ${id} ran ${count} times`).toBeGreaterThanOrEqual(count);
      if (count > 1) twice += 1;
    }
    // Nothing is left behind but the batch and its files.
    const left = keyspace.call(START_MS, 'HGETALL', [`attempts:${batch.id}`]);
    expect([left, keyspace.call(START_MS, 'ZCARD', ['open'])], `seed ${seed}`).toEqual([[], 0]);
  }
  // The histories hold what they are about.
  expect(kills).toBeGreaterThan(HISTORIES * 3);
  expect(twice).toBeGreaterThan(3);
});

test('without leases that end, the lines of a gateway that died are lost', async () => {
  const { batch } = await history(3, true);
  expect(batch.status).not.toBe('completed');
});
