import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../stack/autoscaler/hpa/pods.ts';
import { hpaSpecSchema } from '../../../stack/autoscaler/hpa/schema.ts';
import { measure } from '../../../stack/autoscaler/measure/measure.ts';
import { rulesFor } from '../../../stack/autoscaler/measure/resolve.ts';
import { type Rules, seriesRuleOf } from '../../../stack/autoscaler/measure/rule.ts';
import { evaluate, type ScrapedSource } from '../../../stack/autoscaler/measure/samples.ts';
import { scrapedValues } from '../../../stack/autoscaler/measure/scraped-values.ts';
import { parseExposition } from '../../../stack/observability/exposition.ts';

/** Scrapes 10 s apart, each as exposed; null failed. */
function source(name: string, ...texts: (string | null)[]): ScrapedSource {
  const scrapes = texts.map((text, i) => ({
    atMs: 10_000 * i,
    samples: text === null ? undefined : parseExposition(text, () => true),
  }));
  return { name, service: name.replace(/-\d+$/, ''), scrapes };
}

const value = (rule: Parameters<typeof seriesRuleOf>[0], sources: ScrapedSource[], windowMs = 60_000) => {
  const { lookbackMs, ...parsed } = seriesRuleOf(rule);
  const nowMs = 10_000 * (sources[0]!.scrapes.length - 1);
  return evaluate({ ...parsed, lookbackMs }, sources, windowMs, nowMs, lookbackMs)?.value;
};

describe('a value of scraped series', () => {
  it('is the last one of a gauge, folded over series and replicas', () => {
    const two = [source('inference-1', 'q{a="x"} 1\nq{a="y"} 3'), source('inference-2', 'q{a="x"} 8')];
    expect(['sum', 'avg', 'max', 'min'].map(fold => value({ series: 'q', fold: fold as 'sum' }, two))).toEqual([
      12, 4, 8, 1,
    ]);
    expect(value({ series: 'q', labels: { a: 'x' } }, two)).toBe(9);
    expect(value({ series: 'q', labels: { pod: 'inference-2' } }, two)).toBe(8);
    expect(value({ series: 'q', labels: { service: 'gateway' } }, two)).toBeUndefined();
    expect(value({ series: 'other' }, two)).toBeUndefined();
    expect(value({ series: 'q', factor: 0.01 }, two)).toBeCloseTo(0.12);
  });

  it.each([
    [{ key: 'a', operator: 'In', values: ['x', 'z'] }, 10],
    [{ key: 'a', operator: 'NotIn', values: ['x'] }, 5],
    [{ key: 'pod', operator: 'NotIn', values: ['inference-2'] }, 7],
    [{ key: 'a', operator: 'Exists' }, 11],
    [{ key: 'a', operator: 'DoesNotExist' }, 4],
  ] as const)('is of the series that the expressions of a selector match: %j', (expression, expected) => {
    const two = [source('inference-1', 'q{a="x"} 2\nq{a="y"} 1\nq 4'), source('inference-2', 'q{a="x"} 8')];
    const { metrics } = hpaSpecSchema.parse({
      maxReplicas: 4,
      metrics: [
        {
          type: 'External',
          external: {
            metric: { name: 'q', selector: { matchExpressions: [expression] } },
            target: { type: 'Value', value: 1 },
          },
        },
      ],
    });
    const values = scrapedValues({ sources: two, timeScale: 1, nowMs: 0 });
    const context = {
      rules: {},
      values,
      pods: [],
      deployment: 'inference',
      scrapeMs: 1,
      timeScale: 1,
      date: new Date(0),
    };
    expect(measure(metrics[0]!, 'main', context)).toEqual({ kind: 'external', milli: [BigInt(expected * 1000)] });
  });

  it('is unknown once a scrape fails, but a rate is not while two scrapes lie in its window', () => {
    const failing = [source('inference-1', 'q 1\nn_total 0', 'q 1\nn_total 100', null)];
    expect(value({ series: 'q' }, failing)).toBeUndefined();
    expect(value({ series: 'n_total', as: 'rate' }, failing)).toBe(10);
    expect(value({ series: 'n_total', as: 'rate' }, failing, 15_000)).toBeUndefined();
  });

  it('counts for as long as its lookback says once it is not scraped any more', () => {
    const gone = [source('inference-1', 'q 1', 'q 4', null, null), source('inference-2', 'q 2', 'q 2', 'q 2', 'q 2')];
    const sums = [0, 19_000, 20_000].map(lookbackMs => value({ series: 'q', lookbackMs }, gone));
    expect(sums).toEqual([2, 2, 6]);
  });

  it('is the increase per second of a counter, which may start again at 0', () => {
    expect(
      value({ series: 'n_total', as: 'rate' }, [source('a-1', 'n_total 5', 'n_total 25', 'n_total 10', 'n_total 20')]),
    ).toBe(40 / 30);
    expect(value({ series: 'n_total', as: 'rate' }, [source('a-1', 'n_total 5')])).toBeUndefined();
    // Only the last 20 s.
    expect(
      value(
        { series: 'n_total', as: 'rate' },
        [source('a-1', 'n_total 0', 'n_total 1000', 'n_total 1010', 'n_total 1020')],
        20_000,
      ),
    ).toBe(1);
  });

  it('is a quantile of what a histogram of all replicas counted in the window', () => {
    const buckets = (a: number, b: number, c: number) =>
      `t_bucket{le="1"} ${a}\nt_bucket{le="2"} ${b}\nt_bucket{le="+Inf"} ${c}`;
    const quantile = (q: number, ...sources: ScrapedSource[]) =>
      value({ series: 't', as: 'quantile', quantile: q }, sources);
    const one = source('a-1', buckets(1000, 1000, 1000), buckets(1050, 1100, 1100));
    expect([0.25, 0.5, 0.75].map(q => quantile(q, one))).toEqual([0.5, 1, 1.5]);
    const other = source('a-2', buckets(0, 0, 0), buckets(0, 0, 100));
    // Beyond the highest bound that one is all that is known.
    expect(quantile(0.99, one, other)).toBe(2);
    expect(quantile(0.5, source('a-1', buckets(5, 5, 5), buckets(5, 5, 5)))).toBeUndefined();
  });
});

