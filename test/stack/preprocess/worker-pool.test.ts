import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import { parsePreprocessConfig, preprocessSchema } from '../../../stack/preprocess/config.ts';
import { prepare } from '../../../stack/preprocess/prepare.ts';
import { type JobEnd, WorkerPool } from '../../../stack/preprocess/worker-pool.ts';
import { FakeClock } from '../../fake-clock.ts';

const FAR = Number.POSITIVE_INFINITY;

/** A pool and what has become of its jobs, with the time. */
function start(config: object) {
  const clock = new FakeClock();
  const pool = new WorkerPool(preprocessSchema.parse(config), clock);
  const ends: [number, JobEnd, number][] = [];
  const run = (id: number, costMs: number, deadlineMs = FAR) => {
    const job = pool.run(costMs, deadlineMs);
    void job.ended.then(end => ends.push([id, end, clock.nowMs()]));
    return job;
  };
  return { clock, pool, ends, run };
}

describe('a pool', () => {
  test('has as many jobs at once as workers, and the others in their order', async () => {
    const { clock, pool, ends, run } = start({ workers: 2 });
    for (const [id, costMs] of [30, 10, 10, 5].entries()) run(id, costMs);
    expect([pool.busy, pool.waiting, pool.expectedWaitMs]).toEqual([2, 2, 25]);
    await clock.advance(100);
    expect(ends).toEqual([
      [1, 'done', 10],
      [2, 'done', 20],
      [3, 'done', 25],
      [0, 'done', 30],
    ]);
  });

  test('turns away at once what is too much, would wait too long, or miss its deadline', async () => {
    const { clock, ends, run } = start({ workers: 1, queue: { maxRequests: 2, maxWaitMs: 50 } });
    run(0, 40);
    run(1, 40);
    run(2, 40);
    run(3, 40, 70);
    await clock.advance(0);
    // The third would wait 80 ms.
    expect(ends).toEqual([
      [2, 'slow', 0],
      [3, 'slow', 0],
    ]);
    run(4, 1, 100);
    await clock.advance(0);
    expect(ends.at(-1)).toEqual([4, 'slow', 0]);
    const small = start({ workers: 1, queue: { maxRequests: 1 } });
    for (const id of [0, 1, 2]) small.run(id, 10);
    await small.clock.advance(0);
    expect(small.ends).toEqual([[2, 'full', 0]]);
  });

  test('without a bound keeps everything until its deadline', async () => {
    const { clock, pool, ends, run } = start({ workers: 1, queue: 'off' });
    for (let id = 0; id < 100; id += 1) run(id, 10, 500);
    await clock.advance(0);
    expect([pool.waiting, ends]).toEqual([99, []]);
    await clock.advance(1000);
    expect(ends.filter(([, end]) => end === 'done')).toHaveLength(50);
    expect(ends.filter(([, end, atMs]) => end === 'deadline' && atMs === 500)).toHaveLength(50);
  });

  test('frees the place, or the worker, of a job that is cancelled', async () => {
    const { clock, pool, ends, run } = start({ workers: 1 });
    const [first, second] = [run(0, 100), run(1, 100)];
    run(2, 10);
    second.cancel();
    first.cancel();
    first.cancel();
    await clock.advance(10);
    expect(ends).toEqual([
      [1, 'cancelled', 0],
      [0, 'cancelled', 0],
      [2, 'done', 10],
    ]);
    expect([pool.busy, pool.waiting]).toEqual([0, 0]);
  });

  test('never has more than its bounds, loses no job and idles no worker, in 500 random histories', async () => {
    for (let seed = 1; seed <= 500; seed += 1) {
      const random = seededRandom(seed);
      const [workers, maxRequests] = [random.integer(1, 4), random.integer(0, 6)];
      const { clock, pool, ends, run } = start({ workers, queue: { maxRequests, maxWaitMs: 60 } });
      const jobs: ReturnType<typeof run>[] = [];
      for (let step = 0; step < 40; step += 1) {
        const what = random.integer(0, 9);
        if (what < 6) jobs.push(run(jobs.length, random.integer(0, 30), clock.nowMs() + random.integer(1, 120)));
        else if (what < 8 && jobs.length > 0) random.pick(jobs).cancel();
        else await clock.advance(random.integer(1, 40));
        expect(pool.busy).toBeLessThanOrEqual(workers);
        expect(pool.waiting).toBeLessThanOrEqual(maxRequests);
        if (pool.waiting > 0) expect(pool.busy).toBe(workers);
      }
      await clock.advance(1000);
      expect(ends.map(([id]) => id).sort((a, b) => a - b)).toEqual(jobs.map((_, id) => id));
      // What was let in was in time, unless it was cancelled.
      expect(ends.filter(([, end]) => end === 'deadline')).toEqual([]);
    }
  });
});

test('a request is prepared, and nothing but its text is changed', () => {
  const request = {
    ...{ model: 'e\u0301', stream: true, temperature: 0.1 },
    messages: [
      { role: 'system', content: 'a\r\nb', name: 'e\u0301' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'e\u0301' },
          { type: 'image_url', image_url: { url: 'e\u0301' } },
        ],
      },
    ],
  };
  const { body, characters } = prepare(JSON.stringify(request));
  expect(characters).toBe(6);
  expect(JSON.parse(body)).toEqual({
    ...request,
    messages: [
      { role: 'system', content: 'a\nb', name: 'e\u0301' },
      {
        role: 'user',
        content: [
          { type: 'text', text: '\u00e9' },
          { type: 'image_url', image_url: { url: 'e\u0301' } },
        ],
      },
    ],
  });
  expect(JSON.parse(prepare('{"prompt":["e\\u0301",7]}').body)).toEqual({ prompt: ['\u00e9', 7] });
  for (const text of ['', '[]', '3', '{']) expect(() => prepare(text)).toThrow(SyntaxError);
});

test.each([
  [{ workers: 0 }, '`workers`'],
  [{ microsPerCharacter: -1 }, '`microsPerCharacter`'],
  [{ queue: { maxRequest: 1 } }, 'unknown key `queue.maxRequest`'],
  [{ queue: { maxWaitMs: -1 } }, '`queue.maxWaitMs`'],
])('the configuration %j is refused, and the field is named', (config, message) => {
  expect(() => parsePreprocessConfig(JSON.stringify(config))).toThrow(message);
});
