import { describe, expect, it } from 'vitest';
import { compileScenario } from '../../../scenarios/compile.ts';
import type { Split } from '../../../scenarios/load/split.ts';
import { validateScenario } from '../../../scenarios/validate.ts';

const STAGES = [{ at: '20/s', for: '10s' }];
const SESSIONS = { promptTokens: 10, outputTokens: 5, sessions: { turns: [1, 3] } };
const SLOS = [{ name: 's', objective: 'errors <= 1%' }];

function planOf(load: object, split: Split) {
  const scenario = validateScenario({ name: 'x', why: 'y', load, slos: SLOS }, 'x.yaml');
  return compileScenario(scenario, { seed: 1, platform: 'process', replay: 'npx squall run x.yaml', ...split }).plan;
}

describe.each<[string, Split]>([
  ['several workers', { workers: 2 }],
  ['segments', { segment: { index: 1, of: 2 } }],
])('a load for %s', (_, split) => {
  it.each([
    ['a closed loop', { arrivals: 'closed', stages: [{ users: 4, for: '10s' }] }, /`load\.arrivals`.*open loop/],
    ['conversations', { stages: STAGES, workload: SESSIONS }, /`load\.workload\.sessions`.*left out/],
    [
      'conversations of one class',
      { stages: STAGES, clients: { classes: [{ name: 'a' }, { name: 'b', workload: SESSIONS }] } },
      /`load\.clients\.classes\[1\]\.workload\.sessions`/,
    ],
    ['a bound that cannot be split', { stages: STAGES, maxInFlight: 1 }, /`load\.maxInFlight`.*at least 2/],
  ])('is not %s', (_what, load, message) => {
    expect(() => planOf(load, split)).toThrow(message);
    expect(() => planOf(load, {})).not.toThrow();
  });
});

it('announces the arrivals of a segment, and those of the whole', () => {
  const load = { arrivals: { kind: 'gamma', cv: 2 }, stages: STAGES };
  const whole = planOf(load, {});
  const parts = [1, 2, 3].map(index => planOf(load, { segment: { index, of: 3 } }));
  expect(parts.map(({ segment }) => segment!.whole)).toEqual([whole.arrivals, whole.arrivals, whole.arrivals]);
  expect(parts.reduce((total, { arrivals }) => total + arrivals!.count, 0)).toBe(whole.arrivals!.count);
  expect(new Set(parts.map(({ arrivals }) => arrivals!.sha256)).size).toBe(3);
});

it('is refused, before it is enumerated, where its records could not be read again', () => {
  const stages = (perSecond: number) => ({ stages: [{ at: `${perSecond}/s`, for: '24h' }], warmUp: '1s' });
  expect(() => planOf(stages(1200), {})).toThrow(
    /`load\.stages`.*at most 100000000 arrivals.*lower a rate.*got 10368\d{4}/,
  );
  expect(() => planOf(stages(1), {})).not.toThrow();
});