describe('a metric without rule', () => {
  it.each([
    ['requests_per_second', ['rate requests_total', 'rate requests', 'gauge requests_per_second']],
    [
      'gateway_requests',
      ['gauge gateway_requests', 'rate gateway_requests_total', 'rate gateway_requests_seconds_total'],
    ],
    ['vllm:time_to_first_token_p99', ['0.99 vllm:time_to_first_token', '0.99 vllm:time_to_first_token_seconds']],
    ['latency_p999', ['0.999 latency', '0.999 latency_seconds']],
    ['s0-redis-jobs', []],
  ])('%s is measured as adapters would: %j', (name, expected) => {
    const names = rulesFor(name, {}).map(rule =>
      'series' in rule ? `${rule.as === 'quantile' ? rule.quantile : rule.as} ${rule.series}` : '',
    );
    expect(names).toEqual(expected);
  });

  it('is replaced by its own rule', () => {
    const rules: Rules = { cpu: seriesRuleOf({ series: 'DCGM_FI_DEV_GPU_UTIL', factor: 0.01 }) };
    expect(rulesFor('cpu', rules, true)).toEqual([rules.cpu]);
    expect(rulesFor('cpu', {}, true)).toEqual([]);
  });
});

describe('a metric of a spec', () => {
  const pods = ['inference-1', 'inference-2', 'inference-3'].map(
    (name): Pod => ({ name, phase: 'Running', requests: {} }),
  );
  const sources = [
    source('inference-1', 'q 2.0005\nprocess_cpu_seconds_total 10', 'q 2.0005\nprocess_cpu_seconds_total 15'),
    source('inference-2', 'q 4\nprocess_cpu_seconds_total 0', null),
    source(
      'gateway-1',
      'gateway_requests_total{route="chat"} 100\nq 100',
      'gateway_requests_total{route="chat"} 300\nq 100',
    ),
  ];
  const measured = (metric: object, rules: Rules = {}) => {
    const [only] = hpaSpecSchema.parse({ maxReplicas: 2, metrics: [metric as never] }).metrics;
    const context = {
      rules,
      values: scrapedValues({ sources, timeScale: 20, nowMs: 10_000 }),
      ...{ pods, deployment: 'inference' },
      scrapeMs: 10_000,
      timeScale: 20,
      date: new Date('2026-07-01T09:00:00Z'),
    };
    return measure(only!, 'main', context);
  };
  const averageValue = { target: { type: 'AverageValue', averageValue: 1 } };

  it('of pods is measured of each, where it can be, and cut off to thousandths', () => {
    expect(measured({ type: 'Pods', pods: { metric: { name: 'q' }, ...averageValue } })).toEqual({
      kind: 'pods',
      pods: [{ pod: 'inference-1', milli: 2000n, atMs: 200_000, windowMs: 10_000 }],
    });
  });

  it('of a resource is the usage of the one container', () => {
    const rules = { cpu: seriesRuleOf({ series: 'process_cpu_seconds_total', as: 'rate', windowMs: 600_000 }) };
    expect(measured({ type: 'Resource', resource: { name: 'cpu', ...averageValue } }, rules)).toMatchObject({
      kind: 'containers',
      pods: [{ pod: 'inference-1', windowMs: 600_000, containers: { main: { cpu: 500n } } }],
    });
  });

  it('of the whole is one value of everything with the labels', () => {
    const metric = {
      name: 'gateway_requests_per_second',
      selector: { matchLabels: { route: 'chat', service: 'gateway' } },
    };
    const rules = {
      gateway_requests_per_second: seriesRuleOf({ series: 'gateway_requests_total', as: 'rate', windowMs: 600_000 }),
    };
    expect(measured({ type: 'External', external: { metric, ...averageValue } }, rules)).toEqual({
      kind: 'external',
      milli: [20_000n],
    });
    const described = { kind: 'Service', name: 'gateway' };
    expect(
      measured({ type: 'Object', object: { describedObject: described, metric: { name: 'q' }, ...averageValue } }),
    ).toEqual({ kind: 'object', milli: 102_000n });
  });

  it('may be a schedule', () => {
    const schedule = { timezone: 'UTC', start: '0 8 * * *', end: '0 18 * * *', desiredReplicas: 7 };
    expect(
      measured(
        { type: 'External', external: { metric: { name: 's0-cron' }, ...averageValue } },
        { 's0-cron': schedule },
      ),
    ).toEqual({ kind: 'external', milli: [7000n] });
  });

  it('of the whole is what its rule says where there is no series, and that of pods is not', () => {
    const rules = { idle: seriesRuleOf({ series: 'nothing', absent: 0 }) };
    const metric = { metric: { name: 'idle' }, ...averageValue };
    expect(measured({ type: 'External', external: metric }, rules)).toEqual({ kind: 'external', milli: [0n] });
    expect(measured({ type: 'Pods', pods: metric }, rules)).toMatchObject({ kind: 'failed' });
  });

  it('fails by name without any series', () => {
    expect(measured({ type: 'Pods', pods: { metric: { name: 'nothing' }, ...averageValue } })).toEqual({
      ...{ kind: 'failed', message: 'no series of nothing was scraped' },
    });
  });
});
