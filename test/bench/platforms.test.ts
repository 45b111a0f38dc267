import { expect, it } from 'vitest';
import { catalogNames } from '../../scenarios/find.ts';
import { REFUSED } from '../scenarios/virtual-catalog.ts';
import { COMPARED, disagrees, type Figures, rowOf } from './platforms.ts';

const virtual: Figures = { verdict: 'pass', ttftP50Ms: 18, ttftP99Ms: 100, errors: 0, attempts: 1000, ejections: 2 };
const row = (real: Partial<Figures>) => ({ name: 'x', virtual, real: { ...virtual, ...real } });

// 15 % of the larger one or 3 ms, whichever is less: of 18 ms both are about the same, of 100 ms it is 3.
it.each<[Partial<Figures>, string]>([
  [{}, '| x | pass / pass | 18 / 18 ms | 100 / 100 ms | 0 / 0 | 1000 / 1000 | 2 / 2 |'],
  [{ ttftP50Ms: 20.9 }, '| 18 / 20.9 ms |'],
  [{ ttftP50Ms: 21.5 }, '| **18 / 21.5 ms** |'],
  [{ ttftP99Ms: 102.9 }, '| 100 / 102.9 ms |'],
  [{ ttftP99Ms: 96.5 }, '| **100 / 96.5 ms** |'],
  [{ ttftP99Ms: null }, '| **100 / – ms** |'],
  [{ errors: 1 }, '| **0 / 1** |'],
  [{ attempts: 1100 }, '| 1000 / 1100 |'],
  [{ attempts: 1200 }, '| **1000 / 1200** |'],
  [{ verdict: 'fail' }, '| **pass / fail** |'],
])('marks what differs between platforms: %j', (real, cells) => {
  expect(rowOf(row(real))).toContain(cells);
  expect(disagrees(row(real))).toBe(real.verdict !== undefined);
});

it('compares scenarios that both platforms can run', () => {
  for (const name of COMPARED) expect([catalogNames().includes(name), name in REFUSED]).toEqual([true, false]);
});
