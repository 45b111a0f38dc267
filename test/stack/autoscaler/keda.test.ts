import { describe, expect, it } from 'vitest';
import { SquallError } from '../../../harness/errors.ts';
import { isBetween, isCron } from '../../../stack/autoscaler/keda/cron.ts';
import { readManifest } from '../../../stack/autoscaler/manifest.ts';
import { ruleOfQuery } from '../../../stack/autoscaler/measure/promql.ts';

const scaledObject = (triggers: unknown, rest: object = {}) => ({
  apiVersion: 'keda.sh/v1alpha1',
  kind: 'ScaledObject',
  metadata: { name: 'inference' },
  spec: { scaleTargetRef: { name: 'inference' }, minReplicaCount: 2, maxReplicaCount: 10, triggers, ...rest },
});

const TRIGGERS = {
  cpu: { type: 'cpu', metricType: 'Utilization', metadata: { value: '70' } },
  memory: { type: 'memory', metricType: 'AverageValue', metadata: { value: '1Gi', containerName: 'main' } },
  prometheus: {
    type: 'prometheus',
    metadata: {
      serverAddress: 'http://prometheus:9090',
      query: 'sum(rate(gateway_requests_total[2m]))',
      threshold: '500',
    },
  },
  cron: {
    type: 'cron',
    metadata: { timezone: 'Europe/Berlin', start: '0 8 * * 1-5', end: '0 18 * * 1-5', desiredReplicas: '8' },
  },
  redis: {
    type: 'redis',
    metadata: { address: 'redis:6379', listName: 'jobs', listLength: 20, activationListLength: '1' },
  },
};

