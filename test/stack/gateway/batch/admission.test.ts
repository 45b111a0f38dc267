import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { Batches } from '../../../../stack/gateway/batch/batches.ts';
import { batchSchema } from '../../../../stack/gateway/batch/config.ts';
import { Files } from '../../../../stack/gateway/batch/files.ts';
import type { GatewayConfigInput } from '../../../../stack/gateway/config.ts';
import { Keyspace } from '../../../../stack/redis/keyspace.ts';
import { HeldUpstreams } from '../fixtures/held-upstreams.ts';
import { idsOf, inputOf, memoryLedger } from './inside.ts';

const LINES = 4;
const config = { batch: { redis: { url: 'redis://unused' }, concurrency: LINES, pollMs: 50 } };

/** A gateway with a batch of four lines, whose upstream holds each request. */
async function withBatch(admission: object | 'off', more: Partial<GatewayConfigInput> = {}) {
  const keyspace = new Keyspace();
  const newId = idsOf(seededRandom(3));
  const upstreams: HeldUpstreams = new HeldUpstreams({ ...config, admission, ...more }, clock => ({
    ledger: memoryLedger(keyspace, clock),
    newId,
  }));
  const ledger = memoryLedger(keyspace, upstreams.clock);
  const parsed = batchSchema.parse(config.batch);
  const files = new Files(ledger, parsed);
  const batches = new Batches(ledger, parsed, files);
  await files.create({
    id: 'file-1',
    tenant: 'anonymous',
    name: 'in',
    purpose: 'batch',
    createdMs: 0,
    content: inputOf(['a', 'b', 'c', 'd']),
  });
  const metadata = null;
  await batches.create({
    id: 'batch_1',
    tenant: 'anonymous',
    input: 'file-1',
    endpoint: '/v1/chat/completions',
    metadata,
    createdMs: 0,
  });
  return { upstreams, completed: async () => (await batches.find('batch_1'))!.completed };
}

const at = (upstreams: HeldUpstreams) => [...upstreams.working.keys()];

test('lines run only while nothing else waits, and one after the other as the slots of their level allow', async () => {
  const { upstreams, completed } = await withBatch({ capacity: 2, reservedRatio: 0 });
  await using _ = upstreams;
  upstreams.client('one');
  await upstreams.advance(20);
  upstreams.client('two');
  await upstreams.advance(20);
  expect(at(upstreams)).toEqual(['one', 'two']);
  upstreams.client('three');
  await upstreams.advance(1000);
  // Lines have been taken, and wait.
  expect(await upstreams.metric('gateway_batch_lines_running')).toBe(LINES);
  await upstreams.complete('one');
  await upstreams.advance(20);
  expect(at(upstreams)).toEqual(['two', 'three']);
  await upstreams.complete('two');
  await upstreams.advance(20);
  // A half of the capacity is one slot.
  expect(at(upstreams)).toHaveLength(2);
  const [line] = at(upstreams).filter(id => id !== 'three');
  await upstreams.complete('three');
  await upstreams.advance(200);
  expect(at(upstreams)).toEqual([line]);
  for (let nth = 0; nth < LINES; nth += 1) {
    await upstreams.complete(at(upstreams)[0]!);
    await upstreams.advance(100);
  }
  expect(await completed()).toBe(LINES);
});

test('without admission they run at once, beside everything else', async () => {
  const { upstreams } = await withBatch('off');
  await using _ = upstreams;
  upstreams.client('one');
  await upstreams.advance(1000);
  expect(at(upstreams)).toHaveLength(1 + LINES);
  for (const id of at(upstreams)) await upstreams.complete(id);
  await upstreams.advance(100);
});

// A line has no connection, hence neither an address nor a session.
test.each(['ip-hash', 'session-hash', 'prefix'] as const)('they run with the balancer %s', async policy => {
  const { upstreams, completed } = await withBatch('off', { balancer: { policy } });
  await using _ = upstreams;
  await upstreams.advance(1000);
  expect(at(upstreams)).toHaveLength(LINES);
  for (const id of at(upstreams)) await upstreams.complete(id);
  await upstreams.advance(100);
  expect(await completed()).toBe(LINES);
});
