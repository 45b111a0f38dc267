import { validateHeaderValue } from 'node:http';
import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import type { Instances } from '../../../../stack/control/client.ts';
import { gatewayConfigSchema } from '../../../../stack/gateway/config.ts';
import { type DiscoveryOptions, followCatalog, nextIndex } from '../../../../stack/gateway/upstream/discovery.ts';
import { diffUpstreams } from '../../../../stack/gateway/upstream/upstream-diff.ts';
import { FakeClock } from '../../../fake-clock.ts';

const at = (...entries: string[]) => entries.map(entry => ({ name: entry[0]!, url: `http://${entry}` }));
const names = (list: readonly { name: string }[]) => list.map(({ name }) => name).join('');

test.each([
  // current, listed, added, moved, unchanged, missing
  ['', 'a1 b1', 'ab', '', '', ''],
  ['a1 b1', 'a1 b1', '', '', 'ab', ''],
  ['a1 b1', 'b1 c1', 'c', '', 'b', 'a'],
  ['a1', 'a2', '', 'a', '', ''],
  ['a1 b1', '', '', '', '', 'ab'],
  ['a1', 'a1 a2', '', 'a', '', ''],
  ['', '', '', '', '', ''],
])('from [%s] to [%s]: +%s ~%s =%s -%s', (current, listed, added, moved, unchanged, missing) => {
  const list = (text: string) => at(...text.split(' ').filter(Boolean));
  const diff = diffUpstreams(list(current), list(listed));
  expect([names(diff.added), names(diff.moved), diff.unchanged.join(''), diff.missing.join('')]).toEqual([
    added,
    moved,
    unchanged,
    missing,
  ]);
});

test.each([
  [0, 7, 7],
  [7, 8, 8],
  [7, 7, 7],
  [7, 6, 0],
  [7, 0, 0],
])('after index %i a response with index %i continues at %i', (previous, received, next) => {
  expect(nextIndex(previous, received)).toBe(next);
});

const options = gatewayConfigSchema.shape.discovery.parse({
  ...{ url: 'http://x', minIntervalMs: 100, backoff: { baseDelayMs: 200, maxDelayMs: 1000 } },
}) as DiscoveryOptions;

/** Runs discovery for `forMs` of virtual time against a scripted agent. Returns its queries, the updates and the failures. */
async function follow(forMs: number, respond: (call: number) => Instances | Error) {
  const clock = new FakeClock();
  const queries: { atMs: number; index: number }[] = [];
  const updates: string[] = [];
  const failures: number[] = [];
  const stop = new AbortController();
  const client = {
    async instances({ index }: { index: number }) {
      queries.push({ atMs: clock.nowMs(), index });
      const result = respond(queries.length - 1);
      if (result instanceof Error) throw result;
      return result;
    },
  };
  const ended = followCatalog(
    {
      ...{ options, clock, random: seededRandom(1), client },
      onUpdate: instances => updates.push(names(instances)),
      onFailure: (_, count) => failures.push(count),
    },
    stop.signal,
  );
  await clock.advance(forMs);
  stop.abort();
  await ended;
  return { queries, updates, failures };
}

test.each([
  ['web-1', 'web-1'],
  ['é 名\n', '%C3%A9%20%E5%90%8D%0A'],
  ['\u{1f999}\ud800', '%F0%9F%A6%99%EF%BF%BD'],
])('an instance with the id %j is an upstream with a name for headers', async (id, name) => {
  const { updates, failures } = await follow(1, () => ({ index: 0, instances: [{ id, address: '127.0.0.1:1' }] }));
  expect([updates[0], failures]).toEqual([name, []]);
  expect(() => validateHeaderValue('x-squall-upstream', updates[0]!)).not.toThrow();
});

test('an agent that never blocks is queried ten times a second instead of in a tight loop', async () => {
  const { queries } = await follow(10_000, () => ({ index: 0, instances: [] }));
  expect(queries.length).toBeGreaterThan(95);
  expect(queries.length).toBeLessThanOrEqual(101);
});

test('failed queries back off up to the maximum and restart at index 0', async () => {
  const { queries, updates, failures } = await follow(60_000, call =>
    call === 0
      ? {
          index: 5,
          instances: [
            { id: 'b', address: 'h:2' },
            { id: 'a', address: 'h:1' },
          ],
        }
      : new Error('gone'),
  );
  expect(updates, 'failures report no update').toEqual(['ab']);
  expect(queries.slice(0, 3).map(({ index }) => index)).toEqual([0, 5, 0]);
  // Equal jitter: between half and the whole of 1000 ms, so 60 to 120 times a minute and a few more at the start.
  expect(failures.length).toBeGreaterThan(60);
  expect(failures.length).toBeLessThan(130);
  const gaps = queries.slice(1).map(({ atMs }, index) => atMs - queries[index]!.atMs);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(1000);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100);
});
