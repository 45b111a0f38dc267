import { z } from 'zod';
import { parseQuantity } from './quantity.ts';

/** Longest window and period that the API accepts, in s. */
const MAX_WINDOW_SECONDS = 3600;
const MAX_PERIOD_SECONDS = 1800;
const MAX_COUNT = 2 ** 31 - 1;

const QUANTITY = 'must be a quantity, such as 500m, 10, 1.5 or 2Gi';
const quantity = z.union([z.string(), z.number()], { error: QUANTITY }).transform((value, context) => {
  const parsed = parseQuantity(String(value));
  if (parsed) return parsed;
  context.addIssue({ code: 'custom', message: QUANTITY });
  return z.NEVER;
});
const positive = quantity.refine(({ sign }) => sign > 0, 'must be greater than 0');
const count = z.int().min(0).max(MAX_COUNT);
const positiveCount = z.int().min(1, 'must be greater than 0').max(MAX_COUNT);
const name = z
  .string()
  .min(1, 'must not be empty')
  .refine(text => text !== '.' && text !== '..' && !/[/%]/.test(text), 'must be usable in a path: no "/" and no "%"');

const resourceName = z.string().min(1, 'must not be empty');
/** What a container can request: what Kubernetes knows, and resources of others by a name with their domain. */
const containerResourceName = z
  .string()
  .regex(
    /^(?:cpu|memory|ephemeral-storage|hugepages-[\w.-]*\w|[a-z0-9.-]+\/\w(?:[\w.-]{0,61}\w)?)$/,
    'must be cpu, memory, ephemeral-storage, hugepages-<size> or have a domain, such as nvidia.com/gpu',
  );
const containerName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'must be the name of a container: a-z, 0-9 and "-"');
const apiVersion = z.string().regex(/^[^/]*(?:\/[^/]*)?$/, 'must be VERSION or GROUP/VERSION');

/** Set operators of label selectors, which need values, and the others, which must not have any. */
const labelRequirement = z
  .strictObject({
    key: z.string().min(1),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
    values: z.array(z.string()).optional(),
  })
  .refine(({ operator, values = [] }) => operator.endsWith('In') === values.length > 0, {
    path: ['values'],
    message: 'must be given for In and NotIn, and for no other operator',
  });

/** Labels that series must have. */
export const selectorSchema = z.strictObject({
  matchLabels: z.record(z.string(), z.string()).optional(),
  matchExpressions: z.array(labelRequirement).optional(),
});
const identifier = z.strictObject({ name, selector: selectorSchema.optional() });

const reference = z.strictObject({ kind: name, name, apiVersion: apiVersion.optional() });
const target = z.strictObject({
  type: z.enum(['Utilization', 'Value', 'AverageValue']),
  value: positive.optional(),
  averageValue: positive.optional(),
  averageUtilization: positiveCount.optional(),
});
const resourceTarget = target.superRefine(({ averageValue, averageUtilization }, context) => {
  if (averageValue && averageUtilization !== undefined)
    issue(context, 'averageValue', 'must not be set beside `averageUtilization`');
  if (!averageValue && averageUtilization === undefined)
    issue(context, 'averageUtilization', 'is required, or `averageValue`');
});
const valueTarget = target.superRefine(({ value, averageValue }, context) => {
  if (!value && !averageValue) issue(context, 'averageValue', 'is required, or `value`');
});

/** Sources of the types of metrics, by the key under which a metric has its source. */
const SOURCES = {
  resource: z.strictObject({ name: resourceName, target: resourceTarget }),
  containerResource: z.strictObject({
    name: containerResourceName,
    container: containerName,
    target: resourceTarget,
  }),
  pods: z.strictObject({
    metric: identifier,
    target: target.refine(({ averageValue }) => averageValue, {
      path: ['averageValue'],
      message: 'is required: metrics of pods are compared by their average',
    }),
  }),
  object: z.strictObject({ describedObject: reference, metric: identifier, target: valueTarget }),
  external: z.strictObject({
    metric: identifier,
    target: valueTarget.refine(({ value, averageValue }) => !(value && averageValue), {
      path: ['value'],
      message: 'must not be set beside `averageValue`',
    }),
  }),
};

