import { z } from 'zod';
import { faultPackages } from '../faults/catalog.ts';
import { ENGINE_NAMES } from '../load/engines.ts';
import { parseObjective } from '../reports/judge/objective.ts';
import { BadObjective, OBJECTIVE_WORDS } from '../reports/judge/statement.ts';
import { stackOptionsSchema } from '../stack/options.ts';
import { duration, inDurations } from './durations.ts';
import { loadShape } from './load/schema.ts';

const load = z.strictObject({
  engine: z
    .enum(ENGINE_NAMES)
    .default('stream')
    .describe('who generates the load; "auto" is k6 for plain HTTP above 5000/s that it can carry out, else stream'),
  ...loadShape,
});

/** The keys that faults have in common; those of a kind come from the kind's own schema. */
interface FaultOf<Time> {
  readonly id?: string | undefined;
  readonly kind: string;
  readonly on: string;
  readonly at: Time;
  readonly for?: Time | undefined;
  readonly [parameter: string]: unknown;
}

const TARGETS: Readonly<Record<(typeof faultPackages)[number]['on'], string>> = {
  link: 'a link such as "gateway→inference-1" (-> is fine too)',
  replica: 'a replica such as "inference-2"',
  zone: 'a zone such as "zone-a"',
  boundary: 'two zones such as "zone-a|zone-b", or one for what is between it and all others',
};
const faults = faultPackages.map(fault => {
  const { shape, def } = fault.parameters;
  const whole = z.strictObject({
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
    at: duration().describe('after the load phase starts'),
    for: fault.selfHealing ? duration().optional() : duration(),
    ...shape,
  });
  return inDurations(whole.check(...((def.checks ?? []) as z.core.$ZodCheck<unknown>[])));
});
const anyFault = z.discriminatedUnion('kind', faults as unknown as [z.ZodObject]) as unknown as z.ZodType<
  FaultOf<number>,
  FaultOf<string>
>;

/** Read here, once; whoever needs to know more of it finds it parsed. */
const objective = z
  .string()
  .meta({ title: OBJECTIVE_WORDS })
  .transform((text, context) => {
    try {
      return parseObjective(text);
    } catch (error) {
      if (!(error instanceof BadObjective)) throw error;
      context.addIssue({ code: 'custom', message: `expected ${OBJECTIVE_WORDS} (${error.detail})` });
      return z.NEVER;
    }
  });

const slo = z.strictObject({
  name: z.string().min(1),
  window: z.string().default('whole').describe('baseline, whole, load:<stage>, fault:<id> or recovery:<id>'),
  objective,
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
  stack: inDurations(
    stackOptionsSchema.extend({
      timeScale: z.number().min(1).max(1000).default(1).describe('divides the long durations of the profiles'),
    }),
  ).prefault({}),
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
