import { expect, test } from 'vitest';
import { FakeClock } from '../../../../harness/clock.ts';
import { seededRandom } from '../../../../harness/random.ts';
import type { Instances } from '../../../../stack/control/client.ts';
import { gatewayConfigSchema } from '../../../../stack/gateway/config.ts';
import { type DiscoveryOptions, followCatalog, nextIndex } from '../../../../stack/gateway/upstream/discovery.ts';
import { diffUpstreams } from '../../../../stack/gateway/upstream/upstream-diff.ts';

const at = (...entries: string[]) => entries.map(entry => ({ name: entry[0]!, url: `http://${entry}` }));
const names = (list: readonly { name: string }[]) => list.map(({ name }) => name).join('');

test.each([
  // there, told, added, moved, told as they are, missing
  ['', 'a1 b1', 'ab', '', '', ''],
  ['a1 b1', 'a1 b1', '', '', 'ab', ''],
  ['a1 b1', 'b1 c1', 'c', '', 'b', 'a'],
  ['a1', 'a2', '', 'a', '', ''],
  ['a1 b1', '', '', '', '', 'ab'],
  ['a1', 'a1 a2', '', 'a', '', ''],
  ['', '', '', '', '', ''],
])('from [%s] to [%s]: +%s ~%s =%s -%s', (current, told, added, moved, same, missing) => {
  const list = (text: string) => at(...text.split(' ').filter(Boolean));
  const diff = diffUpstreams(list(current), list(told));
  expect([names(diff.added), names(diff.moved), diff.told.join(''), diff.missing.join('')]).toEqual([
    added,
    moved,
    same,
    missing,
  ]);
});

test.each([
  [0, 7, 7],
  [7, 8, 8],
  [7, 7, 7],
  [7, 6, 0],
  [7, 0, 0],
])('after index %i an answer with %i leads to %i', (before, answered, next) => {
  expect(nextIndex(before, answered)).toBe(next);
});

const options = gatewayConfigSchema.shape.discovery.parse({
  ...{ url: 'http://x', minIntervalMs: 100, backoff: { baseMs: 200, maxMs: 1000 } },
}) as DiscoveryOptions;

/** Runs discovery for `forMs` of virtual time over an agent that answers as scripted, and tells when it was asked with what. */
async function follow(forMs: number, answer: (call: number) => Instances | Error) {
  const clock = new FakeClock();
  const asked: { atMs: number; index: number }[] = [];
  const told: string[] = [];
  const failures: number[] = [];
  const stop = new AbortController();
  const client = {
    async instances({ index }: { index: number }) {
      asked.push({ atMs: clock.nowMs(), index });
      const result = answer(asked.length - 1);
      if (result instanceof Error) throw result;
      return result;
    },
  };
  const ended = followCatalog(
    {
      ...{ options, clock, random: seededRandom(1), client },
      told: instances => told.push(names(instances)),
      failed: (_, count) => failures.push(count),
    },
    stop.signal,
  );
  await clock.advance(forMs);
  stop.abort();
  await ended;
  return { asked, told, failures };
}

test('an agent that never blocks is asked ten times a second, not in a tight loop', async () => {
  const { asked } = await follow(10_000, () => ({ index: 0, instances: [] }));
  expect(asked.length).toBeGreaterThan(95);
  expect(asked.length).toBeLessThanOrEqual(101);
});

test('a dead agent is asked ever more seldom, up to the bound, and is asked for everything again', async () => {
  const { asked, told, failures } = await follow(60_000, call =>
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
  expect(told, 'failures tell nothing').toEqual(['ab']);
  expect(asked.slice(0, 3).map(({ index }) => index)).toEqual([0, 5, 0]);
  // Equal jitter: between half and the whole of 1000 ms, so 60 to 120 times a minute and a few more at the start.
  expect(failures.length).toBeGreaterThan(60);
  expect(failures.length).toBeLessThan(130);
  const gaps = asked.slice(1).map(({ atMs }, index) => atMs - asked[index]!.atMs);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(1000);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100);
});
