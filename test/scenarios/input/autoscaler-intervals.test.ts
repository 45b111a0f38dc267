import { describe, expect, it } from 'vitest';
import { loadScenario } from '../../../scenarios/load-scenario.ts';

const hpa = (spec: object = {}) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'x' },
  spec: {
    ...{ scaleTargetRef: { kind: 'Deployment', name: 'inference' }, maxReplicas: 8 },
    metrics: [
      { type: 'External', external: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: 5 } } },
    ],
    ...spec,
  },
});
const keda = (query: string, spec: object = {}) => ({
  ...{ apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', metadata: { name: 'x' } },
  spec: {
    ...{ scaleTargetRef: { name: 'inference' }, minReplicaCount: 0, maxReplicaCount: 5 },
    triggers: [{ type: 'prometheus', metadata: { query, threshold: '5' } }],
    ...spec,
  },
});
const rate = (window: string) => ({ m: { series: 'n_total', as: 'rate', window } });
const policy = (kind: string, options: object = {}) => ({ policy: { kind, ...options } });

/** Warnings of a run of 10 min in production, one minute here, in which a replica takes 30 s to start. */
async function warningsOf(autoscaler: object, stack: object = {}, load = '60s'): Promise<string> {
  const inference = { modelLoad: '30s' };
  const raw = {
    ...{ name: 'x', why: 'A test.', slos: [{ name: 'errors', objective: 'errors <= 1%' }] },
    stack: { control: {}, inference, timeScale: 10, autoscaler, ...stack },
    load: { stages: [{ at: '20/s', for: load }] },
  };
  const found = { source: 'a program', raw: raw as never, folder: process.cwd() };
  const { compiled } = await loadScenario(found, { seed: 1, platform: 'process', replay: 'x' });
  return (compiled.plan.warnings ?? []).filter(text => text.startsWith('Autoscaler: ')).join('\n');
}

describe('intervals of an autoscaler that cannot work together are warned of, with the numbers to change', () => {
  it.each([
    [
      'a window shorter than a scrape interval',
      { hpa: hpa(), rules: rate('10s') },
      {},
      /"m" never has a value: its window of 10 s never holds the two scrapes .* 15 s apart\. Set the window to 30 s or more, or `stack\.autoscaler\.scrape` to 5 s or less/,
    ],
    ['one shorter than two', { hpa: hpa(), rules: rate('20s') }, {}, /"m" has no value at some decisions/],
    [
      'such a quantile of a policy',
      policy('slo', { budget: '1s', window: '10s' }),
      {},
      /"ttft" never has a value: its window of 10 s/,
    ],
    ['such a query of KEDA', { hpa: keda('sum(rate(gateway_requests_total[5s]))') }, {}, /never has a value.* 5 s/],
    [
      'scrapes of Prometheus, which the time scale does not divide',
      { hpa: hpa(), rules: rate('60s'), metricsFrom: 'prometheus', syncPeriod: '2m' },
      { prometheus: { scrapeEvery: '10s' } },
      /"m" never has .*scrapes are 100 s apart\. Set the window to 200 s or more, or `stack\.prometheus\.scrapeEvery` to 3 s or less/,
    ],
    [
      'a lookback shorter than a scrape interval',
      { hpa: hpa(), rules: { m: { series: 'q', lookback: '5s' } } },
      {},
      /lookback of "m", 5 s, ends before the next scrape/,
    ],
    [
      'more decisions than values',
      { hpa: hpa(), rules: rate('2m'), syncPeriod: '5s' },
      {},
      /decides every 5 s on values that are new every 15 s only/,
    ],
    ['no decision', { hpa: hpa(), rules: rate('1h'), syncPeriod: '10m' }, {}, /every 600 s, and the load lasts 600 s/],
    [
      'a cold start as long as the load',
      { hpa: hpa(), rules: rate('2m') },
      { inference: { modelLoad: '10m' } },
      /takes 600 s to start, and the load lasts 600 s/,
    ],
    [
      'a stabilisation of one decision',
      { hpa: hpa({ behavior: { scaleUp: { stabilizationWindowSeconds: 15 } } }), rules: rate('2m') },
      {},
      /`behavior\.scaleUp\.stabilizationWindowSeconds` 15 stabilises nothing.* 16 or more, or to 0/,
    ],
    [
      'that of the settings',
      { hpa: hpa(), rules: rate('2m'), downscaleStabilization: '10s' },
      {},
      /downscaleStabilization` 10 s stabilises nothing/,
    ],
    [
      'a period of less than a decision',
      {
        hpa: hpa({ behavior: { scaleDown: { policies: [{ type: 'Pods', value: 1, periodSeconds: 5 }] } } }),
        rules: rate('2m'),
      },
      {},
      /`behavior\.scaleDown\.policies\[0\]\.periodSeconds` 5 is shorter than the 15 s/,
    ],
    [
      'a cooldown of less than a decision',
      { hpa: keda('sum(gateway_requests_in_flight)', { cooldownPeriod: 5 }) },
      {},
      /`cooldownPeriod` 5 s .* 30 s or more/,
    ],
    [
      'the same of a policy',
      policy('keda', { minReplicas: 0, cooldown: '5s' }),
      {},
      /`stack\.autoscaler\.policy\.cooldown` 5 s/,
    ],
    [
      'an activation that only replicas could bring about',
      { hpa: keda('sum(vllm:num_requests_waiting)') },
      {},
      /nothing brings a replica back, since only replicas report vllm:num_requests_waiting/,
    ],
    [
      'the same of a policy',
      policy('keda', { minReplicas: 0, metric: 'vllm:num_requests_waiting' }),
      {},
      /nothing brings a replica back/,
    ],
    [
      'a step that never fires',
      policy('threshold', { steps: [{ metric: 'load', above: 0.8, add: 1, for: '10m' }] }),
      {},
      /steps\[0\]\.for` 600 s never passes/,
    ],
    [
      'a load in percent',
      policy('threshold', { steps: [{ metric: 'load', above: 80, add: 1 }] }),
      {},
      /steps\[0\]\.above` 80 is never reached/,
    ],
    [
      'a schedule beyond its maximum',
      policy('schedule', { windows: [{ start: '0 8 * * *', end: '0 9 * * *', replicas: 50 }] }),
      {},
      /windows\[0\]\.replicas` 50 is more than its `maxReplicas` 20/,
    ],
    ['a panic of one value', policy('knative'), {}, /panic window of 6 s holds one value at most/],
    ['a period that is not over', policy('predictive', { target: 1 }), {}, /never uses its forecast/],
    [
      'a lead shorter than a cold start',
      policy('predictive', { target: 1, period: '2m', bucket: '30s', lead: '20s' }),
      {},
      /`stack\.autoscaler\.policy\.lead` 20 s is shorter than the 30 s .* 45 s or more/,
    ],
    [
      'buckets that stay empty',
      policy('predictive', { target: 1, period: '2m', bucket: '5s', lead: '40s' }),
      {},
      /`stack\.autoscaler\.policy\.bucket` 5 s/,
    ],
  ])('%s', async (_, autoscaler, stack, expected) => expect(await warningsOf(autoscaler, stack)).toMatch(expected));

  it.each([
    ['a window of two scrapes', { hpa: hpa(), rules: rate('30s') }],
    ['a gauge', { hpa: hpa(), rules: { m: { series: 'q', window: '1s' } } }],
    ['a metric with several ways to be measured', { hpa: hpa() }],
    ['a lookback of a scrape', { hpa: hpa(), rules: { m: { series: 'q', lookback: '15s' } } }],
    [
      'policies of the API',
      { hpa: hpa({ behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } }), rules: rate('2m') },
    ],
    ['KEDA on requests at the gateways', { hpa: keda('sum(gateway_requests_in_flight)') }],
    ['Knative with its own interval', { ...policy('knative', { minReplicas: 0 }), syncPeriod: '2s', scrape: '2s' }],
    ['thresholds', policy('threshold')],
    ['no metrics', policy('noop')],
  ])('but not %s', async (_, autoscaler) => expect(await warningsOf(autoscaler)).toBe(''));
});
