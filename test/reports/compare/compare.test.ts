import { describe, expect, it } from 'vitest';
import { compareRuns } from '../../../reports/judge/compare/compare.ts';
import { renderCompareHtml } from '../../../reports/render/compare/html.ts';
import { renderCompareMarkdown } from '../../../reports/render/compare/markdown.ts';
import type { CompareDocument } from '../../../reports/store/compare-document.ts';
import { planOf } from '../runs.ts';
import { type Model, type SimulatedOptions, simulated } from './simulated.ts';

const NOTHING = { latencyRatio: 0, points: 0 };
const changeOf = ({ indicators }: CompareDocument, name: string) => indicators.find(one => one.name === name)?.change;

/** Comparisons of a base with a candidate, over as many pairs of seeds. */
function* pairs(count: number, model: Model, candidate: Partial<SimulatedOptions> = {}): Generator<CompareDocument> {
  for (let seed = 1; seed <= count; seed += 1)
    yield compareRuns(
      [simulated({ model, seed, requests: 1000 })],
      [simulated({ model, seed: 10_000 + seed, requests: 1000, ...candidate })],
      NOTHING,
    );
}

const has = (change: string) => (document: CompareDocument) => document.indicators.some(one => one.change === change);

describe('one run a side', () => {
  // With 5 % at most, 7 or more of 40 pairs would call it a regression once in 300 times (binomial).
  it.each<Model>(['independent', 'queue', 'fault'])(
    'seldom sees a difference where there is none: %s',
    model => {
      const found = [...pairs(40, model)];
      expect(found.filter(has('regression')).length).toBeLessThan(7);
      expect(found.filter(has('improvement')).length).toBeLessThan(7);
    },
    120_000,
  );

  it.each<Model>(['independent', 'fault'])('finds latencies that are a fifth longer: %s', model => {
    const found = [...pairs(20, model, { slower: 1.2, requests: 2000 })];
    expect(found.filter(({ verdict }) => verdict === 'regression').length).toBeGreaterThanOrEqual(19);
    expect(found.filter(has('improvement')).length).toBe(0);
  });

  it('tells the size of a difference, and what it could have seen', () => {
    const [document] = [...pairs(1, 'independent', { slower: 1.3, requests: 4000 })];
    const row = document!.indicators.find(({ name }) => name === 'p50(latency)')!;
    expect(row.difference!.lower!).toBeLessThan(30);
    expect(row.difference!.upper!).toBeGreaterThan(30);
    expect(row.detectable!).toBeGreaterThan(1);
    expect(row.detectable!).toBeLessThan(15);
  });

  it('pairs runs of the same arrivals, and finds then what it would not find otherwise', () => {
    const base = simulated({ model: 'queue', seed: 3 });
    const slower = simulated({ model: 'queue', seed: 3, slower: 1.03 });
    const paired = compareRuns([base], [slower], NOTHING);
    expect(paired.paired).toBe(true);
    expect(changeOf(paired, 'p50(latency)')).toBe('regression');
    expect(changeOf(compareRuns([base], [base], NOTHING), 'p50(latency)')).toBe('equal');
    const unpaired = compareRuns([simulated({ model: 'queue', seed: 4 })], [slower], NOTHING);
    expect(unpaired.paired).toBe(false);
    expect(changeOf(unpaired, 'p50(latency)')).toBe('no-evidence');
  });

  it('sees failures, and not a difference where a few came at once', () => {
    const base = simulated({ model: 'independent', seed: 5 });
    const failing = compareRuns([base], [simulated({ model: 'independent', seed: 6, failing: 0.03 })]);
    expect(changeOf(failing, 'errors')).toBe('regression');
    // More than one in a hundred fail, so that no P99 is left to compare.
    expect(changeOf(failing, 'p99(latency)')).toBe('not-compared');
    const clean = compareRuns([base], [simulated({ model: 'independent', seed: 7 })], NOTHING);
    const errors = clean.indicators.find(({ name }) => name === 'errors')!;
    expect(errors.change).toBe('no-evidence');
    expect(errors.difference!.upper!).toBeGreaterThan(0.1);
    const { facts, document } = base;
    const records = [...facts.records].map(record =>
      record.scheduledMs > 30_000 && record.scheduledMs < 30_300
        ? { ...record, outcome: 'http-status' as const, status: 503, firstTokenMs: null }
        : record,
    );
    const burst = compareRuns([base], [{ document, facts: { ...facts, records } }], NOTHING);
    expect(changeOf(burst, 'errors')).toBe('no-evidence');
  });

  it('tolerates what real machines differ by', () => {
    const base = simulated({ model: 'independent', seed: 8, requests: 8000 });
    const slower = simulated({ model: 'independent', seed: 9, requests: 8000, slower: 1.04 });
    expect(changeOf(compareRuns([base], [slower], NOTHING), 'p50(latency)')).toBe('regression');
    expect(changeOf(compareRuns([base], [slower]), 'p50(latency)')).not.toBe('regression');
  });
});

