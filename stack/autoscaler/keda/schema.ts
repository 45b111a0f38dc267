import { z } from 'zod';

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const count = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** A trigger; `metadata` depends on its type, and its values are texts. */
const trigger = z.strictObject({
  type: z.string().min(1),
  name: z.string().optional(),
  metadata: z.record(z.string(), text),
  metricType: z.enum(['AverageValue', 'Value', 'Utilization']).optional(),
  useCachedMetrics: z.boolean().optional(),
  authenticationRef: z.unknown().optional(),
});

/** Schema of a ScaledObject of KEDA (`keda.sh/v1alpha1`), of which the behavior is checked as part of the HPA that it becomes. */
export const scaledObjectSchema = z.strictObject({
  apiVersion: z.literal('keda.sh/v1alpha1'),
  kind: z.literal('ScaledObject'),
  metadata: z.looseObject({ name: z.string().min(1), annotations: z.record(z.string(), text).optional() }),
  spec: z
    .strictObject({
      scaleTargetRef: z.strictObject({
        name: z.string().min(1),
        kind: z.string().min(1).default('Deployment'),
        apiVersion: z.string().default('apps/v1'),
        envSourceContainerName: z.string().optional(),
      }),
      pollingInterval: count.optional(),
      cooldownPeriod: count.optional(),
      initialCooldownPeriod: count.optional(),
      idleReplicaCount: count.optional(),
      minReplicaCount: count.default(0),
      maxReplicaCount: count.min(1).default(100),
      fallback: z.unknown().optional(),
      advanced: z
        .strictObject({
          restoreToOriginalReplicaCount: z.boolean().optional(),
          horizontalPodAutoscalerConfig: z
            .strictObject({ name: z.string().optional(), behavior: z.unknown().optional() })
            .optional(),
          scalingModifiers: z.unknown().optional(),
        })
        .optional(),
      triggers: z.array(trigger).min(1, 'must have at least one trigger'),
    })
    .superRefine(({ triggers }, context) => {
      const names = triggers.map(({ name }) => name);
      for (const [index, name] of names.entries())
        if (name !== undefined && names.indexOf(name) < index)
          context.addIssue({
            code: 'custom',
            path: ['triggers', index, 'name'],
            message: `must not be that of \`spec.triggers[${names.indexOf(name)}]\` too`,
          });
    }),
  status: z.unknown().optional(),
});

/** A validated ScaledObject. */
export type ScaledObject = z.output<typeof scaledObjectSchema>;
/** A trigger of one. */
export type Trigger = ScaledObject['spec']['triggers'][number];
