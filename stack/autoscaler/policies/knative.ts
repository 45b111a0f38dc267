import { z } from 'zod';
import { policyKind } from '../policy/policy.ts';
import { bounded, highest, meanSince, replicasFor, short, type Timed, withValue } from '../policy/window.ts';

const durationMs = z.number().min(0).max(3_600_000);

interface State {
  readonly samples: readonly Timed[];
  /** When the load was last above the panic threshold, while it panics. */
  readonly panicMs?: number | undefined;
  /** The most that was asked for since the panic began. */
  readonly panicReplicas: number;
  readonly wanted: readonly Timed[];
  /** Since when nothing is needed. */
  readonly idleSinceMs?: number | undefined;
}

/**
 * The KPA of Knative Serving: replicas for the mean concurrency of a stable window, and of a short one as soon as that asks for twice as
 * many as are ready; while that panic lasts, nothing is scaled down. Algorithm and defaults: knative/serving `pkg/autoscaler/scaling` and
 * the ConfigMap `config-autoscaler`. Not here: targets of requests per second, burst capacity, activation scale.
 */
export const policy = policyKind<State>()({
  kind: 'knative',
  summary: 'concurrency over a stable and a panic window, down to zero',
  scalesToZero: true,
  options: z.strictObject({
    metric: z
      .string()
      .min(1)
      .default('gateway_requests_in_flight')
      .describe('the concurrency of all replicas together'),
    target: z.number().positive().default(100).describe('concurrency of one replica'),
    targetUtilization: z.number().gt(0).max(1).default(0.7).describe('how much of the target is aimed at'),
    stableWindowMs: durationMs.min(6000).default(60_000),
    panicWindowPercentage: z.number().min(1).max(100).default(10),
    panicThresholdPercentage: z.number().gt(110).max(1000).default(200),
    maxScaleUpRate: z.number().gt(1).default(1000),
    maxScaleDownRate: z.number().gt(1).default(2),
    scaleDownDelayMs: durationMs.default(0),
    scaleToZeroGraceMs: durationMs.default(30_000).describe('how long the last replica is kept once none is needed'),
  }),
  metrics: ({ metric }) => ({ concurrency: metric }),
  decide(input, options) {
    const { replicas, pods, metrics, nowMs, state } = input;
    const { concurrency } = metrics;
    if (concurrency === undefined) return { replicas, reason: 'concurrency unknown' };
    const { stableWindowMs, panicWindowPercentage, panicThresholdPercentage, maxScaleUpRate, maxScaleDownRate } =
      options;
    const target = options.target * options.targetUtilization;
    const samples = withValue(state?.samples, concurrency, nowMs, stableWindowMs);
    const stable = meanSince(samples, nowMs - stableWindowMs);
    const panic = meanSince(samples, nowMs - (stableWindowMs * panicWindowPercentage) / 100);
    const readyCount = pods.filter(({ isReady, isEnding }) => isReady && !isEnding).length;
    const ready = Math.max(1, readyCount);
    const limited = (wanted: number) =>
      Math.min(Math.max(wanted, Math.floor(readyCount / maxScaleDownRate)), Math.ceil(maxScaleUpRate * ready));
    const forPanic = replicasFor(panic, target);
    const isOver = forPanic / ready >= panicThresholdPercentage / 100;
    const panicMs = isOver ? nowMs : state?.panicMs;
    const isPanicking = panicMs !== undefined && panicMs + stableWindowMs >= nowMs;
    const forStable = limited(replicasFor(stable, target));
    const panicReplicas = isPanicking
      ? Math.max(state?.panicReplicas ?? 0, state?.panicMs === undefined ? replicas : 0, limited(forPanic), forStable)
      : 0;
    const wanted = withValue(state?.wanted, isPanicking ? panicReplicas : forStable, nowMs, options.scaleDownDelayMs);
    const most = highest(wanted);
    const idleSinceMs = most === 0 ? (state?.idleSinceMs ?? nowMs) : undefined;
    const isInGrace = idleSinceMs !== undefined && replicas > 0 && nowMs - idleSinceMs < options.scaleToZeroGraceMs;
    const reason = `concurrency ${short(isPanicking ? panic : stable)} / ${short(target)}${isPanicking ? ', panic' : ''}${isInGrace ? ', in grace' : ''}`;
    return {
      replicas: bounded(isInGrace ? 1 : most, input),
      reason,
      state: { samples, panicReplicas, wanted, panicMs: isPanicking ? panicMs : undefined, idleSinceMs },
      values: { stable, panic, panicking: isPanicking ? 1 : 0 },
    };
  },
});
