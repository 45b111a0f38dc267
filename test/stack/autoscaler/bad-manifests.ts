/** An autoscaler with a metric of each type. */
export const HPA = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: inference
  namespace: llm
  labels: { app: inference }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: inference }
  minReplicas: 3
  maxReplicas: 20
  metrics:
    - type: Resource
      resource: { name: cpu, target: { type: Utilization, averageUtilization: 70 } }
    - type: ContainerResource
      containerResource: { name: memory, container: main, target: { type: AverageValue, averageValue: 1.5Gi } }
    - type: Pods
      pods:
        metric: { name: "vllm:num_requests_waiting" }
        target: { type: AverageValue, averageValue: "5" }
    - type: Object
      object:
        describedObject: { apiVersion: networking.k8s.io/v1, kind: Ingress, name: main }
        metric: { name: requests_per_second }
        target: { type: Value, value: 2k }
    - type: External
      external:
        metric: { name: ttft_p99, selector: { matchLabels: { model: qwen } } }
        target: { type: Value, value: 1500m }
  behavior:
    scaleUp:
      stabilizationWindowSeconds: 0
      policies: [{ type: Percent, value: 100, periodSeconds: 15 }]
    scaleDown:
      selectPolicy: Min
      policies:
        - { type: Pods, value: 1, periodSeconds: 60 }
      tolerance: 0.05
status:
  currentReplicas: 3
