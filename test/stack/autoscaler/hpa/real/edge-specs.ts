import type { Api } from './api.ts';
import { autoscalerOf } from './play.ts';

/** What the API says of a spec: its code, and the message or the spec with its defaults. */
export interface Verdict {
  readonly code: number;
  readonly message?: string;
  readonly spec?: object;
}

const cpu = (target: object) => ({ type: 'Resource', resource: { name: 'cpu', target } });
const pods = (target: object, metric: object = { name: 'q' }) => ({ type: 'Pods', pods: { metric, target } });
const external = (target: object, metric: object = { name: 'q' }) => ({
  type: 'External',
  external: { metric, target },
});
const object = (target: object, describedObject: object = { kind: 'Service', name: 's', apiVersion: 'v1' }) => ({
  ...{ type: 'Object', object: { describedObject, metric: { name: 'q' }, target } },
});
const inContainer = (rest: object) => ({
  maxReplicas: 5,
  metrics: [
    { type: 'ContainerResource', containerResource: { name: 'cpu', container: 'main', target: half, ...rest } },
  ],
});
const average = { type: 'AverageValue', averageValue: '5' };
const whole = { type: 'Value', value: '5' };
const half = { type: 'Utilization', averageUtilization: 50 };
const up = (rules: object) => ({ maxReplicas: 5, behavior: { scaleUp: rules } });
const down = (rules: object) => ({ maxReplicas: 5, behavior: { scaleDown: rules } });
const policy = (type: unknown, value: unknown, periodSeconds: unknown) =>
  up({ policies: [{ type, value, periodSeconds }] });
const of = (...metrics: unknown[]) => ({ maxReplicas: 5, metrics });
const selected = (selector: unknown) => of(external(average, { name: 'q', selector }));

