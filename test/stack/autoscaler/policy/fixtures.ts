import { seededRandom } from '../../../../harness/random.ts';
import { type PolicyOptions, policyKinds, policyOptionsSchema } from '../../../../stack/autoscaler/policy/catalog.ts';
import { type Guarded, guarded } from '../../../../stack/autoscaler/policy/guard.ts';
import type { Policy, PolicyInput } from '../../../../stack/autoscaler/policy/policy.ts';

/** Production time between two decisions, in ms. */
export const SYNC_MS = 15_000;
/** In the time of decisions. */
export const DATE = new Date('2026-03-02T07:00:00Z');

/** A policy of a kind with its options, defaults filled in. */
export function policyOf(options: { readonly kind: string; readonly [key: string]: unknown }) {
  const parsed = policyOptionsSchema.parse(options) as PolicyOptions;
  const found = policyKinds.find(({ kind }) => kind === options.kind)!;
  const { metrics, mayBeMissing = () => [], decide } = found;
  const policy = { metrics: metrics(parsed), mayBeMissing: mayBeMissing(parsed), decide } as Policy;
  return { policy, options: parsed };
}

/** What a policy sees, unless the test says otherwise: as many ready pods as replicas. */
export function inputOf(parts: Partial<PolicyInput> = {}): PolicyInput {
  const { replicas = 3, nowMs = 0 } = parts;
  const pods = Array.from({ length: replicas }, (_, index) => ({
    ...({ name: `inference-${index + 1}`, phase: 'Running', isReady: true, isEnding: false } as const),
  }));
  const date = new Date(DATE.getTime() + nowMs);
  return { replicas, minReplicas: 1, maxReplicas: 20, pods, metrics: {}, state: undefined, nowMs, date, ...parts };
}

/** Decisions one after the other, each with the state and the replicas of the one before. */
export function decisionsOf(
  { policy, options }: { readonly policy: Policy; readonly options: PolicyOptions },
  steps: readonly (Partial<PolicyInput> & { readonly partial?: readonly string[] })[],
  first = 3,
  everyMs = SYNC_MS,
): Guarded[] {
  let state: unknown;
  let replicas = first;
  return steps.map(({ partial, ...step }, index) => {
    const { minReplicas, maxReplicas } = options;
    const found = guarded(
      policy,
      options,
      inputOf({ replicas, minReplicas, maxReplicas, state, nowMs: index * everyMs, ...step }),
      partial,
    );
    ({ state, replicas } = found);
    return found;
  });
}

/** Runs a check with generators of different seeds. */
export function forSeeds(count: number, check: (random: ReturnType<typeof seededRandom>, seed: number) => void): void {
  for (let seed = 1; seed <= count; seed += 1) check(seededRandom(seed), seed);
}
