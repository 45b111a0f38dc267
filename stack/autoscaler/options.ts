import { z } from 'zod';
import { parseQuantity } from './hpa/quantity.ts';
import { DEFAULT_SETTINGS } from './hpa/settings.ts';
import { ruleSchema } from './measure/rule.ts';
import { policyOptionsSchema } from './policy/catalog.ts';

const duration = (defaultMs: number) => z.number().min(0).max(86_400_000).default(defaultMs);
const quantity = z
  .string()
  .refine(text => (parseQuantity(text)?.milli ?? 0n) > 0n, 'must be a quantity above 0, such as 500m or 2Gi');

/** Requests of a replica, which a utilisation is a percentage of. */
const requests = z.record(z.string().min(1), quantity).default({ cpu: '1', memory: '1Gi' });

/** Keys of {@link autoscalerOptionsSchema}. */
export const autoscalerOptions = z.strictObject({
  hpa: z
    .union([z.string().min(1), z.record(z.string(), z.unknown())])
    .optional()
    .describe(
      'a HorizontalPodAutoscaler (autoscaling/v2) or a ScaledObject of KEDA: the path of its file, or its content',
    ),
  policy: policyOptionsSchema.optional().describe('another policy, instead of `hpa`'),
  rules: z
    .record(z.string().min(1), ruleSchema)
    .default({})
    .describe('how metrics are measured, by the name that the file has for them'),
  metricsFrom: z
    .enum(['scrape', 'prometheus'])
    .default('scrape')
    .describe(
      'where metrics come from: scrapes of its own every `scrape`, or queries of `stack.prometheus` at each decision',
    ),
  requests: requests.describe('what a replica requests of each resource'),
  syncPeriodMs: z
    .number()
    .min(100)
    .max(3_600_000)
    .default(DEFAULT_SETTINGS.syncPeriodMs)
    .describe('interval between decisions'),
  scrapeMs: z.number().min(100).max(3_600_000).default(15_000).describe('interval between scrapes of metrics'),
  tolerance: z.number().min(0).max(1).default(DEFAULT_SETTINGS.tolerance),
  initialReadinessDelayMs: duration(DEFAULT_SETTINGS.initialReadinessDelayMs),
  cpuInitializationPeriodMs: duration(DEFAULT_SETTINGS.cpuInitializationPeriodMs),
  downscaleStabilizationMs: duration(DEFAULT_SETTINGS.downscaleStabilizationMs),
  scaleToZero: z.boolean().default(false).describe('the feature gate HPAScaleToZero of Kubernetes'),
  date: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('date and time for schedules when the autoscaler starts; by default those of the machine'),
});

/**
 * The section `stack.autoscaler`. Durations are those of production, which `stack.timeScale` divides: those of the file, too, but not the
 * seconds of a rate.
 */
export const autoscalerOptionsSchema = autoscalerOptions.refine(
  ({ hpa, policy }) => (hpa === undefined) !== (policy === undefined),
  { message: 'exactly one of `hpa` and `policy`' },
);

/** Validated options; `hpa` is the content of the file once a scenario is compiled. */
export type AutoscalerOptions = z.output<typeof autoscalerOptionsSchema>;
