import { expect, it } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import { DueQueue } from '../../../load/stream/due-queue.ts';

it('gives back in order what was added in any, the first added first of those due together', () => {
  const random = seededRandom(1);
  for (let round = 0; round < 200; round += 1) {
    const queue = new DueQueue<{ dueMs: number; order: number }>();
    const added: { dueMs: number; order: number }[] = [];
    const taken: { dueMs: number; order: number }[] = [];
    for (let order = 0; order < random.integer(0, 60); order += 1) {
      const item = { dueMs: random.integer(0, 20), order };
      added.push(item);
      queue.add(item.dueMs, item);
    }
    while (queue.nextMs !== undefined) {
      expect(queue.nextMs).toBe(Math.min(...added.filter(item => !taken.includes(item)).map(({ dueMs }) => dueMs)));
      taken.push(queue.take()!);
    }
    expect(taken).toEqual(added.toSorted((a, b) => a.dueMs - b.dueMs || a.order - b.order));
    expect(queue.take()).toBeUndefined();
  }
});
