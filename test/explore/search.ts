import { availableParallelism } from 'node:os';
import { describeSchedule, type Exploration, explore } from '../../scenarios/explore/explore.ts';
import { type Checkout, PLANTED, plantedCopy, plantedScenario, poolOn, UNCHANGED } from './planted.ts';

/*
 * `npm run test:planted [part of a name]`: explores a copy of the sources with each planted bug until the bug is found, shrinks what was
 * found, and tries as many schedules on the sources as they are, which must find nothing.
 */

/** Most schedules until a bug must be found, and most faults of the smallest schedule that shows it. */
const MAX_SCHEDULES = 500;
const MAX_FAULTS = 2;
const SEED = 1;

async function search(checkout: Checkout, runs: number): Promise<Exploration> {
  const found = new AbortController();
  const { subject, ...scenario } = await plantedScenario();
  const jobs = availableParallelism();
  await using pool = poolOn(checkout, subject, jobs, found.signal);
  return await explore({
    ...{ ...scenario, seed: SEED, from: 0, runs, pool, jobs, signal: found.signal },
    onFinding: () => found.abort(),
  });
}

const wanted = process.argv[2] ?? '';
let mostTried = 0;
let failed = 0;
for (const bug of PLANTED.filter(({ name }) => name.includes(wanted))) {
  const startedMs = performance.now();
  using copy = plantedCopy(bug);
  const { findings, cpuMs, runs, obstacle } = await search(copy, MAX_SCHEDULES);
  const took = `${Math.round((performance.now() - startedMs) / 1000)} s, ${Math.round(cpuMs / 1000)} s of processor time, ${runs} runs`;
  const [finding] = findings;
  if (!finding) {
    failed += 1;
    console.log(`NOT FOUND  ${bug.name}: ${obstacle ?? `in ${MAX_SCHEDULES} schedules`}; ${took}`);
    continue;
  }
  const { failure, index, smallest, tries } = finding;
  const isSmall = smallest.faults.length <= MAX_FAULTS;
  if (!isSmall) failed += 1;
  mostTried = Math.max(mostTried, index + 1);
  console.log(
    `${isSmall ? 'found' : 'TOO LARGE'}  ${bug.name}: ${failure.name} at schedule ${index}, ${smallest.faults.length} faults after ${tries} tries; ${took}\n` +
      `  ${describeSchedule(smallest)}\n  ${failure.message}\n  ${JSON.stringify(smallest)}`,
  );
}
if (wanted === '') {
  const { findings, next, unjudged } = await search(UNCHANGED, mostTried);
  if (findings.length > 0) failed += 1;
  console.log(
    `without a bug: ${findings.length} findings in ${next} schedules, ${JSON.stringify(unjudged)} not judged`,
  );
  for (const { failure, smallest } of findings)
    console.log(`  ${failure.name}: ${failure.message}: ${describeSchedule(smallest)}`);
}
process.exitCode = failed > 0 ? 1 : 0;
