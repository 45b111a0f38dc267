import { describe, expect, it } from 'vitest';
import type { TimedEvent } from '../../harness/history.ts';
import { type Random, seededRandom } from '../../harness/random.ts';
import { requestRecord } from '../../harness/requests.ts';
import { compareVariants } from '../../reports/judge/variants/compare.ts';
import { deadlinesOf, figuresOf } from '../../reports/judge/variants/figures.ts';
import { dominators } from '../../reports/judge/variants/frontier.ts';
import { MIN_VALUES, meanInterval } from '../../reports/judge/variants/mean-interval.ts';
import { renderVariantsHtml } from '../../reports/render/variants/html.ts';
import { renderVariantsMarkdown, variantRows } from '../../reports/render/variants/markdown.ts';
import { context, plan, runs, variants } from './compared-variants.ts';

describe('the interval of a mean', () => {
  // Of 400 intervals with 95 %, the number that hold is binomial with a stddev of 4.4: 93 % is below by more than two of them.
  it.each<[string, number, (random: Random) => number, number, number]>([
    ['normal', 0, random => random.normal(), 5, 0.91],
    ['normal', 0, random => random.normal(), 10, 0.925],
    ['skewed', Math.exp(0.125), random => Math.exp(0.5 * random.normal()), 10, 0.91],
    ['differences of skewed', 0, random => random.exponential(1) - random.exponential(1), 10, 0.91],
  ])('holds the truth nearly as often as it says: %s', (name, truth, draw, count, floor) => {
    const random = seededRandom(7).stream(`${name} ${count}`);
    const intervals = Array.from({ length: 400 }, () =>
      meanInterval(
        Array.from({ length: count }, () => draw(random)),
        random,
      ),
    );
    const holding = intervals.filter(({ lower, upper }) => lower! <= truth && truth <= upper!).length / 400;
    expect(holding).toBeGreaterThan(floor);
    // One that always holds would be of no use.
    expect(holding).toBeLessThan(0.985);
  });

  it('has no bounds for too few values, is a point for equal ones, and finite where most are equal', () => {
    const random = seededRandom(1);
    expect(meanInterval([1, 2, 3], random)).toEqual({ mean: 2, lower: null, upper: null, samples: MIN_VALUES - 1 });
    expect(meanInterval([0.1, 0.1, 0.1, 0.1], random)).toEqual({ mean: 0.1, lower: 0.1, upper: 0.1, samples: 4 });
    const { lower, upper } = meanInterval([0, 0, 0, 0, 0, 1], random);
    expect(lower).toBeLessThan(0);
    expect(upper).toBeGreaterThan(0.4);
    expect(upper).toBeLessThan(2);
  });
});

it('knows which choices another one dominates', () => {
  const points = [
    { name: 'fast', cost: 10, latency: 1 },
    { name: 'cheap', cost: 1, latency: 10 },
    { name: 'between', cost: 5, latency: 5 },
    { name: 'worse', cost: 6, latency: 6 },
    { name: 'same cost', cost: 5, latency: 7 },
    { name: 'twin', cost: 1, latency: 10 },
    { name: 'dead', cost: 1, latency: Number.POSITIVE_INFINITY },
  ];
  expect(Object.fromEntries(dominators(points))).toEqual({
    fast: [],
    cheap: [],
    between: [],
    worse: ['between', 'same cost'].slice(0, 1),
    'same cost': ['between'],
    twin: [],
    dead: ['cheap', 'twin'],
  });
});

it.each<[readonly string[], ReturnType<typeof deadlinesOf>]>([
  [['errors <= 1%'], []],
  [
    ['p50(ttft) <= 100 ms', 'p99(ttft) <= 2 s', 'p95(latency) <= 9 s'],
    [
      { metric: 'ttft', limitMs: 2000 },
      { metric: 'latency', limitMs: 9000 },
    ],
  ],
  [['p99(ttft) <= 2 s', 'p99(ttft) <= 1 s'], [{ metric: 'ttft', limitMs: 1000 }]],
  [['p99(ttft) <= 2 s', 'goodput(latency 4 s) >= 95%'], [{ metric: 'latency', limitMs: 4000 }]],
])('takes the deadlines of a request from the SLOs: %j', (objectives, expected) => {
  expect(deadlinesOf(plan(objectives))).toEqual(expected);
});

