const STRING = { type: 'string' };
const BOOLEAN = { type: 'boolean' };
const INTEGER = { type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 };
const OBJECT = { type: 'object' };
const STRINGS = { type: 'object', additionalProperties: STRING };
const QUANTITY = { type: ['integer', 'string'], pattern: '^[+-]?\\d*\\.?\\d*([KMGTPE]i|[numkMGTPE]|[eE][+-]?\\d+)?$' };

const list = (items: object) => ({ type: 'array', items });
/** An object of these keys and no others. */
const closed = (properties: object, required: readonly string[] = []) => ({
  ...{ type: 'object', properties, required, additionalProperties: false },
});

const quantities = { type: 'object', additionalProperties: QUANTITY };
const named = { name: STRING, optional: BOOLEAN };
const keyOf = closed({ ...named, key: STRING }, ['key']);
const fieldRef = closed({ apiVersion: STRING, fieldPath: STRING }, ['fieldPath']);
const resourceFieldRef = closed({ containerName: STRING, divisor: QUANTITY, resource: STRING }, ['resource']);
const valueFrom = closed({ configMapKeyRef: keyOf, secretKeyRef: keyOf, fieldRef, resourceFieldRef });
const toleration = { effect: STRING, key: STRING, operator: STRING, tolerationSeconds: INTEGER, value: STRING };
const mount = { mountPath: STRING, name: STRING, readOnly: BOOLEAN, subPath: STRING, subPathExpr: STRING };
const port = { containerPort: INTEGER, hostIP: STRING, hostPort: INTEGER, name: STRING, protocol: STRING };
const claim = { name: STRING, file: STRING, readOnly: BOOLEAN };

const pod = closed({
  affinity: OBJECT,
  automountServiceAccountToken: STRING,
  containerSecurityContext: OBJECT,
  disabled: BOOLEAN,
  env: list(closed({ name: STRING, value: STRING, valueFrom }, ['name'])),
  envFrom: list(closed({ configMapRef: closed(named), prefix: STRING, secretRef: closed(named) })),
  image: STRING,
  imagePullPolicy: STRING,
  imagePullSecrets: list(closed({ name: STRING })),
  metadata: closed({ annotations: STRINGS, labels: STRINGS }),
  nodeSelector: STRINGS,
  priorityClassName: STRING,
  resources: closed({ limits: quantities, requests: quantities }),
  schedulerName: STRING,
  securityContext: OBJECT,
  serviceAccountName: STRING,
  tolerations: list(closed(toleration)),
  volumeMounts: list(closed(mount, ['mountPath', 'name'])),
  volumes: list(OBJECT),
});

const spec = {
  args: list(STRING),
  arguments: STRING,
  cleanup: { enum: ['post'] },
  initializer: pod,
  parallelism: { ...INTEGER, minimum: 1 },
  paused: STRING,
  ports: list(closed(port, ['containerPort'])),
  quiet: STRING,
  runner: pod,
  script: closed({
    configMap: closed({ name: STRING, file: STRING }, ['name']),
    localFile: STRING,
    volumeClaim: closed(claim, ['name']),
  }),
  separate: BOOLEAN,
  starter: pod,
  testRunId: STRING,
  token: STRING,
};

/**
 * A TestRun as JSON Schema: the fields that Squall writes or that a person would add, as the CRD of the k6 operator 1.6.0 types
 * them (grafana/k6-operator, `config/crd/bases/k6.io_testruns.yaml`, v1alpha1). Any other key is an error, as it is for
 * `kubectl apply --validate=strict`. Stricter than the CRD in `parallelism`, of which 0 means nothing, and in the name, which has
 * to do for the names of jobs and services; objects that Kubernetes types, such as `affinity` and `volumes`, may hold anything.
 */
export const TEST_RUN = closed(
  {
    apiVersion: { const: 'k6.io/v1alpha1' },
    kind: { const: 'TestRun' },
    metadata: { type: 'object', properties: { name: { ...STRING, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' } } },
    spec: closed(spec, ['parallelism', 'script']),
  },
  ['apiVersion', 'kind', 'metadata', 'spec'],
);
