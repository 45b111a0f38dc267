import { z } from 'zod';
import { badConfig, parseConfig } from '../service-config.ts';

const dnsLabel = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be a DNS label');
const count = z.int().min(0).max(10_000);

/** Scalable deployment. `min` and `max` bound the accepted number of replicas. */
const deploymentSchema = z.strictObject({
  name: dnsLabel,
  replicas: count,
  min: count.default(0),
  max: count.default(10_000),
  /** Label selector of its replicas, reported as `status.selector`. @default `app=<name>` */
  selector: z.string().min(1).optional(),
});

/** Schema of the JSON in the environment variable `CONTROL_CONFIG`. Unknown keys are errors. */
const controlConfigSchema = z.strictObject({
  /** Name in logs, and of the node on which all services are registered. */
  name: dnsLabel.default('control'),
  datacenter: dnsLabel.default('dc1'),
  /** Minimum of `DeregisterCriticalServiceAfter`; a minute, as in Consul. */
  minDeregisterMs: z.number().min(0).max(86_400_000).default(60_000),
  /** Maximum number of blocked queries; further ones return at once, as after a timeout. */
  maxWaiting: z.int().min(1).default(4096),
  /** Addresses, `host:port`, at which instances may be registered and checked. @default any port of the loopback interface */
  announced: z.array(z.string().regex(/^.+:\d{1,5}$/, 'must be HOST:PORT')).optional(),
  deployments: z
    .array(deploymentSchema)
    .refine(list => new Set(list.map(({ name }) => name)).size === list.length, { message: 'must have unique names' })
    .default([]),
});

/** Configuration with every default filled in. */
export type ControlConfig = z.output<typeof controlConfigSchema>;
/** Configuration as written, before defaults. */
export type ControlConfigInput = z.input<typeof controlConfigSchema>;

/**
 * Parses `CONTROL_CONFIG`, see {@link parseConfig}.
 * @throws SquallError `BAD_CONTROL_CONFIG`
 */
export function parseControlConfig(text: string | undefined): ControlConfig {
  const config = parseConfig('CONTROL_CONFIG', controlConfigSchema, text);
  for (const { name, replicas, min, max } of config.deployments)
    if (replicas < min || replicas > max)
      throw badConfig('CONTROL_CONFIG', `Expected \`replicas\` of ${name} to be ${min} to ${max}, got ${replicas}`);
  return config;
}
