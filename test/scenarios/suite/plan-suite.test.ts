import { expect, it } from 'vitest';
import { loadOptions } from '../../../cli/suite/open.ts';
import { planSuite } from '../../../scenarios/suite/plan-suite.ts';
import { validateSuite } from '../../../scenarios/suite/suite.ts';

async function proofsOf(prove: unknown): Promise<string[]> {
  const scenarios = ['weighted-tiers', 'certificate-renewal', 'random-faults'];
  const platforms = ['virtual', 'process'] as const;
  const suite = validateSuite({ name: 'mine', why: 'For a test.', scenarios, platforms, prove, seeds: 2 }, 'a test');
  const { places } = await planSuite({
    ...{ suite, scenarios, platforms, signal: new AbortController().signal },
    optionsOf: (...place) => loadOptions({ suite, external: undefined }, ...place),
  });
  return places
    .filter(({ proofs }) => proofs.length > 0)
    .map(({ scenario, platform, seed }) => `${scenario} ${platform} ${seed}`);
}

it('proves each scenario everywhere, once or not at all', async () => {
  expect(await proofsOf(true)).toEqual([
    ...['weighted-tiers virtual 42', 'weighted-tiers process 42', 'certificate-renewal process 42'],
    ...['weighted-tiers virtual 43', 'weighted-tiers process 43', 'certificate-renewal process 43'],
  ]);
  // What virtual time lacks is proved where it can run.
  expect(await proofsOf('once')).toEqual(['weighted-tiers virtual 42', 'certificate-renewal process 42']);
  expect(await proofsOf(false)).toEqual([]);
});
