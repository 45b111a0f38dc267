import { z } from 'zod';
import { policyKind } from '../policy/policy.ts';

/** Keeps the replicas as they are: a template for a new policy, and something to compare others with. */
export const policy = policyKind<undefined>()({
  kind: 'noop',
  summary: 'keeps the replicas as they are',
  options: z.strictObject({}),
  metrics: () => ({}),
  decide: ({ replicas }) => ({ replicas, reason: 'never changes' }),
});
