import { z } from 'zod';
import { faultPackages } from '../faults/catalog.ts';
import { stackOptionsSchema } from '../stack/options.ts';
import { ENGINE_NAMES } from './load/engines.ts';
import { workloads } from './load/workloads.ts';

const duration = z.string().describe('a duration such as "10s", "250ms" or "2m"');
const rate = z.string().describe('a rate such as "20/s" or "1000/min"');
const range = z.tuple([z.int().min(1), z.int().min(1)]).describe('tokens, [least, most]');

const stage = z
  .strictObject({
    name: z.string().optional().describe('names the window load:<name>; by default the position, from 1'),
    to: rate.optional().describe('ramp linearly from the rate before to this one'),
    at: rate.optional().describe('step to this rate and hold it'),
    for: duration,
  })
  .refine(({ to, at }) => to === undefined || at === undefined, {
    message: 'expected either `to` (ramp) or `at` (step and hold), and not both',
  });

const load = z.strictObject({
  engine: z.enum(ENGINE_NAMES).default('stream').describe('who generates the load'),
  connections: z.int().min(1).max(1000).optional().describe('of the closed loop of engine autocannon'),
  arrivals: z.enum(['constant', 'poisson']).default('poisson'),
  warmUp: duration.default('3s').describe("load before time zero, at the first stage's rate; not measured"),
  stages: z.array(stage).min(1),
  workload: z
    .union([
      z.enum(Object.keys(workloads) as [string, ...string[]]),
      z.strictObject({ name: z.string().default('custom'), promptTokens: range, outputTokens: range }),
    ])
    .default('chat-short'),
  maxInFlight: z.int().min(1).max(10_000).default(1000).describe('an arrival beyond it is dropped, and recorded so'),
  connectTimeout: duration.default('2s'),
  idleTimeout: duration.default('15s').describe('longest wait for the next byte'),
});

/** A fault as a person writes it: the common keys, and those of its kind, which the kind's own schema checks. */
interface FaultInput {
  readonly id?: string | undefined;
  readonly kind: string;
  readonly on: string;
  readonly at: string;
  readonly for?: string | undefined;
  readonly [parameter: string]: unknown;
}

const faults = faultPackages.map(fault =>
  z.strictObject({
    id: z
      .string()
      .regex(/^[\w-]+$/)
      .optional()
      .describe('names the windows fault:<id> and recovery:<id>; by default the kind'),
    kind: z.literal(fault.kind).describe(fault.summary),
    on: z
      .string()
      .describe(
        fault.on === 'link'
          ? 'a link such as "gateway→inference-1" (-> is fine too)'
          : 'a replica such as "inference-2"',
      ),
    at: duration.describe('after driving starts'),
    for: fault.selfHealing ? duration.optional() : duration,
    ...fault.parameters.shape,
  }),
);
const anyFault = z.discriminatedUnion('kind', faults as unknown as [(typeof faults)[number]]) as unknown as z.ZodType<
  FaultInput,
  FaultInput
>;

const slo = z.strictObject({
  name: z.string().min(1),
  window: z.string().default('whole').describe('baseline, whole, load:<stage>, fault:<id> or recovery:<id>'),
  objective: z
    .string()
    .describe('for example "p99(ttft) <= 800 ms", "errors <= 1%", "recovery(kill) <= 10 s", "max(queue) <= 10"'),
});

const proof = z.strictObject({
  without: z.string().min(1).describe('the defence that is taken away, in words'),
  set: z
    .record(z.string(), z.unknown())
    .describe('paths in this file and their values for the proof, such as stack.gateway.retries: 0'),
  breaks: z.string().describe('name of the SLO that must then fail'),
});

/**
 * The shape of a scenario, in a file of the user's own as in the catalogue. Unknown keys are errors.
 * Published as JSON Schema by `squall schema`.
 */
export const scenarioSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and dashes'),
  why: z.string().min(1).describe('what would go wrong in production if this failed'),
  judges: z.array(z.string()).default([]).describe('requirement rows that it judges'),
  stack: stackOptionsSchema
    .extend({
      timeScale: z.number().min(1).max(1000).default(1).describe('divides the long durations of the profiles'),
    })
    .prefault({}),
  load,
  faults: z.array(anyFault).default([]),
  slos: z.array(slo).min(1),
  proof: z.array(proof).default([]),
});

/** A scenario as a person writes it. */
export type Scenario = z.input<typeof scenarioSchema>;

/** A scenario with every default filled in. */
export type ResolvedScenario = z.output<typeof scenarioSchema>;

/** Gives a catalogue file its type. */
export function scenario(definition: Scenario): Scenario {
  return definition;
}