const SPECS: Readonly<Record<string, object>> = {
  'no maximum': {},
  'maximum 0': { maxReplicas: 0 },
  'maximum below minimum': { minReplicas: 4, maxReplicas: 3 },
  'maximum as text': { maxReplicas: '5' },
  'maximum of 2^31': { maxReplicas: 2 ** 31 },
  'minimum negative': { minReplicas: -1, maxReplicas: 5 },
  'minimum half': { minReplicas: 1.5, maxReplicas: 5 },
  'minimum 0 with external': { minReplicas: 0, maxReplicas: 5, metrics: [external(average)] },
  'minimum 0 with pods': { minReplicas: 0, maxReplicas: 5, metrics: [pods(average)] },
  'unknown field': { maxReplicas: 5, maxReplica: 5 },
  'no metrics': of(),
  'metrics as object': { maxReplicas: 5, metrics: {} },
  'unknown type of metric': of({ type: 'Gpu', resource: { name: 'cpu', target: half } }),
  'metric without type': of({ resource: { name: 'cpu', target: half } }),
  'metric without source': of({ type: 'Pods' }),
  'another source': of({ type: 'Pods', resource: { name: 'cpu', target: half } }),
  'two sources': of({ ...pods(average), resource: { name: 'cpu', target: half } }),
  'the same metric twice': of(cpu(half), cpu(half)),
  'two targets for a metric': of(pods(average), pods({ ...average, averageValue: '7' })),
  'utilization 0': of(cpu({ type: 'Utilization', averageUtilization: 0 })),
  'utilization negative': of(cpu({ type: 'Utilization', averageUtilization: -5 })),
  'utilization above 100': of(cpu({ type: 'Utilization', averageUtilization: 250 })),
  'utilization half': of(cpu({ type: 'Utilization', averageUtilization: 0.5 })),
  'resource without target': of(cpu({ type: 'Utilization' })),
  'resource with value': of(cpu(whole)),
  'resource with both': of(cpu({ ...half, averageValue: '1' })),
  'resource of another type of target': of(cpu({ type: 'AverageValue', averageUtilization: 50 })),
  'unknown resource': of({ type: 'Resource', resource: { name: 'gpu', target: half } }),
  'resource with slash': of({ type: 'Resource', resource: { name: 'nvidia.com/gpu', target: half } }),
  'resource with a space': of({ type: 'Resource', resource: { name: 'a b', target: half } }),
  'resource without name': of({ type: 'Resource', resource: { target: half } }),
  'resource with an empty name': of({ type: 'Resource', resource: { name: '', target: half } }),
  'container resource without container': inContainer({ container: undefined }),
  'container with slash': inContainer({ container: 'a/b' }),
  'container with capitals': inContainer({ container: 'Main' }),
  'container with a dot': inContainer({ container: 'main.one' }),
  'container with a dash at its end': inContainer({ container: 'main-' }),
  'container of 63 characters': inContainer({ container: 'm'.repeat(63) }),
  'container of 64 characters': inContainer({ container: 'm'.repeat(64) }),
  'container resource without name': inContainer({ name: undefined }),
  'container resource of storage': inContainer({ name: 'ephemeral-storage' }),
  'container resource of huge pages': inContainer({ name: 'hugepages-2Mi' }),
  'container resource of another kind': inContainer({ name: 'gpu' }),
  'container resource with a domain': inContainer({ name: 'nvidia.com/gpu' }),
  'container resource with two slashes': inContainer({ name: 'a.b/c/d' }),
  'container resource with a space': inContainer({ name: 'a.b/c d' }),
  'pods with utilization': of(pods(half)),
  'pods with value': of(pods(whole)),
  'pods with both': of(pods({ ...average, value: '5' })),
  'pods with utilization beside average': of(pods({ ...average, averageUtilization: 50 })),
  'pods average 0': of(pods({ ...average, averageValue: '0' })),
  'pods average negative': of(pods({ ...average, averageValue: '-1' })),
  'pods average tiny': of(pods({ ...average, averageValue: '1n' })),
  'pods average no quantity': of(pods({ ...average, averageValue: '5 rps' })),
  'pods average empty': of(pods({ ...average, averageValue: '' })),
  'pods average number': of(pods({ ...average, averageValue: 5 })),
  'pods average fraction': of(pods({ ...average, averageValue: 0.5 })),
  'pods average exponent': of(pods({ ...average, averageValue: '5e-1' })),
  'pods average Ki': of(pods({ ...average, averageValue: '1.5Ki' })),
  'pods average K': of(pods({ ...average, averageValue: '5K' })),
  'pods average plus': of(pods({ ...average, averageValue: '+5' })),
  'pods average dot': of(pods({ ...average, averageValue: '.5' })),
  'pods average NaN': of(pods({ ...average, averageValue: 'NaN' })),
  'pods metric without name': of(pods(average, {})),
  'pods metric with slash': of(pods(average, { name: 'a/b' })),
  'pods metric with percent': of(pods(average, { name: 'a%b' })),
  'pods metric of dots': of(pods(average, { name: '..' })),
  'pods metric with colon': of(pods(average, { name: 'vllm:num_requests' })),
  'target without type': of(pods({ averageValue: '5' })),
  'unknown type of target': of(pods({ type: 'Average', averageValue: '5' })),
  'object average': of(object(average)),
  'object value 0': of(object({ type: 'Value', value: '0' })),
  'object both': of(object({ ...whole, averageValue: '5' })),
  'object without value': of(object({ type: 'Value' })),
  'object with type of the other': of(object({ type: 'AverageValue', value: '5' })),
  'object with utilization': of(object(half)),
  'object without kind': of(object(whole, { name: 's', apiVersion: 'v1' })),
  'object without name': of(object(whole, { kind: 'Service' })),
  'object without version': of(object(whole, { kind: 'Service', name: 's' })),
  'object with a wrong version': of(object(whole, { kind: 'Service', name: 's', apiVersion: 'a/b/c' })),
  'external both': of(external({ ...whole, averageValue: '5' })),
  'external none': of(external({ type: 'Value' })),
  'external with utilization': of(external(half)),
  'external with type of the other': of(external({ type: 'AverageValue', value: '5' })),
  'external utilization beside value': of(external({ ...whole, averageUtilization: 5 })),
  'selector In without values': selected({ matchExpressions: [{ key: 'a', operator: 'In' }] }),
  'selector Exists with values': selected({ matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] }),
  'selector with an unknown operator': selected({ matchExpressions: [{ key: 'a', operator: 'Is', values: ['b'] }] }),
  'selector without key': selected({ matchExpressions: [{ operator: 'Exists' }] }),
  'selector with a bad key': selected({ matchLabels: { 'a b': 'c' } }),
  'selector with a bad value': selected({ matchLabels: { a: 'b c' } }),
  'selector with a long value': selected({ matchLabels: { a: 'b'.repeat(64) } }),
  'selector with a prefixed key': selected({ matchLabels: { 'a.b/c': '' } }),
  'selector with a bad expression key': selected({ matchExpressions: [{ key: 'a b', operator: 'Exists' }] }),
  'selector with a bad expression value': selected({
    matchExpressions: [{ key: 'a', operator: 'In', values: ['b c'] }],
  }),
  'selector of numbers': selected({ matchLabels: { a: 1 } }),
  'window negative': down({ stabilizationWindowSeconds: -1 }),
  'window 3600': down({ stabilizationWindowSeconds: 3600 }),
  'window 3601': down({ stabilizationWindowSeconds: 3601 }),
  'window up 3601': up({ stabilizationWindowSeconds: 3601 }),
  'no policies': up({ policies: [] }),
  'policies null': up({ policies: null }),
  'policy of replicas': policy('Replicas', 1, 15),
  'policy without type': policy(undefined, 1, 15),
  'policy value 0': policy('Pods', 0, 15),
  'policy value negative': policy('Percent', -10, 15),
  'policy value half': policy('Percent', 0.5, 15),
  'policy without value': policy('Pods', undefined, 15),
  'policy period 0': policy('Pods', 1, 0),
  'policy period 1800': policy('Pods', 1, 1800),
  'policy period 1801': policy('Pods', 1, 1801),
  'policy without period': policy('Pods', 1, undefined),
  'policy percent above 100 down': down({ policies: [{ type: 'Percent', value: 200, periodSeconds: 15 }] }),
  'the same policy twice': up({ policies: [1, 1].map(value => ({ type: 'Pods', value, periodSeconds: 15 })) }),
  'select most': up({ selectPolicy: 'Most' }),
  'select empty': up({ selectPolicy: '' }),
  'select disabled without policies': down({ selectPolicy: 'Disabled', policies: [] }),
  'tolerance 0': up({ tolerance: '0' }),
  'tolerance negative': up({ tolerance: '-100m' }),
  'tolerance 5': down({ tolerance: 5 }),
  'tolerance percent': up({ tolerance: '10%' }),
  'behavior empty': { maxReplicas: 5, behavior: {} },
  'behavior with an unknown field': { maxReplicas: 5, behavior: { scaleSideways: {} } },
  'rules with an unknown field': up({ window: 5 }),
  'target with an unknown field': of(cpu({ ...half, utilization: 5 })),
  'reference without name': { maxReplicas: 5, scaleTargetRef: { kind: 'Deployment' } },
  'reference without kind': { maxReplicas: 5, scaleTargetRef: { name: 'd' } },
  'reference with slash': { maxReplicas: 5, scaleTargetRef: { kind: 'Deployment', name: 'a/b' } },
  'reference with a wrong version': {
    maxReplicas: 5,
    scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'a/b/c' },
  },
  'reference with a version alone': {
    maxReplicas: 5,
    scaleTargetRef: { kind: 'ReplicationController', name: 'd', apiVersion: 'v1' },
  },
  'reference without version': { maxReplicas: 5, scaleTargetRef: { kind: 'Deployment', name: 'd' } },
  'object with a percent': of(object(whole, { kind: 'Service', name: 'a%b' })),
  'metrics null': { maxReplicas: 5, metrics: null },
  'metric null': of(null),
  'policy as text': up({ policies: ['Pods'] }),
  'window as text': up({ stabilizationWindowSeconds: '5' }),
  'window half': up({ stabilizationWindowSeconds: 0.5 }),
  'tolerance huge': up({ tolerance: '1e30' }),
  'value as boolean': of(pods({ ...average, averageValue: true })),
  'minimum as text': { minReplicas: '2', maxReplicas: 5 },
  'name of a metric as number': of(pods(average, { name: 5 })),
  'many metrics': of(...Array.from({ length: 20 }, (_, i) => pods(average, { name: `q${i}` }))),
};

/** Specs at the edges of what the API accepts, each by what it has. */
export const EDGE_SPECS: readonly { readonly id: string; readonly spec: object }[] = Object.entries(SPECS).map(
  ([id, spec]) => ({ id, spec: JSON.parse(JSON.stringify(spec)) }),
);

/** Shows a spec to the API, which stores nothing of it. */
export async function verdictOf(api: Api, spec: object): Promise<Verdict> {
  const path = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers?dryRun=All&fieldValidation=Strict';
  const { status, body } = await api.send('POST', path, autoscalerOf('h', 'd', spec));
  return status === 201 ? { code: status, spec: body.spec } : { code: status, message: body.message };
}
