import { z } from 'zod';
import { faultPackages } from '../faults/catalog.ts';
import { virtualOptionsSchema } from '../platform/virtual/cpu-costs.ts';
import { stackOptionsSchema } from '../stack/options.ts';
import { duration, inUnits } from './durations.ts';
import { chaosSchema } from './explore/chaos-schema.ts';
import { loadSchema } from './load/schema.ts';
import { MAX_NAME, sloSchema } from './slo-schema.ts';

/** Maximum number of faults, of SLOs, and of requirements. */
const MAX_ITEMS = 1000;
/** Of a table that a person reads. */
const MAX_VARIANTS = 20;
/** Maximum number of seeds of each variant. */
export const MAX_SEEDS = 1000;

/** The keys of every fault; further keys come from the schema of the kind. */
export interface FaultOf<Time> {
  readonly id?: string | undefined;
  readonly kind: string;
  readonly on: string;
  readonly at: Time;
  readonly for?: Time | undefined;
  readonly [parameter: string]: unknown;
}

const TARGETS: Readonly<Record<(typeof faultPackages)[number]['on'], string>> = {
  link: 'a link such as "gateway->inference-1"',
  replica: 'a replica such as "inference-2"',
  zone: 'a zone such as "zone-a"',
  boundary: 'two zones such as "zone-a|zone-b", or one zone for its boundary with all others',
};
const faults = faultPackages.map(fault => {
  const { shape, def } = fault.parameters;
  const object = z.strictObject({
    id: z
      .string()
      .max(100)
      .regex(/^[\w-]+$/, 'expected letters, digits, dashes and underscores')
      .optional()
      .describe('name of the windows fault:<id> and recovery:<id>; by default the kind'),
    // `noop` is for tests and hidden from users.
    kind: z
      .literal(fault.kind)
      .meta({ description: fault.summary, ...(fault.kind === 'noop' && { deprecated: true }) }),
    on: z.string().describe(TARGETS[fault.on]),
    at: duration().describe('offset from the start of the load phase'),
    for: fault.selfHealing ? duration().optional().describe('by default until the stack recovers') : duration(),
    ...shape,
  });
  return inUnits(object.check(...((def.checks ?? []) as z.core.$ZodCheck<unknown>[])));
});
const anyFault = z.discriminatedUnion('kind', faults as unknown as [z.ZodObject]) as unknown as z.ZodType<
  FaultOf<number>,
  FaultOf<string>
>;

const target = z
  .strictObject({
    metrics: z
      .union([z.string(), z.array(z.string()).min(1).max(100)])
      .transform(urls => [urls].flat())
      .optional()
      .describe('URL of its metrics, or one for each replica; without a path /metrics'),
    metricsAuthorization: z
      .string()
      .optional()
      .describe('Authorization header of these requests, as env:NAME; by default that of a target of the same origin'),
  })
  .describe('what to know of a server that --target names; ignored without it');

const proof = z.strictObject({
  without: z.string().min(1).max(MAX_NAME).describe('the safeguard that is turned off, in words'),
  set: z
    .record(z.string(), z.unknown())
    .describe('overrides of values in this file by path, such as stack.gateway.retries: 0'),
  breaks: z
    .union([z.string(), z.array(z.string()).min(1)])
    .transform(names => (typeof names === 'string' ? [names] : names))
    .describe('name of the SLO that must then fail, or names of several; no other may'),
});

const variant = z
  .object({
    expect: z
      .enum(['pass', 'fail'])
      .default('pass')
      .describe('`fail`: one of its runs must miss an SLO, or `squall run` fails'),
  })
  .catchall(z.unknown())
  .describe('overrides of values in this file by path, such as stack.autoscaler.hpa: ./other.yaml');

const variants = z
  .record(
    z
      .string()
      .max(64, 'expected at most 64 characters')
      .regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and dashes'),
    variant,
  )
  .refine(named => Object.keys(named).length >= 1 && Object.keys(named).length <= MAX_VARIANTS, {
    message: `expected 1 to ${MAX_VARIANTS} variants by name`,
  })
  .describe('sets of overrides that `squall run` runs under the same load, and compares');

/**
 * The schema of a scenario, printed as JSON Schema by `squall schema`. Unknown keys are errors.
 */
export const scenarioSchema = z.strictObject({
  name: z
    .string()
    .max(64, 'expected at most 64 characters, since it is part of every request id')
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and dashes'),
  why: z.string().min(1).max(10_000).describe('what would go wrong in production if an SLO failed'),
  covers: z
    .array(z.string().max(1000))
    .max(MAX_ITEMS)
    .default([])
    .describe(
      'requirements that the SLOs judge, at least in part: an id each, optionally followed by a space and its text',
    ),
  stack: inUnits(
    stackOptionsSchema.extend({
      timeScale: z
        .number()
        .min(1)
        .max(1000)
        .default(1)
        .describe('divisor of long durations, such as the load time of a model'),
      virtual: virtualOptionsSchema.prefault({}).describe('options of `--platform virtual`; ignored by the others'),
    }),
  ).prefault({}),
  target: target.optional(),
  load: loadSchema,
  faults: z.array(anyFault).max(MAX_ITEMS).default([]),
  slos: z.array(sloSchema).min(1).max(MAX_ITEMS),
  proof: z.array(proof).max(100).default([]),
  chaos: chaosSchema.optional(),
  variants: variants.optional(),
  seeds: z.int().min(1).max(MAX_SEEDS).optional().describe('number of seeds that each variant runs with; by default 1'),
});

/** A scenario as written in a file. */
export type Scenario = z.input<typeof scenarioSchema>;

/** A scenario with every default filled in. */
export type ResolvedScenario = z.output<typeof scenarioSchema>;

/** Gives a catalogue file its type. */
export function scenario(definition: Scenario): Scenario {
  return definition;
}
