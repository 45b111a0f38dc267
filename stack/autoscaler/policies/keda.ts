import { z } from 'zod';
import { hpaSpecSchema } from '../hpa/schema.ts';
import { DEFAULT_SETTINGS } from '../hpa/settings.ts';
import { type HpaState, NEW_STATE } from '../hpa/status.ts';
import { sync } from '../hpa/sync.ts';
import { durationMs, policyKind } from '../policy/policy.ts';
import { bounded, short } from '../policy/window.ts';

interface State {
  readonly hpa: HpaState;
  readonly activeAtMs: number;
}

/**
 * A length, as KEDA scales on it: from 0 to 1 as soon as it exceeds `activation`, to 0 once it has not for `cooldown`, and in between by
 * the HorizontalPodAutoscaler that KEDA makes of a trigger, with an average value of `target` a replica.
 */
export const policy = policyKind<State>()({
  kind: 'keda',
  summary: 'the length of a queue, down to zero',
  scalesToZero: true,
  options: z.strictObject({
    metric: z
      .string()
      .min(1)
      .default('gateway_requests_in_flight')
      .describe('the length: by default of all requests, those that are held included'),
    target: z.number().positive().default(5).describe('length for one replica'),
    activation: z.number().min(0).default(0).describe('length above which there is at least one replica'),
    cooldownMs: durationMs.default(300_000).describe('how long the length must not exceed that before there is none'),
    downscaleStabilizationMs: durationMs.default(DEFAULT_SETTINGS.downscaleStabilizationMs),
  }),
  metrics: ({ metric }) => ({ length: metric }),
  decide(input, { target, activation, cooldownMs, downscaleStabilizationMs }) {
    const { replicas, minReplicas, maxReplicas, metrics, nowMs, state } = input;
    const { length } = metrics;
    if (length === undefined) return { replicas, reason: 'length unknown' };
    const isActive = length > activation;
    const activeAtMs = isActive ? nowMs : (state?.activeAtMs ?? nowMs);
    const text = `length ${short(length)} / ${target}`;
    if (replicas === 0) {
      const next = { hpa: NEW_STATE, activeAtMs };
      return isActive
        ? { replicas: bounded(1, input), reason: `${text}, activated above ${activation}`, state: next }
        : { replicas, reason: `${text}, not above ${activation}`, state: next };
    }
    if (minReplicas === 0 && nowMs - activeAtMs >= cooldownMs && !isActive)
      return {
        replicas: 0,
        reason: `${text}, not above ${activation} for ${cooldownMs / 1000} s`,
        state: { hpa: NEW_STATE, activeAtMs },
      };
    const milli = BigInt(Math.trunc(length * 1000));
    const settings = { ...DEFAULT_SETTINGS, downscaleStabilizationMs };
    const observed = {
      current: replicas,
      existing: replicas,
      pods: [],
      nowMs,
      measured: [{ kind: 'external', milli: [milli] } as const],
    };
    const decision = sync(
      specOf(Math.max(1, minReplicas), maxReplicas, target),
      settings,
      state?.hpa ?? NEW_STATE,
      observed,
    );
    const isHeld = decision.stabilized !== undefined && decision.stabilized.reason !== 'ReadyForNewScale';
    return {
      replicas: decision.desired,
      reason: `${text}${isHeld ? ', stabilised' : ''}`,
      state: { hpa: decision.state, activeAtMs },
    };
  },
});

/** The HorizontalPodAutoscaler that KEDA makes of one trigger. */
function specOf(minReplicas: number, maxReplicas: number, target: number) {
  const averageValue = `${Math.max(1, Math.round(target * 1000))}m`;
  const external = { metric: { name: 'length' }, target: { type: 'AverageValue', averageValue } };
  return hpaSpecSchema.parse({ minReplicas, maxReplicas, metrics: [{ type: 'External', external }] });
}
