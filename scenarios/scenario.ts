import { z } from 'zod';
import { faultPackages } from '../faults/catalog.ts';
import { ENGINE_NAMES } from '../load/engines.ts';
import { stackOptionsSchema } from '../stack/options.ts';
import { duration } from './load/quantities-schema.ts';
import { loadShape } from './load/schema.ts';

const load = z.strictObject({
  engine: z
    .enum(ENGINE_NAMES)
    .default('stream')
    .describe('who generates the load; "auto" is k6 for plain HTTP above 5000/s that it can carry out, else stream'),
  ...loadShape,
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

const TARGETS: Readonly<Record<(typeof faultPackages)[number]['on'], string>> = {
  link: 'a link such as "gateway→inference-1" (-> is fine too)',
  replica: 'a replica such as "inference-2"',
  zone: 'a zone such as "zone-a"',
  boundary: 'two zones such as "zone-a|zone-b", or one for what is between it and all others',
};
const faults = faultPackages.map(fault =>
  z.strictObject({
    id: z
      .string()
      .regex(/^[\w-]+$/, 'expected letters, digits, dashes and underscores')
      .optional()
      .describe('names the windows fault:<id> and recovery:<id>; by default the kind'),
    // The broken fault of tests; nobody is offered it.
    kind: z
      .literal(fault.kind)
      .meta({ description: fault.summary, ...(fault.kind === 'noop' && { deprecated: true }) }),
    on: z.string().describe(TARGETS[fault.on]),
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
  class: z.string().optional().describe('only users of this class of load.clients.classes'),
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
  covers: z
    .array(z.string())
    .default([])
    .describe('requirements that its SLOs judge, at least in part: an id each, and its text after a space'),
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