describe('the figures of a run', () => {
  const replica = (name: string, state: 'starting' | 'ready' | 'exited' | 'stopped', atMs: number): TimedEvent => ({
    ...{ type: 'replica', replica: name, service: 'inference', state, atMs },
  });
  const scale = (from: number, to: number, atMs: number): TimedEvent => ({
    ...{ type: 'scale', deployment: 'inference', from, to, reason: '', atMs },
  });
  const events: TimedEvent[] = [
    { type: 'start', inMs: 0, atMs: 0 },
    replica('inference-1', 'starting', -5000),
    replica('inference-1', 'ready', -2000),
    scale(1, 2, 1000),
    replica('inference-2', 'starting', 2000),
    replica('inference-2', 'exited', 3000),
    replica('inference-2', 'ready', 4000),
    scale(2, 3, 4000),
    scale(3, 1, 5000),
    replica('inference-2', 'stopped', 6000),
    scale(1, 2, 7000),
    { type: 'phase', phase: 'recover', atMs: 10_000 },
    replica('inference-1', 'stopped', 20_000),
    { type: 'phase', phase: 'done', atMs: 20_000 },
  ];
  const record = (index: number, tookMs: number | null) =>
    requestRecord({
      ...{ index, scheduledMs: 100 * index, sentMs: 100 * index, endMs: 100 * index + (tookMs ?? 50), stage: 'x' },
      ...(tookMs === null
        ? { outcome: 'reset' as const, firstTokenMs: null }
        : { outcome: 'ok' as const, firstTokenMs: 100 * index + tookMs, status: 200, outputTokens: 1 }),
    });
  const judged = plan(['p99(ttft) <= 100 ms']);

  it('counts what replicas cost from their start to their end, and how often their number turns', () => {
    const found = figuresOf(judged, events, [record(1, 10)]);
    // 20 s of the first, 4 s of the second, whose crash frees nothing.
    expect(found.replicaHours! * 3600).toBeCloseTo(24, 1);
    expect(found.oscillations).toBe(2);
    expect(figuresOf(judged, [], []).replicaHours).toBeNull();
  });

  it('counts dollars where replicas have a price', () => {
    const priced = { ...judged, stack: { ...judged.stack, inference: { pricePerHour: 3 } } } as typeof judged;
    const found = figuresOf(priced, events, [record(1, 10), record(2, 10)]);
    // 24 s at 3 $/h are 2 cents, for two requests.
    expect(found.per1000Requests).toBeCloseTo(10, 1);
    expect(found.perMillionTokens).toBeGreaterThan(0);
    expect(figuresOf(judged, events, [record(1, 10)]).per1000Requests).toBeNull();
  });

  it('counts a request that failed as slower than every other, and as one outside its SLO', () => {
    const records = Array.from({ length: 100 }, (_, index) => record(index, index < 90 ? 50 : 200));
    expect(figuresOf(judged, events, records)).toMatchObject({ withinSlo: 90, ttftP99: 200, errors: 0 });
    const failing = [...records.slice(0, 97), record(97, null), record(98, null), record(99, null)];
    expect(figuresOf(judged, events, failing)).toMatchObject({ withinSlo: 90, ttftP99: null, errors: 3 });
  });
});

