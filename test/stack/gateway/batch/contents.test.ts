import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { sealedContents } from '../../../../stack/gateway/batch/contents.ts';
import type { Ledger } from '../../../../stack/gateway/batch/ledger/ledger.ts';
import { Sealing } from '../../../../stack/gateway/cache/sealing.ts';
import type { Stage } from '../../../../stack/gateway/http/exchange.ts';
import { Keyspace } from '../../../../stack/redis/keyspace.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { idsOf, inputOf, memoryLedger, resultsOf, startService, submit } from './inside.ts';

const START_MS = 1_700_000_000_000;

/** An upstream whose response repeats the prompt. */
const echo: Stage = exchange => {
  exchange.attempts += 1;
  const { messages } = JSON.parse(String(exchange.body)) as { messages: [{ content: string }] };
  exchange.response.writeHead(200, ['content-type', 'application/json']);
  exchange.response.end(JSON.stringify({ text: messages[0].content }));
};

test('with a key nothing of prompts and results can be read in the store, nor be put in place of another', async () => {
  const clock = new FakeClock(START_MS);
  const seen: string[] = [];
  const ledger = memoryLedger(new Keyspace(), clock);
  const watched: Ledger = {
    ...ledger,
    commit: (checks, commands) => {
      seen.push(JSON.stringify(commands));
      return ledger.commit(checks, commands);
    },
  };
  const contents = sealedContents(new Sealing(Buffer.alloc(32, 3), idsOf(seededRandom(8))));
  const { service } = startService(watched, clock, echo, { contents });
  const id = await submit(service, inputOf(['private one', 'private two']));
  await clock.advance(2000);
  const batch = (await service.batches.find(id))!;
  expect(batch).toMatchObject({ status: 'completed', completed: 2 });
  expect((await resultsOf(service, batch)).map(result => result.response!.body)).toEqual([
    { text: 'private one' },
    { text: 'private two' },
  ]);
  expect(seen.join()).toContain('content:');
  expect(seen.join()).not.toMatch(/private|messages/);
  const stored = (await ledger.bytes(`content:${batch.outputFile}`))!;
  expect(stored.length).toBeGreaterThan(100);
  await ledger.commit([], [['SET', `content:${batch.input}`, String(stored)]]);
  expect(await service.files.content(batch.input)).toBeUndefined();
  // Both count for what they take.
  const size = (await service.files.get('a', batch.outputFile!))!.size;
  expect(size).toBe(stored.length + 1024);
});