describe('several runs a side', () => {
  const side = (from: number, slower = 1, noise = 0) =>
    Array.from({ length: 6 }, (_, index) =>
      simulated({
        model: 'independent',
        seed: from + index,
        requests: 600,
        slower: slower * (1 + noise * (index % 3)),
      }),
    );

  it('compares by how runs vary, which requests alone would not tell', () => {
    // Runs of each side differ by up to 40 %: a tenth more is nothing, however many requests say so.
    const noisy = compareRuns(side(100, 1, 0.2), side(200, 1.1, 0.2), NOTHING);
    expect(noisy.unit).toBe('runs');
    expect(changeOf(noisy, 'p50(latency)')).toBe('no-evidence');
    const steady = compareRuns(side(100), side(200, 1.2), NOTHING);
    expect(changeOf(steady, 'p50(latency)')).toBe('regression');
    expect(compareRuns(side(100), side(100, 0.97), NOTHING)).toMatchObject({ paired: true, verdict: 'improvement' });
  });
});

describe('what cannot be compared', () => {
  const run = (plan: SimulatedOptions['plan'], seed = 1) =>
    simulated({ model: 'independent', seed, requests: 700, plan: plan ?? {} });

  it('says in what the loads differ, and compares nothing', () => {
    const { load } = planOf();
    const other = run({ load: { ...load, maxInFlight: 7, salt: 'abc' } });
    const document = compareRuns([run({})], [other]);
    expect(document).toMatchObject({
      verdict: 'incomparable',
      indicators: [],
      incomparable: [{ path: 'load.maxInFlight', base: 100, candidate: 7 }],
    });
  });

  it('names settings of the stack that differ, beside the comparison', () => {
    const document = compareRuns(
      [run({ stack: { gateway: { retries: 3 } } })],
      [run({ stack: { gateway: { retries: 0 } } }, 2)],
    );
    expect(document.changed).toEqual([{ path: 'stack.gateway.retries', base: 3, candidate: 0 }]);
    expect(document.indicators.length).toBeGreaterThan(4);
    // Runs of one side must repeat each other.
    const mixed = compareRuns([run({}), run({ stack: { a: 1 } })], [run({})]);
    expect(mixed.incomparable).toEqual([{ path: 'stack.a', base: null, candidate: 1 }]);
  });

  it('names the fields of an object that only one side has', () => {
    const hpa = { spec: { maxReplicas: 8, metrics: [{ type: 'Pods' }] }, rules: {} };
    expect(compareRuns([run({})], [run({ stack: { hpa } }, 2)]).changed).toEqual([
      { path: 'stack.hpa.spec.maxReplicas', base: null, candidate: 8 },
      { path: 'stack.hpa.spec.metrics', base: null, candidate: [{ type: 'Pods' }] },
      { path: 'stack.hpa.rules', base: null, candidate: {} },
    ]);
    // What is there without a field that counts differs from what is not there.
    const changed = [{ path: 'stack.redis', base: { password: null }, candidate: null }];
    expect(compareRuns([run({ stack: { redis: { password: null } } })], [run({})]).changed).toEqual(changed);
  });

  it('names what differs in one of several records, and lists of other lengths whole', () => {
    const stages = (rate: number) => ({
      stages: [{ at: 1 }, { at: rate }],
      pools: Array.from({ length: rate }, () => ({})),
    });
    expect(compareRuns([run({ stack: stages(2) })], [run({ stack: stages(3) }, 2)]).changed).toEqual([
      { path: 'stack.stages[1].at', base: 2, candidate: 3 },
      { path: 'stack.pools', base: [{}, {}], candidate: [{}, {}, {}] },
    ]);
  });

  it('says how many indicators a conclusion is about', () => {
    const document = compareRuns([run({})], [run({}, 2)]);
    const count = document.indicators.length;
    const saidOf = (uncompared: number) => {
      const changes = (index: number) => (index < uncompared ? 'not-compared' : 'equal');
      const indicators = document.indicators.map((one, index) => ({ ...one, change: changes(index) }) as const);
      return renderCompareMarkdown({ ...document, verdict: 'no-evidence', indicators });
    };
    expect(saidOf(0)).toContain('No evidence of a difference; one below');
    expect(saidOf(1)).toContain(
      `difference in the ${count - 1} of ${count} indicators that can be compared; one below`,
    );
    expect(saidOf(count)).toContain('None of the indicators can be compared.');
  });

  it('names the fields of an object that is off on the other side, each in a row of its own', () => {
    const on = { attempts: 3, window: { for: '10s', minimum: null }, per: ['a'], inner: 'off' };
    const [base, candidate] = [
      run({ stack: { ejection: on, cache: 'off' } }),
      run({ stack: { ejection: 'off', cache: {} } }, 2),
    ];
    const document = compareRuns([base], [candidate]);
    expect(document.changed).toEqual([
      { path: 'stack.ejection.attempts', base: 3, candidate: 'off' },
      { path: 'stack.ejection.window.for', base: '10s', candidate: 'off' },
      { path: 'stack.ejection.per', base: ['a'], candidate: 'off' },
      { path: 'stack.cache', base: 'off', candidate: {} },
    ]);
    expect(compareRuns([candidate], [base]).changed[0]).toEqual({
      ...{ path: 'stack.ejection.attempts', base: 'off', candidate: 3 },
    });
    expect(renderCompareMarkdown(document)).toContain('| stack.ejection.window.for | 10s | off |');
  });

  it('does not use runs that are invalid or were interrupted', () => {
    const fine = run({});
    const broken = {
      ...fine,
      document: { ...fine.document, verdict: 'invalid' as const, reasons: ['No steady state.'] },
    };
    expect(compareRuns([fine], [broken])).toMatchObject({
      verdict: 'invalid',
      notes: [expect.stringContaining('No steady state.')],
    });
    const stopped = { ...fine, document: { ...fine.document, interrupted: true } };
    expect(compareRuns([stopped], [fine])).toMatchObject({ verdict: 'invalid', indicators: [] });
  });

  it('leaves out quantiles of too few requests', () => {
    const small = compareRuns(
      [simulated({ model: 'independent', seed: 1, requests: 300 })],
      [simulated({ model: 'independent', seed: 2, requests: 300 })],
    );
    expect(changeOf(small, 'p99(latency)')).toBe('not-compared');
    expect(small.notes.join(' ')).toContain('P99 of 1000');
  });
});

