import { z } from 'zod';
import { badConfig, parseConfig } from '../service-config.ts';
import { parseQuantity } from './hpa/quantity.ts';
import type { HpaSettings } from './hpa/settings.ts';
import { type Manifest, readManifest } from './manifest.ts';
import type { Rules } from './measure/rule.ts';
import { autoscalerOptions } from './options.ts';
import type { PolicyOptions } from './policy/catalog.ts';

/** A replica with metrics. */
const sourceSchema = z.strictObject({
  name: z.string().min(1),
  service: z.string().min(1),
  /** URL of its metrics. */
  url: z.url({ protocol: /^http$/ }),
});

/** The Prometheus that metrics are read from. */
const prometheusSchema = z.strictObject({
  url: z.url({ protocol: /^http$/ }),
  login: z.strictObject({ username: z.string(), password: z.string() }).optional(),
  /** Interval of its scrapes. */
  scrapeEveryMs: z.number().positive(),
});

/** Schema of the JSON in the environment variable `AUTOSCALER_CONFIG`. Unknown keys are errors. */
const autoscalerConfigSchema = autoscalerOptions.extend({
  /** Name in logs. */
  name: z.string().min(1).default('autoscaler'),
  hpa: z.record(z.string(), z.unknown()).optional(),
  /** Deployment to scale, whatever the file calls it. */
  deployment: z.string().min(1).default('inference'),
  /** URL of the control service, which has its Scale and its pods. */
  control: z.url({ protocol: /^http$/ }),
  /** Replicas to scrape, unless metrics come from Prometheus. */
  sources: z.array(sourceSchema).default([]),
  prometheus: prometheusSchema.optional(),
  /** Divides all durations. */
  timeScale: z.number().positive().default(1),
});

/** A replica with metrics. */
export type Source = z.output<typeof sourceSchema>;
/** Configuration as written, before defaults. */
export type AutoscalerConfigInput = z.input<typeof autoscalerConfigSchema>;

/** Configuration with every default filled in, and its file read: either a manifest or a policy. */
export interface AutoscalerConfig
  extends Omit<z.output<typeof autoscalerConfigSchema>, 'rules' | 'requests' | 'policy' | 'date'> {
  readonly manifest?: Manifest | undefined;
  readonly policy?: PolicyOptions | undefined;
  readonly settings: HpaSettings;
  /** Own rules, which replace those of the file. */
  readonly rules: Rules;
  /** Thousandths. */
  readonly requests: Readonly<Record<string, bigint>>;
  /** When it starts, in the time of decisions. */
  readonly date?: Date | undefined;
}

/**
 * Parses `AUTOSCALER_CONFIG`, see {@link parseConfig}.
 * @throws SquallError `BAD_AUTOSCALER_CONFIG`, `BAD_AUTOSCALER`
 */
export function parseAutoscalerConfig(text: string | undefined): AutoscalerConfig {
  const config = parseConfig('AUTOSCALER_CONFIG', autoscalerConfigSchema, text);
  const { hpa, policy, scaleToZero, date } = config;
  if ((hpa === undefined) === (typeof policy !== 'object'))
    throw badConfig('AUTOSCALER_CONFIG', 'Expected AUTOSCALER_CONFIG to have either `hpa` or `policy`, as an object');
  if ((config.metricsFrom === 'prometheus') !== (config.prometheus !== undefined))
    throw badConfig('AUTOSCALER_CONFIG', 'Expected `prometheus` if, and only if, `metricsFrom` is prometheus');
  const manifest = hpa && readManifest(hpa, scaleToZero);
  const requests = Object.entries(config.requests).map(([name, amount]) => [name, parseQuantity(amount)!.milli]);
  return {
    ...config,
    ...{ manifest, policy: policy as PolicyOptions | undefined, date: date === undefined ? undefined : new Date(date) },
    settings: { ...config, configurableTolerance: true },
    rules: { ...manifest?.rules, ...config.rules },
    requests: Object.fromEntries(requests),
  };
}
