import { expect, it } from 'vitest';
import { Turns } from '../../../platform/docker/turns.ts';

const forever = new AbortController().signal;

/** A task that says when it begins, and ends when it is told to. */
function task(name: string, began: string[]) {
  const end = Promise.withResolvers<string>();
  const run = () => {
    began.push(name);
    return end.promise;
  };
  return { run, end: () => end.resolve(name), fail: () => end.reject(new Error(name)) };
}

it('runs so many tasks at a time, in the order in which they came, also after one that failed', async () => {
  const turns = new Turns(2);
  const began: string[] = [];
  const tasks = ['a', 'b', 'c', 'd'].map(name => task(name, began));
  const ends = tasks.map(({ run }) => turns.run(run, forever));
  expect(began).toEqual(['a', 'b']);
  tasks[1]!.fail();
  await expect(ends[1]).rejects.toThrow('b');
  expect(began).toEqual(['a', 'b', 'c']);
  tasks[0]!.end();
  await ends[0];
  const late = task('e', began);
  const lateEnd = turns.run(late.run, forever);
  expect(began).toEqual(['a', 'b', 'c', 'd']);
  for (const { end } of [...tasks.slice(2), late]) end();
  expect(await Promise.all([ends[2], ends[3], lateEnd])).toEqual(['c', 'd', 'e']);
});

it('never begins one that was given up while it waited, and gives its turn to the next', async () => {
  const turns = new Turns(1);
  const began: string[] = [];
  const [a, b, c] = [task('a', began), task('b', began), task('c', began)];
  const given = new AbortController();
  const ends = [turns.run(a.run, forever), turns.run(b.run, given.signal), turns.run(c.run, forever)];
  given.abort(new Error('no longer wanted'));
  await expect(ends[1]).rejects.toThrow('no longer wanted');
  a.end();
  await ends[0];
  expect(began).toEqual(['a', 'c']);
  // It runs, and ends as it does.
  given.abort();
  c.end();
  expect(await ends[2]).toBe('c');
});