it('renders regressions first, and escapes what others wrote', () => {
  const plan = { stack: { name: '<b>|evil' } };
  const document = compareRuns(
    [simulated({ model: 'independent', seed: 1 })],
    [simulated({ model: 'independent', seed: 2, slower: 1.5, plan })],
  );
  const html = renderCompareHtml(document);
  expect(html).toContain('✗ regression');
  expect(html).not.toContain('<b>|evil');
  const markdown = renderCompareMarkdown(document);
  const rows = markdown.split('\n').filter(line => line.startsWith('| p') || line.startsWith('| errors'));
  expect(rows[0]).toContain('✗ regression');
  expect(rows.at(-1)).not.toContain('✗ regression');
  expect(markdown).toContain('\\<b>\\|evil');
  expect(markdown.split('\n')[0]).toMatch(/^# example on process: Worse: p95\(ttft\) in whole, p50\(/);
});

it('names what was checked out on each side, and no start by the clock of virtual time', () => {
  const run = simulated({ model: 'independent', seed: 1 });
  const of = (commit: string) => ({
    ...run,
    document: { ...run.document, startedAt: '2030-01-01T00:00:00Z', revision: { commit, branch: 'main' } },
  });
  const document = compareRuns([of('a'.repeat(40))], [of('b'.repeat(40))]);
  const html = renderCompareHtml(document);
  for (const letter of 'ab') expect(html).toContain(`commit ${letter.repeat(10)} on main`);
  expect(html).toContain('2030-01-01');
  expect(renderCompareHtml({ ...document, platform: 'virtual' })).not.toContain('2030-01-01');
});
