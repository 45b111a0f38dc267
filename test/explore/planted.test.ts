import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../scenarios/explore/pool.ts';
import type { TrialSubject } from '../../scenarios/explore/trial.ts';
import { PLANTED, plantedCopy, plantedScenario, poolOn, textWith, UNCHANGED } from './planted.ts';

/** One bug for each invariant: a bug takes three seconds. */
const EVERYDAY = PLANTED.filter((bug, nth) => nth === PLANTED.findIndex(({ breaks }) => breaks === bug.breaks));

/*
 * Planted bugs with the smallest schedule that exploration found for each: in a copy of the sources with the bug its invariant is broken, in
 * the sources as they are nothing is. `npm run test:planted` searches for all of them anew.
 */
describe('exploration', () => {
  const ended = new AbortController();
  let subject: TrialSubject;
  let unchanged: Pool;
  beforeAll(async () => {
    ({ subject } = await plantedScenario());
    unchanged = poolOn(UNCHANGED, subject, 1, ended.signal);
  });
  afterAll(() => unchanged[Symbol.asyncDispose]());

  it.concurrent.each(EVERYDAY)('finds $name', { timeout: 120_000 }, async bug => {
    using copy = plantedCopy(bug);
    await using planted = poolOn(copy, subject, 1, ended.signal);
    const [{ failures }, without] = await Promise.all([planted.try(bug.shows), unchanged.try(bug.shows)]);
    expect(failures.map(({ name }) => name)).toContain(bug.breaks);
    expect(without).toMatchObject({ failures: [] });
  });
});

it.each(PLANTED)('$name can be planted, and takes two faults at most', bug => {
  expect(textWith(bug).split('\n')).toContain(bug.replacement);
  expect(bug.shows.faults.length).toBeLessThanOrEqual(2);
});

it('a bug whose line is not there, or there twice, is no bug', () => {
  const [bug] = PLANTED;
  for (const line of ['nothing like it', '}'])
    expect(() => textWith({ ...bug!, file: 'harness/retry/budget.ts', line })).toThrow(/to have the line once/);
});
