import { z } from 'zod';
import { importModule, moduleNames } from '../../../harness/host/modules.ts';
import { ownPolicyOptions } from './own.ts';
import type { PolicyKind } from './policy.ts';

const FOLDER = new URL('../policies/', import.meta.url);

/** All kinds of policies: one per file in `policies/`. */
export const policyKinds: readonly PolicyKind[] = await Promise.all(
  moduleNames(FOLDER).map(async name => (await importModule<{ policy: PolicyKind }>(FOLDER, name)).policy),
);

/** Bounds of every policy: those of the documents by default. */
const bounds = (lowest: number) => ({
  minReplicas: z.int().min(lowest).max(10_000).default(3),
  maxReplicas: z.int().min(1).max(10_000).default(20),
});

function optionsOf(kind: string, summary: string, options: z.ZodObject, scalesToZero = false): z.ZodObject {
  const { shape, def } = options;
  const all = z.strictObject({
    kind: z.literal(kind).meta({ description: summary }),
    ...bounds(scalesToZero ? 0 : 1),
    ...shape,
  });
  return all
    .check(...((def.checks ?? []) as z.core.$ZodCheck<unknown>[]))
    .refine(({ minReplicas, maxReplicas }) => maxReplicas >= minReplicas, {
      path: ['maxReplicas'],
      message: 'expected at least `minReplicas`',
    });
}

/** Options of any policy, by `kind`, or the path of a user's own. */
export const policyOptionsSchema = z.union([
  z.string().min(1).describe('path of a policy of your own: a TypeScript or JavaScript file'),
  z.discriminatedUnion('kind', [
    optionsOf('own', 'a policy of your own', ownPolicyOptions, true),
    ...policyKinds.map(({ kind, summary, options, scalesToZero }) => optionsOf(kind, summary, options, scalesToZero)),
  ] as unknown as [z.ZodObject]),
]) as unknown as z.ZodType<string | PolicyOptions, string | PolicyInputOptions>;

/** Options of a policy as written. */
export type PolicyInputOptions = Readonly<Record<string, unknown>> & { readonly kind: string };

/** Validated options of a policy. */
export type PolicyOptions = Readonly<Record<string, unknown>> & {
  readonly kind: string;
  readonly minReplicas: number;
  readonly maxReplicas: number;
};
