import { describe, expect, it } from 'vitest';
import { systemNetwork } from '../../../../harness/host/network.ts';
import { seriesRuleOf } from '../../../../stack/autoscaler/measure/rule.ts';
import type { Need } from '../../../../stack/autoscaler/measure/values.ts';
import { PrometheusReader } from '../../../../stack/autoscaler/prometheus/prometheus-reader.ts';
import { prometheusValues } from '../../../../stack/autoscaler/prometheus/prometheus-values.ts';
import { lookbackOf, queryFor, scrapesQuery, servicesQuery } from '../../../../stack/autoscaler/prometheus/queries.ts';
import { lastScrapes, type Reply, vectorReply } from '../../../../stack/autoscaler/prometheus/replies.ts';
import { FakeClock } from '../../../fake-clock.ts';

const TIMES = { timeScale: 10, scrapeEveryMs: 1000 };
const need = (of: Need['of'], rule: Parameters<typeof seriesRuleOf>[0]): Need => ({ of, rule: seriesRuleOf(rule) });

describe('a query', () => {
  const rate = { series: 'n_total', as: 'rate', windowMs: 120_000 } as const;
  const quantile = { series: 't_seconds', as: 'quantile', quantile: 0.95, windowMs: 15_000 } as const;
  const labels = { pod: 'inference-1', service: 'inference', route: 'a "b"\\\n' };
  it.each([
    [need('replicas', { series: 'q' }), 'sum by (replica) (q)'],
    [need('whole', { series: 'vllm:q', fold: 'avg', factor: 0.01 }), 'avg(vllm:q)'],
    [need('whole', { series: 'q', absent: 0 }), 'sum(q)'],
    [need('whole', { series: 'q', fold: 'max', lookbackMs: 300_000 }), 'max(last_over_time(q[30000ms]))'],
    [need('replicas', rate), 'sum by (replica) (rate(n_total[12000ms]))'],
    [need('whole', { ...rate, fold: 'min' }), 'min(rate(n_total[12000ms]))'],
    [need('replicas', quantile), 'histogram_quantile(0.95, sum by (replica, le) (rate(t_seconds_bucket[1500ms])))'],
    [need('whole', quantile), 'histogram_quantile(0.95, sum by (le) (rate(t_seconds_bucket[1500ms])))'],
    [need('whole', { series: 'q', labels }), 'sum(q{replica="inference-1",job="inference",route="a \\"b\\"\\\\\\n"})'],
    [
      {
        of: 'whole',
        rule: {
          ...seriesRuleOf({ series: 'q' }),
          expressions: [
            { key: 'service', operator: 'In', values: ['a.b', 'c'] },
            { key: 'x', operator: 'NotIn', values: ['y'] },
            { key: 'pod', operator: 'Exists' },
            { key: 'z', operator: 'DoesNotExist' },
          ],
        },
      } satisfies Need,
      'sum(q{job=~"a\\\\.b|c",x!~"y",replica!="",z=""})',
    ],
  ])('of %j has the usual form', (asked, query) => expect(queryFor(asked, TIMES)).toBe(query));

  it('for those that should have series looks back as far as the value does, and at least two scrapes', () => {
    expect(lookbackOf(TIMES)).toBe(30_000);
    expect(lookbackOf({ timeScale: 1000, scrapeEveryMs: 1000 })).toBe(2000);
    expect(scrapesQuery(TIMES)).toBe('up[30000ms]');
    expect(servicesQuery(seriesRuleOf({ ...rate, windowMs: 600_000 }), TIMES)).toBe(
      'group by (job) (last_over_time(n_total[60000ms]))',
    );
  });
});

const vector = (...result: object[]) => ({ resultType: 'vector', result });
const sample = (value: string, metric: object = {}) => ({ metric, value: [1_700_000_000, value] });