describe('a comparison', () => {
  const document = compareVariants({ ...context, runs });
  const of = (name: string) => document.variants.find(variant => variant.name === name)!;

  it('pairs variants by seed, and sees no difference in noise', () => {
    const { differences } = of('hpa');
    expect(differences!.ttftP99!.evidence).toBe('none');
    expect(differences!.replicaHours).toMatchObject({ evidence: 'lower' });
    expect(differences!.replicaHours!.mean).toBeCloseTo(-60, 0);
    // The noise of both is the same, so that pairs cancel it: the difference is exact.
    expect(of('bad').differences!.ttftP99).toEqual({
      mean: 200,
      lower: 200,
      upper: 200,
      samples: 6,
      evidence: 'higher',
    });
    expect(of('bad').differences!.withinSlo!.evidence).toBe('lower');
    expect(of('static').differences).toBeUndefined();
  });

  it('names who is on the frontier, and by whom the others are dominated', () => {
    expect(document.variants.map(({ name, onFrontier }) => [name, onFrontier])).toEqual([
      ['static', true],
      ['hpa', true],
      ['bad', false],
      ['dead', false],
    ]);
    expect(of('bad').dominatedBy).toEqual({ name: 'hpa', evidence: true });
    expect(of('dead').dominatedBy).toBeUndefined();
  });

  it('compares dollars where all variants have them, replica-hours where one has none', () => {
    expect(document.cost).toBe('replicaHours');
    // Per completed request, what costs less an hour may cost more.
    const prices: Record<string, number> = { static: 1, hpa: 2, bad: 3, dead: 4 };
    const priced = runs.map(one => ({
      ...one,
      figures: { ...one.figures, per1000Requests: prices[one.variant]!, perMillionTokens: 5 },
    }));
    const dollars = compareVariants({ ...context, runs: priced });
    expect(dollars.cost).toBe('per1000Requests');
    expect(dollars.variants[1]).toMatchObject({
      onFrontier: false,
      dominatedBy: { name: 'static', evidence: true },
      differences: { per1000Requests: { mean: 100, evidence: 'higher' } },
    });
    const page = renderVariantsHtml(dollars);
    expect(page).toContain('$ per 1,000 requests');
    expect(page).toContain('2 $');
    expect(renderVariantsHtml(document)).not.toContain('1,000 requests');
    const mixed = priced.map(one => (one.variant === 'bad' ? runs.find(same => same.variant === 'bad')! : one));
    expect(compareVariants({ ...context, runs: mixed }).cost).toBe('replicaHours');
  });

  it('takes the exit code of the worst variant, and a failure that is expected for none', () => {
    expect([of('bad').exitCode, document.exitCode]).toEqual([0, 0]);
    const unexpected = { ...context, variants: variants.map(variant => ({ ...variant, expect: 'pass' as const })) };
    expect(compareVariants({ ...unexpected, runs }).exitCode).toBe(1);
    const passing = runs.map(one => ({ ...one, exitCode: 0 as const }));
    expect(compareVariants({ ...context, runs: passing }).exitCode).toBe(1);
    expect(compareVariants({ ...context, runs: runs.slice(0, -1) }).exitCode).toBe(2);
    expect(compareVariants({ ...context, runs, interrupted: true }).exitCode).toBe(130);
  });

  it('compares no variant with a run that is missing or invalid, and no seed alone', () => {
    const partial = compareVariants({ ...context, runs: runs.slice(1) });
    expect(partial.variants[0]!.onFrontier).toBeNull();
    const [first] = compareVariants({ ...context, seeds: [1], runs: runs.slice(0, 4) }).variants.slice(1);
    expect(first!.differences!.replicaHours).toMatchObject({ lower: null, upper: null, evidence: 'none' });
  });

  it('says of which variants the autoscaler could decide nothing', () => {
    const warnings = ['Nothing followed from 2 of 2 decisions of the autoscaler: boom.'];
    const blind = compareVariants({
      ...context,
      runs: runs.map(one => (one.variant === 'hpa' ? { ...one, warnings } : one)),
    });
    for (const text of [renderVariantsHtml(blind), renderVariantsMarkdown(blind)])
      expect(text.split('hpa: Nothing followed from 2 of 2 decisions')).toHaveLength(2);
    expect(renderVariantsHtml(document)).not.toContain('Nothing followed');
  });

  it('writes no name over another one, however near their points are', () => {
    const near = ['one', 'two', 'three'].flatMap((variant, index) =>
      runs
        .filter(one => one.variant === 'hpa')
        .map(one => ({
          ...one,
          variant,
          figures: { ...one.figures, ttftP99: one.figures.ttftP99! * (1 + index / 1000) },
        })),
    );
    const variants = ['one', 'two', 'three'].map(name => ({ name, set: {}, expect: 'pass' as const }));
    const page = renderVariantsHtml(compareVariants({ ...context, variants, runs: near }));
    const wide = /<svg class="wide"[\s\S]*?<\/svg>/.exec(page)![0];
    const heights = [...wide.matchAll(/class="end-label[^"]*" x="[\d.]+" y="([\d.]+)"/g)].map(([, y]) => Number(y));
    expect(heights).toHaveLength(3);
    for (const [index, y] of heights.entries())
      for (const other of heights.slice(index + 1)) expect(Math.abs(y - other)).toBeGreaterThanOrEqual(13);
  });

  it('is rendered with every name, the frontier and the reports of its runs', () => {
    const page = renderVariantsHtml(document);
    expect(page).toContain('<a href="hpa/3/report.html">3</a>');
    expect(page).toContain('On the frontier of cost and P99: static, hpa.');
    expect(page).toContain('not drawn: dead (P99 beyond every value)');
    expect(page.match(/class="wide"/g)).toHaveLength(1);
    expect(variantRows(document)[3]).toContain('dominated by hpa');
    const summary = renderVariantsMarkdown(document);
    expect(summary).toContain('| hpa | the same | no evidence: +1 ms (−');
    expect(summary).toContain('| bad | fails, as expected | 60.5% (');
  });
});
