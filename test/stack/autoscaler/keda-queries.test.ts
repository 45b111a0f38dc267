import { describe, expect, it } from 'vitest';
import { readManifest } from '../../../stack/autoscaler/manifest.ts';

const QUERY = { query: 'sum(rate(gateway_requests_total[2m]))', threshold: '500' };
const read = (queries: readonly object[], annotations = {}) =>
  readManifest(
    {
      apiVersion: 'keda.sh/v1alpha1',
      kind: 'ScaledObject',
      metadata: { name: 'inference', annotations },
      spec: {
        scaleTargetRef: { name: 'inference' },
        minReplicaCount: 2,
        maxReplicaCount: 10,
        triggers: queries.map(query => ({ type: 'prometheus', metadata: { ...QUERY, ...query } })),
      },
    },
    false,
  );

describe('a query of a ScaledObject', () => {
  it('without series is 0, as KEDA has it unless `ignoreNullValues` is false', () => {
    const ruleOf = (query: object) => read([query]).rules['s0-prometheus'];
    expect(ruleOf({})).toMatchObject({ absent: 0 });
    expect(ruleOf({ query: `${QUERY.query} or vector(7)` })).toMatchObject({ absent: 7 });
    expect(ruleOf({ ignoreNullValues: 'false' })).not.toMatchObject({ absent: 0 });
    expect(() => read([{ ignoreNullValues: 'no' }])).toThrow(
      '`spec.triggers[0].metadata.ignoreNullValues` must be true or false, got "no"',
    );
  });

  it('that KEDA itself could not use is named, and so are annotations that pause it', () => {
    const annotations = { 'autoscaling.keda.sh/paused-replicas': '3', team: 'a' };
    expect(read([{}, { query: 'rate(gateway_requests_total[2m])' }], annotations).notes).toEqual([
      expect.stringContaining('`spec.triggers[1].metadata.query` has no aggregation'),
      'the annotation `autoscaling.keda.sh/paused-replicas` is ignored',
    ]);
  });
});