const metric = z.discriminatedUnion(
  'type',
  [
    z.strictObject({ type: z.literal('Resource'), resource: SOURCES.resource }),
    z.strictObject({ type: z.literal('ContainerResource'), containerResource: SOURCES.containerResource }),
    z.strictObject({ type: z.literal('Pods'), pods: SOURCES.pods }),
    z.strictObject({ type: z.literal('Object'), object: SOURCES.object }),
    z.strictObject({ type: z.literal('External'), external: SOURCES.external }),
  ],
  { error: 'must be one of Resource, ContainerResource, Pods, Object, External' },
);

const policy = z.strictObject({
  type: z.enum(['Pods', 'Percent'], { error: 'must be Pods or Percent' }),
  value: positiveCount,
  periodSeconds: positiveCount.max(MAX_PERIOD_SECONDS, `must be at most ${MAX_PERIOD_SECONDS}`),
});

const windowSeconds = count.max(MAX_WINDOW_SECONDS, `must be at most ${MAX_WINDOW_SECONDS}`);

/** Rules of one direction. A tolerance that is not given is the controller's, and so is the window on the way down. */
function rules<Window extends z.ZodType>(
  stabilizationWindowSeconds: Window,
  defaults: readonly z.input<typeof policy>[],
) {
  return z.strictObject({
    stabilizationWindowSeconds,
    selectPolicy: z.enum(['Max', 'Min', 'Disabled'], { error: 'must be Max, Min or Disabled' }).default('Max'),
    policies: z
      .array(policy)
      .min(1, 'must have at least one policy')
      .default([...defaults]),
    tolerance: quantity.refine(({ sign }) => sign >= 0, 'must not be negative').optional(),
  });
}

const behavior = z.strictObject({
  scaleUp: rules(windowSeconds.default(0), [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ]).prefault({}),
  scaleDown: rules(windowSeconds.optional(), [{ type: 'Percent', value: 100, periodSeconds: 15 }]).prefault({}),
});

const DEFAULT_METRICS: z.input<typeof metric>[] = [
  { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
];

/**
 * Schema of the `spec` of a HorizontalPodAutoscaler of `autoscaling/v2`, with the defaults of the API. It accepts and refuses what
 * kube-apiserver does, with its strict validation of fields. `minReplicas: 0` is judged by who knows the settings.
 */
export const hpaSpecSchema = z
  .strictObject({
    scaleTargetRef: reference.optional(),
    minReplicas: count.default(1),
    maxReplicas: positiveCount,
    metrics: z
      .array(metric)
      .default([])
      .transform(list => (list.length > 0 ? list : z.array(metric).parse(DEFAULT_METRICS))),
    behavior: behavior.optional(),
  })
  .superRefine(({ minReplicas, maxReplicas, metrics }, context) => {
    if (maxReplicas < minReplicas) issue(context, 'maxReplicas', `must be at least \`minReplicas\` (${minReplicas})`);
    if (minReplicas === 0 && !metrics.some(isOfWhole))
      issue(context, 'metrics', 'must have one of type Object or External, for `minReplicas: 0`');
  });

/** A validated spec with the defaults of the API. */
export type HpaSpec = z.output<typeof hpaSpecSchema>;
/** A metric of a spec. */
export type HpaMetric = HpaSpec['metrics'][number];
/** Rules of one direction. */
export type ScalingRules = NonNullable<HpaSpec['behavior']>['scaleUp' | 'scaleDown'];
/** Labels that series must have. */
export type LabelSelector = z.output<typeof selectorSchema>;

/** Whether a metric says something without any replica. */
export function isOfWhole({ type }: Pick<HpaMetric, 'type'>): boolean {
  return type === 'Object' || type === 'External';
}

function issue(context: z.RefinementCtx, field: string, message: string): void {
  context.addIssue({ code: 'custom', path: [field], message });
}
