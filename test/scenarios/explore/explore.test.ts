import { expect, it } from 'vitest';
import { SquallError } from '../../../harness/errors.ts';
import { type Exploration, explore } from '../../../scenarios/explore/explore.ts';
import type { Pool } from '../../../scenarios/explore/pool.ts';
import { EMPTY, type Schedule } from '../../../scenarios/explore/schedule.ts';
import type { Failure, Trial } from '../../../scenarios/explore/trial.ts';
import { chaosOf } from './fixture.ts';

const { plan: chaos, written: scenario } = await chaosOf();
const SLO: Failure = { kind: 'slo', name: 'error rate', message: 'too many' };
const LOST: Failure = { kind: 'invariant', name: 'every-request-ends', message: 'one did not' };
const PASS: Trial = { failures: [], slos: [], requests: 600, virtualMs: 50_000, cpuMs: 400 };

/** What a stack does that cannot stand a killed replica, nor a paused one while discovery is away. */
function broken({ faults }: Schedule): Trial {
  const has = (kind: string, on: RegExp) => faults.some(fault => fault.kind === kind && on.test(fault.on));
  const failures = [
    ...(has('kill', /^inference/) ? [SLO] : []),
    ...(has('pause', /^inference/) && has('kill', /^control/) ? [LOST] : []),
  ];
  const slo = { ...{ name: 'error rate', objective: 'errors <= 2%', unit: '%' }, measured: faults.length };
  return { ...PASS, failures, slos: [{ ...slo, verdict: failures.includes(SLO) ? 'fail' : 'pass' }] };
}

/** A pool whose runs end in another order than they began, at once `jobs` of them. */
function poolOf(run: (schedule: Schedule) => Trial): Pool & { readonly tried: Schedule[] } {
  const tried: Schedule[] = [];
  return {
    tried,
    async try(schedule) {
      tried.push(schedule);
      for (let turn = JSON.stringify(schedule).length % 7; turn > 0; turn -= 1) await new Promise(setImmediate);
      return run(schedule);
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

function explored(jobs: number, changes: Partial<Parameters<typeof explore>[0]> = {}): Promise<Exploration> {
  const { signal } = new AbortController();
  const given = { chaos, scenario, loadEndMs: 30_000, seed: 3, from: 0, runs: 120, jobs, signal };
  return explore({ ...given, pool: poolOf(broken), ...changes });
}

it('finds the same, whatever the number of processes', async () => {
  const alone = await explored(1);
  expect(await explored(7)).toEqual(alone);
  expect((await explored(1, { seed: 4 })).findings).not.toEqual(alone.findings);
  expect(alone).toMatchObject({ from: 0, next: 120, interrupted: false });
});

it('shrinks each kind of failure to what it takes, and counts the others that have that', async () => {
  const { findings, failed, slos } = await explored(2);
  const smallest = findings.map(finding => ({
    name: finding.failure.name,
    faults: finding.smallest.faults.map(({ kind, on }) => `${kind} ${on.replace(/-\d$/, '')}`).sort(),
  }));
  expect(smallest).toEqual(
    expect.arrayContaining([
      { name: 'error rate', faults: ['kill inference'] },
      { name: 'every-request-ends', faults: ['kill control', 'pause inference'] },
    ]),
  );
  expect(smallest).toHaveLength(2);
  for (const { seenAt, index, isMinimal } of findings) {
    expect(seenAt[0]).toBe(index);
    expect(seenAt).toEqual([...new Set(seenAt)].sort((a, b) => a - b));
    expect(isMinimal).toBe(true);
  }
  expect(failed).toBe(new Set(findings.flatMap(({ seenAt }) => seenAt)).size);
  expect(slos).toMatchObject([{ name: 'error rate', worst: 3, fail: expect.any(Number) }]);
});

it('goes on where another one ended, with the same schedules', async () => {
  const whole = poolOf(() => PASS);
  const part = poolOf(() => PASS);
  await explored(1, { pool: whole, runs: 10 });
  await explored(1, { pool: part, from: 6, runs: 4 });
  expect(part.tried).toEqual([EMPTY, ...whole.tried.slice(7)]);
});

it('explores nothing where the scenario fails by itself', async () => {
  const pool = poolOf(() => ({ ...PASS, failures: [SLO] }));
  const { obstacle, findings, next } = await explored(2, { pool });
  expect({ obstacle, findings, next }).toEqual({ obstacle: 'slo "error rate": too many', findings: [], next: 0 });
  expect(pool.tried).toEqual([EMPTY]);
});

it('counts what could not be judged by its reason, with an example', async () => {
  const pool = poolOf(schedule => {
    const [first] = schedule.faults;
    return first ? { ...PASS, unjudged: `Fault ${first.id} had no observable effect: nothing within 2 s.` } : PASS;
  });
  const { unjudged } = await explored(2, { pool, runs: 30 });
  expect(unjudged.reduce((sum, { schedules }) => sum + schedules, 0)).toBe(30);
  expect(unjudged.map(({ reason }) => reason)).toContain('Fault kill had no observable effect');
  expect(unjudged[0]).toMatchObject({ index: 0, example: expect.stringMatching(/nothing within 2 s\.$/) });
});

it('ends when it is interrupted, and keeps what it has found, even half shrunk', async () => {
  const stopping = new AbortController();
  const pool = poolOf(schedule => {
    stopping.signal.throwIfAborted();
    return broken(schedule);
  });
  const { findings, interrupted, next } = await explored(1, {
    ...{ pool, signal: stopping.signal },
    onProgress: (_, now) => (/^shrinking .* try 5$/.test(now) ? stopping.abort(new Error('SIGINT')) : undefined),
  });
  expect(findings).toMatchObject([{ isMinimal: false, failure: { name: 'error rate' } }]);
  expect(broken(findings[0]!.smallest).failures).toContain(SLO);
  // Going on finds it again.
  expect({ interrupted, next }).toEqual({ interrupted: true, next: findings[0]!.index });
});

it('takes a simplification that is no scenario as one that does not fail, and a schedule that is none as an error', async () => {
  const unfit = new SquallError('scenario', 'BAD_SCENARIO', 'no such window');
  const strict = poolOf(schedule => {
    if (schedule.load.endMs !== null) throw unfit;
    return broken(schedule);
  });
  const { findings } = await explored(1, { pool: strict });
  expect(findings.map(({ smallest }) => smallest.load.endMs)).toEqual([null, null]);
  const bad = poolOf(schedule => {
    if (schedule.faults.length > 0) throw unfit;
    return PASS;
  });
  await expect(explored(1, { pool: bad })).rejects.toBe(unfit);
});
