import { expect, test } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import { RetryBudget } from '../../../harness/retry/budget.ts';

test('retries stay within ratio and minimum in every window of 10 s', () => {
  const random = seededRandom(7);
  for (let round = 0; round < 10; round += 1) {
    const options = { budgetRatio: random.next(), budgetMinPerSecond: random.integer(0, 4) };
    const budget = new RetryBudget(options);
    const requests: number[] = [];
    const retries: number[] = [];
    let nowMs = random.integer(0, 100_000);
    for (let i = 0; i < 1500; i += 1) {
      nowMs += random.exponential(10);
      requests.push(nowMs);
      budget.deposit(nowMs);
      if (budget.withdraw(nowMs)) retries.push(nowMs);
      const inWindow = (times: number[]) => times.filter(time => time > nowMs - 9000).length;
      // Ten slots cover 9 to 10 s: all retries of the last 9 s count, and no request older than 10 s does.
      const counted = requests.filter(time => time > nowMs - 10_000).length;
      expect(inWindow(retries)).toBeLessThanOrEqual(options.budgetRatio * counted + options.budgetMinPerSecond * 10);
    }
  }
});

test('an outage spends the minimum at once, and then only the ratio', () => {
  const budget = new RetryBudget({ budgetRatio: 0.2, budgetMinPerSecond: 1 });
  let allowed = 0;
  for (let i = 0; i < 1000; i += 1) {
    budget.deposit(i);
    for (let retry = 0; retry < 3; retry += 1) if (budget.withdraw(i)) allowed += 1;
  }
  expect(allowed).toBe(210);
});

test('the budget refills with time', () => {
  const budget = new RetryBudget({ budgetRatio: 0, budgetMinPerSecond: 1 });
  while (budget.withdraw(0));
  expect(budget.remaining(9000)).toBe(0);
  expect(budget.remaining(10_000)).toBe(10);
});

test('without ratio and minimum there are no retries', () => {
  const budget = new RetryBudget({ budgetRatio: 0, budgetMinPerSecond: 0 });
  budget.deposit(0);
  expect(budget.withdraw(0)).toBe(false);
});