function refusal(document: unknown): string {
  try {
    readManifest(document, false);
  } catch (error) {
    if (error instanceof SquallError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('a ScaledObject', () => {
  it('becomes the autoscaler that KEDA makes of it', () => {
    const { spec, rules, name } = readManifest(scaledObject(Object.values(TRIGGERS)), false);
    expect(name).toBe('inference');
    expect(spec).toMatchObject({ minReplicas: 2, maxReplicas: 10 });
    expect(spec.metrics).toMatchObject([
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
      { type: 'ContainerResource', containerResource: { name: 'memory', container: 'main' } },
      {
        type: 'External',
        external: { metric: { name: 's2-prometheus' }, target: { averageValue: { milli: 500_000n } } },
      },
      { type: 'External', external: { metric: { name: 's3-cron' }, target: { averageValue: { milli: 1000n } } } },
      {
        type: 'External',
        external: { metric: { name: 's4-redis-jobs' }, target: { averageValue: { milli: 20_000n } } },
      },
    ]);
    expect(rules).toMatchObject({
      's2-prometheus': { series: 'gateway_requests_total', as: 'rate', windowMs: 120_000, fold: 'sum' },
      's3-cron': { timezone: 'Europe/Berlin', desiredReplicas: 8 },
    });
  });

  it('names what it cannot do', () => {
    const { notes, spec } = readManifest(
      scaledObject([TRIGGERS.redis, { type: 'azure-blob', metadata: {} }], {
        ...{
          minReplicaCount: 2,
          idleReplicaCount: 1,
          fallback: { failureThreshold: 3, replicas: 6 },
          pollingInterval: 5,
        },
        advanced: { scalingModifiers: { formula: 'a + b' } },
      }),
      false,
    );
    expect(spec.minReplicas).toBe(2);
    const named = ['azure-blob', 'idleReplicaCount', 'fallback', 'scalingModifiers', 'pollingInterval'];
    for (const word of named) expect(notes.join('\n')).toContain(word);
  });

  it('is activated by its triggers, if it may have no replicas', () => {
    const prometheus = {
      ...TRIGGERS.prometheus,
      metadata: { ...TRIGGERS.prometheus.metadata, activationThreshold: 3 },
    };
    const triggers = [TRIGGERS.cpu, prometheus, TRIGGERS.redis, TRIGGERS.cron];
    const { activation, spec } = readManifest(
      scaledObject(triggers, { minReplicaCount: 0, cooldownPeriod: 60 }),
      false,
    );
    expect(spec.minReplicas).toBe(1);
    expect(activation).toMatchObject({
      ...{ activeReplicas: 1, cooldownMs: 60_000, initialCooldownMs: 0 },
      triggers: [{ above: 3 }, { above: 1 }, { above: 0 }],
    });
    const idle = readManifest(scaledObject(triggers, { idleReplicaCount: 0, initialCooldownPeriod: 30 }), false);
    expect(idle.activation).toMatchObject({ activeReplicas: 2, cooldownMs: 300_000, initialCooldownMs: 30_000 });
    expect(readManifest(scaledObject(triggers), false).activation).toBeUndefined();
    const byCpu = readManifest(scaledObject([TRIGGERS.cpu], { minReplicaCount: 0 }), false);
    expect(byCpu.activation).toBeUndefined();
    expect(byCpu.notes.join()).toContain('minReplicaCount');
  });

  it('hands on the behavior', () => {
    const behavior = { scaleDown: { stabilizationWindowSeconds: 60 } };
    const advanced = { horizontalPodAutoscalerConfig: { behavior } };
    const { spec } = readManifest(scaledObject([TRIGGERS.cpu], { advanced }), false);
    expect(spec.behavior!.scaleDown.stabilizationWindowSeconds).toBe(60);
  });

  it.each([
    ['only unknown triggers', scaledObject([{ type: 'mystery', metadata: {} }]), 'spec.triggers[0].type'],
    ['no trigger', scaledObject([]), 'spec.triggers'],
    [
      'no threshold',
      scaledObject([{ type: 'prometheus', metadata: { query: 'up' } }]),
      'spec.triggers[0].metadata.threshold',
    ],
    ['no query', scaledObject([{ type: 'prometheus', metadata: { threshold: 1 } }]), 'spec.triggers[0].metadata.query'],
    [
      'a threshold of 0',
      scaledObject([{ type: 'redis', metadata: { listName: 'a', listLength: '0' } }]),
      'spec.triggers[0]',
    ],
    ['no value', scaledObject([{ type: 'cpu', metadata: {} }]), 'spec.triggers[0].metadata.value'],
    ['a utilisation that is a text', scaledObject([{ type: 'cpu', metadata: { value: 'half' } }]), 'spec.triggers[0]'],
    [
      'an average of a cron',
      scaledObject([{ ...TRIGGERS.cron, metricType: 'Utilization' }]),
      'spec.triggers[0].metricType',
    ],
    [
      'half a schedule',
      scaledObject([{ type: 'cron', metadata: { timezone: 'UTC', start: '0 8 * * *', desiredReplicas: 3 } }]),
      'metadata.end',
    ],
    [
      'a wrong schedule',
      scaledObject([{ type: 'cron', metadata: { ...TRIGGERS.cron.metadata, end: '0 25 * * *' } }]),
      'cron expressions',
    ],
    [
      'a wrong zone',
      scaledObject([{ type: 'cron', metadata: { ...TRIGGERS.cron.metadata, timezone: 'Mars' } }]),
      'time zone',
    ],
    ['min above max', scaledObject([TRIGGERS.cpu], { minReplicaCount: 11 }), 'spec.maxReplicaCount'],
    [
      'an unknown policy',
      scaledObject([TRIGGERS.cpu], {
        advanced: { horizontalPodAutoscalerConfig: { behavior: { scaleUp: { selectPolicy: 'X' } } } },
      }),
      'behavior.scaleUp.selectPolicy',
    ],
    [
      'more idle replicas than others',
      scaledObject([TRIGGERS.redis], { idleReplicaCount: 2 }),
      'spec.idleReplicaCount',
    ],
    [
      'an activation that is no number',
      scaledObject([{ ...TRIGGERS.redis, metadata: { activationListLength: 'few' } }]),
      'spec.triggers[0].metadata.activationListLength',
    ],
    [
      'a maximum of 0',
      scaledObject([TRIGGERS.cpu], { maxReplicaCount: 0 }),
      '`spec.maxReplicaCount` must be at least 1',
    ],
    ['a minimum that is a text', scaledObject([TRIGGERS.cpu], { minReplicaCount: 'two' }), '`spec.minReplicaCount`'],
    ['an unknown field', scaledObject([TRIGGERS.cpu], { maxReplica: 5 }), '`spec.maxReplica` is no field'],
    ['triggers as an object', scaledObject(TRIGGERS), '`spec.triggers` must be a list'],
    ['a trigger as text', scaledObject(['cpu']), '`spec.triggers[0]` must be an object'],
    ['a trigger without type', scaledObject([{ metadata: {} }]), '`spec.triggers[0].type` is required'],
    ['a trigger without metadata', scaledObject([{ type: 'cpu' }]), '`spec.triggers[0].metadata` is required'],
    [
      'two triggers of one name',
      scaledObject([
        { ...TRIGGERS.cpu, name: 'a' },
        { ...TRIGGERS.memory, name: 'a' },
      ]),
      '`spec.triggers[1].name`',
    ],
    ['a type of metric', scaledObject([{ ...TRIGGERS.cpu, metricType: 'Percent' }]), '`spec.triggers[0].metricType`'],
    [
      'a utilisation of 0',
      scaledObject([{ type: 'cpu', metadata: { value: '0' } }]),
      '`spec.triggers[0].metadata.value`',
    ],
    [
      'a threshold that is none, after a trigger that is not known',
      scaledObject([
        { type: 'mystery', metadata: {} },
        { type: 'prometheus', metadata: { query: 'x', threshold: 'many' } },
      ]),
      '`spec.triggers[1].metadata.threshold` must be a quantity',
    ],
    [
      'a container that cannot be',
      scaledObject([{ type: 'cpu', metadata: { value: '5', containerName: 'a/b' } }]),
      '`spec.triggers[0].metadata.containerName`',
    ],
    [
      'a schedule without length',
      scaledObject([{ ...TRIGGERS.cron, metadata: { ...TRIGGERS.cron.metadata, end: '0 8 * * 1-5' } }]),
      '`spec.triggers[0].metadata.end`',
    ],
    ['another version', { ...scaledObject([TRIGGERS.cpu]), apiVersion: 'keda.sh/v2' }, 'apiVersion'],
  ])('with %s is refused by the name of the field', (_, document, field) => {
    expect(refusal(document)).toContain(field);
  });
});

describe('a cron schedule', () => {
  // Berlin is 2 h ahead of UTC in summer and 1 h in winter.
  it.each([
    ['2026-07-01T05:59:30Z', false],
    ['2026-07-01T06:00:00Z', true],
    ['2026-07-01T15:59:59Z', true],
    ['2026-07-01T16:00:00Z', false],
    ['2026-12-01T06:30:00Z', false],
    ['2026-12-01T07:00:00Z', true],
    ['2026-07-04T09:00:00Z', false],
  ])('at %s is on: %s', (at, isOn) => {
    expect(isBetween('0 8 * * 1-5', '0 18 * * MON-FRI', 'Europe/Berlin', new Date(at))).toBe(isOn);
  });

  it('may last over midnight, and may never come', () => {
    const at = (text: string) => isBetween('0 22 * * *', '0 6 * * *', 'UTC', new Date(text));
    expect([at('2026-07-01T23:00:00Z'), at('2026-07-01T03:00:00Z'), at('2026-07-01T12:00:00Z')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(isBetween('0 0 31 2 *', '0 6 * * *', 'UTC', new Date(0))).toBe(true);
    expect(isBetween('0 6 * * *', '0 0 31 2 *', 'UTC', new Date(0))).toBe(false);
  });

  it.each([
    '* * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    'a * * * *',
    '5-1 * * * *',
    '*/0 * * * *',
    '1,,2 * * * *',
    '1-2-3x * * * *',
  ])('is none: %s', text => {
    expect(isCron(text)).toBe(false);
  });
});

describe('a query of a trigger', () => {
  it.each([
    ['vllm:num_requests_waiting', { series: 'vllm:num_requests_waiting', as: 'gauge' }],
    ['avg( vllm:kv_cache_usage_perc{pod="inference-1"} )', { fold: 'avg', labels: { pod: 'inference-1' } }],
    ['rate(gateway_requests_total{route="chat"}[1m30s])', { as: 'rate', windowMs: 90_000, labels: { route: 'chat' } }],
    ['max(rate(x_total[5m]))', { as: 'rate', fold: 'max', windowMs: 300_000 }],
    [
      'histogram_quantile(0.95, sum(rate(vllm:time_to_first_token_seconds_bucket[2m])) by (le))',
      { series: 'vllm:time_to_first_token_seconds', as: 'quantile', quantile: 0.95, windowMs: 120_000 },
    ],
    ['histogram_quantile(0.9, sum by (le) (rate(a_bucket[1m])))', { as: 'quantile', quantile: 0.9 }],
    ['sum(a{b="c"}) or vector(0)', { fold: 'sum', labels: { b: 'c' }, absent: 0 }],
    ['(sum(rate(a_total[2m]))) or on() vector( 1.5 )', { as: 'rate', windowMs: 120_000, absent: 1.5 }],
  ])('is understood: %s', (query, rule) => {
    expect(ruleOfQuery(query)).toMatchObject(rule);
  });

  it.each([
    'a / b',
    'sum(a) + 1',
    'rate(a)',
    'sum(rate(a[5m])',
    'rate(a[5m]))',
    'a{x=~"y"}',
    'topk(3, a)',
    'a or b',
    'a or vector(0) or vector(1)',
    '(a) + (b) or vector(0)',
    'histogram_quantile(0.9, a)',
    '',
  ])('takes a Prometheus: %s', query => {
    expect(ruleOfQuery(query)).toBeUndefined();
  });
});
