import { expect, test } from 'vitest';
import { loadScenario } from '../../scenarios/load-scenario.ts';
import type { Scenario } from '../../scenarios/scenario.ts';

const OPTIONS = { seed: 1, platform: 'process', replay: 'npx squall run it' } as const;

test('a scenario that was never in a file goes the same way as one of the catalogue', async () => {
  const raw: Scenario = {
    name: 'made-up',
    why: 'Written by a program.',
    load: { stages: [{ at: '5/s', for: '2s' }] },
    slos: [{ name: 'errors stay rare', objective: 'errors <= 1%' }],
  };
  const found = { source: 'a program', raw, folder: '/' };
  const { compiled } = await loadScenario(found, { ...OPTIONS, changes: { 'load.stages.0.for': '7s' } });
  expect(compiled.plan).toMatchObject({ scenario: 'made-up', seed: 1, replay: 'npx squall run it' });
  expect(compiled.plan.load.ramps.at(-1)).toMatchObject({ fromPerSecond: 5, toMs: 7000 });
  expect((await loadScenario('node-loss', OPTIONS)).compiled.plan.scenario).toBe('node-loss');
});

test('what is wrong with it is told by where it comes from and by the field', async () => {
  const found = { source: 'a program', raw: { name: 'x', lode: 1 }, folder: '/' };
  await expect(loadScenario(found, OPTIONS)).rejects.toMatchObject({
    message: expect.stringMatching(/a program(.|\n)*`lode`/),
  });
  await expect(loadScenario('node-loss', { ...OPTIONS, segment: { index: 1, of: 2 } })).rejects.toMatchObject({
    code: 'SEGMENT_WITHOUT_TARGET',
  });
  await expect(loadScenario('node-loss', { ...OPTIONS, startAt: new Date(0) })).rejects.toMatchObject({
    code: 'START_TOO_EARLY',
  });
});

test('a limit of a recovery that is shorter than its fault is rejected before anything starts', async () => {
  const limited = (objective: string) =>
    loadScenario('redis-loss', { ...OPTIONS, changes: { 'slos.recovery from Redis loss.objective': objective } });
  // The outage lasts 6 s.
  await expect(limited('recovery(outage) <= 5.9 s')).rejects.toMatchObject({
    code: 'BAD_SCENARIO',
    message: expect.stringMatching(/`slos\[4\]\.objective` to be recovery within more than 6 s, .*from heal/),
  });
  for (const objective of ['recovery(outage) <= 7 s', 'recovery(outage, from heal) <= 1 s'])
    expect((await limited(objective)).compiled.plan.slos[4]).toMatchObject({ objective });
});