describe('a reply', () => {
  it('has a value for each series, NaN and infinity included', () => {
    expect(vectorReply(vector(sample('1.5', { replica: 'a' }), sample('NaN'), sample('+Inf'), {}))).toEqual({
      kind: 'vector',
      samples: [
        { labels: { replica: 'a' }, value: 1.5 },
        { labels: {}, value: Number.NaN },
        { labels: {}, value: Number.POSITIVE_INFINITY },
        { labels: {}, value: Number.NaN },
      ],
    });
  });

  it.each([
    ['a scalar', { resultType: 'scalar', result: [1, '2'] }, [], 'Expected a vector, got "scalar"'],
    ['nothing', undefined, [], 'Expected a vector'],
    ['a list', [], [], 'Expected a vector'],
    ['a part of the series', vector(sample('1')), ['remote storage: timeout'], 'may be incomplete: remote storage'],
  ])('with %s has failed', (_, data, warnings, message) =>
    expect(vectorReply(data, warnings)).toMatchObject({ kind: 'failed', message: expect.stringContaining(message) }),
  );

  it('is not spoiled by a remark', () =>
    expect(vectorReply(vector(sample('1')), ['PromQL info: metric might not be a counter']).kind).toBe('vector'));

  it('to a range of `up` says when each replica was scraped last', () => {
    const up = {
      metric: { replica: 'a', job: 'gateway' },
      values: [
        [1, '1'],
        [2, '0'],
      ],
    };
    expect(lastScrapes({ resultType: 'matrix', result: [up, { metric: {}, values: [] }] })).toEqual([
      { replica: 'a', service: 'gateway', isUp: false, atMs: 2000 },
    ]);
    expect(lastScrapes(vector())).toBeUndefined();
  });
});

describe('values', () => {
  const gauge = seriesRuleOf({ series: 'q', factor: 2, absent: 0 });
  const everything = () => true;
  const valuesOf = (replies: Record<string, Reply>, scrapes: ReturnType<typeof lastScrapes> = []) =>
    prometheusValues({ byQuery: new Map(Object.entries(replies)), scrapes, atMs: 7 }, TIMES);
  const whole = (reply?: Reply) => valuesOf(reply ? { 'sum(q)': reply } : {}).whole(gauge);

  it('are unknown if the query failed or there is no number, and what the rule says only without series', () => {
    expect(whole(vectorReply(vector(sample('3'))))).toBe(6);
    expect(whole(vectorReply(vector()))).toBe(0);
    expect(whole({ kind: 'failed', message: 'x' })).toBeUndefined();
    expect(whole()).toBeUndefined();
    for (const text of ['NaN', '+Inf', '-Inf']) expect(whole(vectorReply(vector(sample(text))))).toBeUndefined();
  });

  it('of replicas are those of the replicas that have one', () => {
    const reply = vectorReply(
      vector(sample('3', { replica: 'a' }), sample('NaN', { replica: 'b' }), sample('1', { job: 'x' })),
    );
    expect([...valuesOf({ 'sum by (replica) (q)': reply }).byReplica(gauge)]).toEqual([['a', { value: 6, atMs: 7 }]]);
    expect(valuesOf({}).byReplica(gauge).size).toBe(0);
  });

  it('are partial once a replica that should report them is not up, or nothing is known of that', () => {
    const query = servicesQuery(gauge, TIMES);
    const having = vectorReply(vector(sample('1', { job: 'gateway' })));
    const scrape = (replica: string, isUp: boolean) => ({
      ...{ replica, service: replica.replace(/-\d/, ''), isUp, atMs: 1 },
    });
    const isPartial = (...scrapes: ReturnType<typeof scrape>[]) =>
      valuesOf({ [query]: having }, scrapes).isPartial(gauge, everything);
    expect(isPartial(scrape('gateway-1', true), scrape('gateway-2', true), scrape('inference-1', false))).toBe(false);
    expect(isPartial(scrape('gateway-1', true), scrape('gateway-2', false))).toBe(true);
    expect(valuesOf({ [query]: having }, [scrape('gateway-1', false)]).isPartial(gauge, () => false)).toBe(false);
    expect(valuesOf({}, []).isPartial(gauge, everything)).toBe(true);
    expect(
      prometheusValues({ byQuery: new Map([[query, having]]), scrapes: undefined, atMs: 0 }, TIMES).isPartial(
        gauge,
        everything,
      ),
    ).toBe(true);
  });
});