`;

// biome-ignore lint/suspicious/noExplicitAny: edits change any part of it
export type Document = any;

/** What is wrong: its name, the change, and what the message must name. */
export const BAD: [string, (document: Document) => void, ...string[]][] = [
  ['an older version', d => (d.apiVersion = 'autoscaling/v1'), '`apiVersion`', 'autoscaling/v2', 'kubectl get hpa.v2'],
  ['no version', d => delete d.apiVersion, '`apiVersion`'],
  ['another kind', d => (d.kind = 'Deployment'), '`kind`', 'HorizontalPodAutoscaler', 'Deployment'],
  ['no target', d => delete d.spec.scaleTargetRef, '`spec.scaleTargetRef`', 'required'],
  ['no maximum', d => delete d.spec.maxReplicas, '`spec.maxReplicas`', 'required'],
  ['a maximum below the minimum', d => (d.spec.maxReplicas = 2), '`spec.maxReplicas`', '`minReplicas` (3)', 'got 2'],
  [
    'a maximum of 0',
    d => Object.assign(d.spec, { maxReplicas: 0, minReplicas: 0 }),
    '`spec.maxReplicas`',
    'greater than 0',
  ],
  ['a minimum below 0', d => (d.spec.minReplicas = -1), '`spec.minReplicas`', '-1'],
  ['a minimum of 0 without the gate', d => (d.spec.minReplicas = 0), '`spec.minReplicas`', 'scaleToZero'],
  ['half a replica', d => (d.spec.minReplicas = 1.5), '`spec.minReplicas`', '1.5'],
  [
    'an unknown type of metric',
    d => (d.spec.metrics[0].type = 'Gpu'),
    '`spec.metrics[0].type`',
    'ContainerResource',
    '"Gpu"',
  ],
  ['a metric without its source', d => delete d.spec.metrics[2].pods, '`spec.metrics[2].pods`'],
  ['two sources', d => (d.spec.metrics[2].object = {}), '`spec.metrics[2].object`', 'no field'],
  [
    'a target of 0',
    d => (d.spec.metrics[2].pods.target.averageValue = '0'),
    '`spec.metrics[2].pods.target.averageValue`',
    'greater than 0',
  ],
  [
    'a utilisation of 0',
    d => (d.spec.metrics[0].resource.target.averageUtilization = 0),
    '`spec.metrics[0].resource.target.averageUtilization`',
  ],
  [
    'a negative target',
    d => (d.spec.metrics[4].external.target.value = '-1'),
    '`spec.metrics[4].external.target.value`',
  ],
  [
    'no quantity',
    d => (d.spec.metrics[2].pods.target.averageValue = '5 rps'),
    '`spec.metrics[2].pods.target.averageValue`',
    'quantity',
    '5 rps',
  ],
  [
    'an unknown type of target',
    d => (d.spec.metrics[2].pods.target.type = 'Average'),
    '`spec.metrics[2].pods.target.type`',
  ],
  [
    'a target without value',
    d => delete d.spec.metrics[4].external.target.value,
    '`spec.metrics[4].external.target.averageValue`',
    'required',
  ],
  [
    'both values',
    d => (d.spec.metrics[4].external.target.averageValue = 1),
    '`spec.metrics[4].external.target.value`',
    'averageValue',
  ],
  [
    'both targets of a resource',
    d => (d.spec.metrics[0].resource.target.averageValue = 1),
    '`spec.metrics[0].resource.target.averageValue`',
  ],
  [
    'pods without an average',
    d => {
      d.spec.metrics[2].pods.target = { type: 'Value', value: 5 };
    },
    '`spec.metrics[2].pods.target.averageValue`',
  ],
  ['a metric without name', d => (d.spec.metrics[2].pods.metric = {}), '`spec.metrics[2].pods.metric.name`'],
  ['a name with a slash', d => (d.spec.metrics[2].pods.metric.name = 'a/b'), '`spec.metrics[2].pods.metric.name`'],
  [
    'an unknown policy',
    d => (d.spec.behavior.scaleUp.policies[0].type = 'Replicas'),
    '`spec.behavior.scaleUp.policies[0].type`',
    'Pods or Percent',
  ],
  ['a policy of 0', d => (d.spec.behavior.scaleUp.policies[0].value = 0), '`spec.behavior.scaleUp.policies[0].value`'],
  [
    'a long period',
    d => (d.spec.behavior.scaleUp.policies[0].periodSeconds = 1801),
    '`spec.behavior.scaleUp.policies[0].periodSeconds`',
    '1800',
  ],
  ['no policy', d => (d.spec.behavior.scaleUp.policies = []), '`spec.behavior.scaleUp.policies`'],
  [
    'an unknown choice of policy',
    d => (d.spec.behavior.scaleDown.selectPolicy = 'Most'),
    '`spec.behavior.scaleDown.selectPolicy`',
    'Disabled',
  ],
  [
    'a long window',
    d => (d.spec.behavior.scaleUp.stabilizationWindowSeconds = 3601),
    '`spec.behavior.scaleUp.stabilizationWindowSeconds`',
    '3600',
  ],
  ['a negative tolerance', d => (d.spec.behavior.scaleDown.tolerance = '-0.1'), '`spec.behavior.scaleDown.tolerance`'],
  ['an unknown field', d => (d.spec.maxReplica = 5), '`spec.maxReplica`', 'no field'],
  [
    'a wrong selector',
    d => {
      d.spec.metrics[4].external.metric.selector = { matchExpressions: [{ key: 'a', operator: 'In' }] };
    },
    '`spec.metrics[4].external.metric.selector.matchExpressions[0].values`',
  ],
  [
    'an unknown operator',
    d => (d.spec.metrics[4].external.metric.selector = { matchExpressions: [{ key: 'a', operator: 'Gt' }] }),
    '`spec.metrics[4].external.metric.selector.matchExpressions[0].operator`',
    'DoesNotExist',
    '"Gt"',
  ],
  ['no name', d => (d.metadata = {}), '`metadata.name`', 'required'],
  ['no spec', d => delete d.spec, '`spec`', 'required'],
  ['a version of another API', d => (d.apiVersion = 'apps/v1'), '`apiVersion`', 'autoscaling/v2'],
  ['a field of version 1', d => (d.spec.targetCPUUtilizationPercentage = 50), '`spec.targetCPUUtilizationPercentage`'],
  ['a maximum that is a text', d => (d.spec.maxReplicas = '20'), '`spec.maxReplicas` must be a number', '"20"'],
  ['a maximum beyond 32 bits', d => (d.spec.maxReplicas = 2 ** 31), '`spec.maxReplicas` must be at most 2147483647'],
  [
    'a utilisation that is a text',
    d => (d.spec.metrics[0].resource.target.averageUtilization = '70%'),
    '`spec.metrics[0].resource.target.averageUtilization` must be a number',
    '"70%"',
  ],
  [
    'a target that is a text',
    d => (d.spec.metrics[0].resource.target = '70%'),
    '`spec.metrics[0].resource.target` must be an object',
  ],
  [
    'a quantity that is a list',
    d => (d.spec.metrics[4].external.target.value = [5]),
    '`spec.metrics[4].external.target.value`',
    'quantity',
  ],
  [
    'a period that is a duration',
    d => (d.spec.behavior.scaleUp.policies[0].periodSeconds = '15s'),
    '`spec.behavior.scaleUp.policies[0].periodSeconds` must be a number',
  ],
  ['a metric that is a text', d => (d.spec.metrics[1] = 'cpu'), '`spec.metrics[1]`', 'ContainerResource'],
  ['a metric without type', d => delete d.spec.metrics[1].type, '`spec.metrics[1].type`', 'required'],
  [
    'a container that cannot be',
    d => (d.spec.metrics[1].containerResource.container = 'Main'),
    '`spec.metrics[1].containerResource.container`',
  ],
  [
    'a resource that containers lack',
    d => (d.spec.metrics[1].containerResource.name = 'gpu'),
    '`spec.metrics[1].containerResource.name`',
    'nvidia.com/gpu',
  ],
  [
    'a reference with two slashes',
    d => (d.spec.scaleTargetRef.apiVersion = 'a/b/c'),
    '`spec.scaleTargetRef.apiVersion`',
    'GROUP/VERSION',
  ],
  ['a list of metrics that is an object', d => (d.spec.metrics = {}), '`spec.metrics`'],
];
