import { z } from 'zod';
import { badConfig, parseConfig } from '../service-config.ts';

const dnsLabel = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be a DNS label');
const count = z.int().min(0).max(10_000);

/** A deployment whose size can be asked for. `min` and `max` bound what is accepted. */
const deploymentSchema = z.strictObject({
  name: dnsLabel,
  replicas: count,
  min: count.default(0),
  max: count.default(10_000),
  /** Label selector of its replicas, as `status.selector` tells it. @default `app=<name>` */
  selector: z.string().min(1).optional(),
});

/** The JSON text of the environment variable `CONTROL_CONFIG`. Unknown keys are errors. */
const controlConfigSchema = z.strictObject({
  /** Name in logs, and of the node that every service is registered on. */
  name: dnsLabel.default('control'),
  datacenter: dnsLabel.default('dc1'),
  /** Shortest `DeregisterCriticalServiceAfter` that is honoured, as in Consul: a minute. */
  minDeregisterMs: z.number().min(0).max(86_400_000).default(60_000),
  /** Blocking queries that may wait at once; beyond it they are answered at once, as if their time were up. */
  maxWaiting: z.int().min(1).default(4096),
  deployments: z
    .array(deploymentSchema)
    .refine(list => new Set(list.map(({ name }) => name)).size === list.length, { message: 'must have unique names' })
    .default([]),
});

/** The configuration with every default filled in. */
export type ControlConfig = z.output<typeof controlConfigSchema>;
/** What a deployer writes. */
export type ControlConfigInput = z.input<typeof controlConfigSchema>;

/**
 * Reads `CONTROL_CONFIG`, see {@link parseConfig}.
 * @throws SquallError `BAD_CONTROL_CONFIG`
 */
export function parseControlConfig(text: string | undefined): ControlConfig {
  const config = parseConfig('CONTROL_CONFIG', controlConfigSchema, text);
  for (const { name, replicas, min, max } of config.deployments)
    if (replicas < min || replicas > max)
      throw badConfig('CONTROL_CONFIG', `Expected \`replicas\` of ${name} to be ${min} to ${max}, got ${replicas}`);
  return config;
}