describe('a reader', () => {
  /** A Prometheus that answers as the test says, by query. */
  function reading(respond: (query: string) => Response | Error) {
    const clock = new FakeClock(50_000);
    const forms: URLSearchParams[] = [];
    const problems: string[] = [];
    const rounds: boolean[] = [];
    const send = (async (_: unknown, init: { body: URLSearchParams; headers: Record<string, string> }) => {
      forms.push(new URLSearchParams([...init.body, ['authorization', init.headers.authorization ?? '']]));
      const response = respond(init.body.get('query')!);
      if (response instanceof Error) throw response;
      return response;
    }) as unknown as typeof fetch;
    const reader = new PrometheusReader({
      ...{ url: 'http://prometheus', login: { username: 'u', password: 'p' }, ...TIMES },
      needs: [need('whole', { series: 'q' }), need('replicas', { series: 'q' }), need('replicas', { series: 'q' })],
      machine: { clock, network: { ...systemNetwork, fetch: send } } as never,
      onRead: (_source, isOk) => rounds.push(isOk),
      onProblem: (query, message) => problems.push(`${query}: ${message}`),
    });
    return {
      reader,
      clock,
      forms,
      problems,
      rounds,
      round: () => reader.round(undefined, new AbortController().signal),
    };
  }
  const json = (data: unknown, more = {}) => Response.json({ status: 'success', data, ...more });
  const up = { metric: { replica: 'a', job: 'gateway' }, values: [[49.2, '1']] };
  const rule = seriesRuleOf({ series: 'q' });

  it('asks for each value once, with its login, and knows how old the newest one is', async () => {
    const { reader, round, forms, rounds, problems } = reading(query =>
      query.startsWith('up') ? json({ resultType: 'matrix', result: [up] }) : json(vector(sample('4'))),
    );
    expect(reader.lastMs).toBeUndefined();
    expect(reader.values().whole(rule)).toBeUndefined();
    await round();
    expect(forms.map(form => form.get('query')).sort()).toEqual([
      'group by (job) (last_over_time(q[30000ms]))',
      'sum by (replica) (q)',
      'sum(q)',
      'up[30000ms]',
    ]);
    for (const form of forms) {
      expect(form.get('lookback_delta')).toBe('30000ms');
      expect(form.get('authorization')).toBe(`Basic ${Buffer.from('u:p').toString('base64')}`);
    }
    expect(reader.values().whole(rule)).toBe(4);
    expect(reader.lastMs).toBe(49_200);
    expect([rounds, problems]).toEqual([[true], []]);
  });

  it.each([
    ['an error', () => Response.json({ status: 'error', error: 'query timed out' }, { status: 503 }), 'timed out'],
    ['no JSON', () => new Response('<html>'), 'Expected JSON'],
    ['no connection', () => new TypeError('fetch failed'), 'fetch failed'],
    ['warnings', () => json(vector(sample('4')), { warnings: ['a store is down'] }), 'a store is down'],
  ])('with %s knows nothing, and says so once', async (_, respond, message) => {
    const { reader, round, problems, rounds } = reading(respond);
    await round();
    await round();
    expect(reader.values().whole(rule)).toBeUndefined();
    expect(reader.values().isPartial(rule, () => true)).toBe(true);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
    expect(rounds).toEqual([false, false]);
  });

  it('forgets the values of the round before once it fails', async () => {
    let isUp = true;
    const { reader, round } = reading(() => (isUp ? json(vector(sample('4'))) : new Error('gone')));
    await round();
    isUp = false;
    await round();
    expect(reader.values().whole(rule)).toBeUndefined();
  });
});
