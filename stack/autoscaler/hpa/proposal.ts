import { failureReason, type MetricStatus, proposeFor } from './metric.ts';
import type { PodsContext } from './per-pod.ts';
import { type Measured, MetricFailure } from './readings.ts';
import type { HpaSpec } from './schema.ts';

/** What all metrics of a spec together ask for. */
export interface Proposal {
  /** Undefined: nothing can be said, and nothing is changed. May be negative. */
  readonly replicas?: number;
  /** Words for the metric that asks for most; empty with `failure`. */
  readonly metric: string;
  /** Place of that metric in the spec. */
  readonly index?: number;
  readonly statuses: readonly (MetricStatus | null)[];
  /** Why the first metric that failed did. */
  readonly failure?: { readonly reason: string; readonly message: string };
}

type Best = Required<Pick<Proposal, 'replicas' | 'metric' | 'index'>>;

/**
 * The largest proposal of all metrics. One that failed might have asked for any number: without any proposal, or with one that is fewer
 * than there are, nothing is said.
 * @param measured of each metric of the spec, in its order
 */
export function proposeForAll(
  { metrics }: HpaSpec,
  measured: readonly Measured[],
  context: PodsContext & { readonly existing: number },
): Proposal {
  let best: Best | undefined;
  let failure: Proposal['failure'];
  const statuses = metrics.map((metric, index) => {
    try {
      const missing: Measured = { kind: 'failed', message: 'it was not measured' };
      const { replicas, metric: name, status } = proposeFor(metric, measured[index] ?? missing, context);
      // A proposal of 0 gives way to any later one, even to a negative one.
      if (!best || best.replicas === 0 || replicas > best.replicas) best = { replicas, metric: name, index };
      return status;
    } catch (error) {
      if (!(error instanceof MetricFailure)) throw error;
      failure ??= { reason: failureReason(metric), message: `no number of replicas follows from it: ${error.message}` };
      return null;
    }
  });
  const chosen = best as Best | undefined;
  if (!failure) return { ...chosen!, statuses };
  if (!chosen || chosen.replicas < context.current) return { metric: '', statuses, failure };
  return { ...chosen, statuses, failure };
}
