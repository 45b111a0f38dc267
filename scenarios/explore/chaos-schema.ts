import { z } from 'zod';
import { faultPackages } from '../../faults/catalog.ts';
import type { FaultPackage } from '../../faults/fault.ts';
import { duration, inUnits } from '../durations.ts';
import { eachFaultSloSchema } from '../slo-schema.ts';

/** What a value is drawn from: one value, any of a list, or a range of numbers with both ends. */
export type Choice<Value = number | string | boolean, Bound = number> =
  | Value
  | readonly Value[]
  | { readonly from: Bound; readonly to: Bound };

/** A kind of fault of a `chaos` section as it is written, or resolved; further keys are the parameters of the kind. */
export interface ChaosFaultOf<Time> {
  readonly kind: string;
  readonly on: string | readonly string[];
  readonly weight?: number | undefined;
  readonly for?: Choice<Time, Time> | undefined;
  readonly [parameter: string]: unknown;
}

/** Kinds of faults that exploration can draw: those that exist in virtual time. */
export const explorable: readonly FaultPackage[] = faultPackages.filter(
  ({ kind, platforms }) => kind !== 'noop' && (platforms ?? ['virtual']).includes('virtual'),
);

/** The schema of a {@link Choice} of what `schema` allows. */
function choiceOf(schema: z.ZodType): z.ZodType {
  const inner = innermost(schema);
  const options = inner.def.type === 'number' ? [rangeOf(inner)] : [];
  const choice = z.union([inner, z.array(inner).min(1).max(100), ...options]);
  const described = choice.meta({ ...inner.meta(), ...schema.meta() });
  return schema === inner ? described : described.optional();
}

function rangeOf(bound: z.ZodType) {
  return z
    .strictObject({ from: bound, to: bound })
    .refine(({ from, to }) => (from as number) <= (to as number), {
      path: ['to'],
      message: 'expected at least `from`',
    })
    .describe('any value between both');
}

/** Without its default: what is not written is left to the kind. */
function innermost(schema: z.ZodType): z.ZodType {
  const { innerType } = schema.def as { readonly innerType?: z.ZodType };
  return innerType ? innermost(innerType) : schema;
}

const TARGET = 'a target or a pattern such as "inference-*", or a list of them';
const kinds = explorable.map(({ kind, summary, selfHealing, parameters }) => {
  const parts = Object.entries(parameters.shape).map(([key, child]) => [key, choiceOf(child as z.ZodType)]);
  const forMs = choiceOf(z.number().min(1).max(86_400_000));
  return inUnits(
    z.strictObject({
      kind: z.literal(kind).meta({ description: summary }),
      on: z.union([z.string(), z.array(z.string()).min(1).max(100)]).describe(TARGET),
      weight: z.number().positive().max(1000).default(1).describe('how often it is drawn, relative to the others'),
      forMs: selfHealing ? forMs.optional().describe('by default until the stack recovers') : forMs,
      ...(Object.fromEntries(parts) as z.ZodRawShape),
    }),
  );
});
const anyKind = z.discriminatedUnion('kind', kinds as unknown as [z.ZodObject]) as unknown as z.ZodType<
  ChaosFaultOf<number>,
  ChaosFaultOf<string>
>;

/** The `chaos` section of a scenario: what `squall explore` draws schedules from. Unknown keys are errors. */
export const chaosSchema = z
  .strictObject({
    faults: z
      .array(anyKind)
      .min(1)
      .max(100)
      .describe('what may be injected; a parameter is a value, a list to choose from, or a range {from, to}'),
    budget: z.int().min(1).max(20).default(3).describe('most faults of one schedule'),
    atOnce: z.int().min(1).max(20).default(2).describe('most faults at one instant'),
    from: duration().optional().describe('earliest start of a fault in the load phase; by default after a tenth of it'),
    until: duration().optional().describe('latest end of a fault; by default nine tenths of the load phase'),
    stack: z
      .record(z.string(), z.array(z.unknown()).min(1).max(100))
      .default({})
      .describe('values of options of the stack to choose from, by path, such as gateway.retries: [0, 1, 3]'),
    slos: z
      .array(eachFaultSloSchema)
      .max(100)
      .default([])
      .describe('SLOs for each fault of a schedule, whose id is written as `*`'),
  })
  .describe('what squall explore draws random schedules of faults from; ignored by other commands');

/** The `chaos` section with its defaults filled in. */
export type ResolvedChaos = z.output<typeof chaosSchema>;
