import { z } from 'zod';
import { durationMs, policyKind } from '../policy/policy.ts';
import { bounded } from '../policy/window.ts';

interface State {
  readonly changedAtMs?: number | undefined;
  /** Measured when replicas were last added, as a part of the budget. */
  readonly usedAtChange?: number | undefined;
  /** Since when little of the budget is used. */
  readonly calmSinceMs?: number | undefined;
}

/**
 * Scales on the budget of an SLO: a quantile of the time to first token. Up in proportion to how far that is above `upAt` of the budget,
 * as long as no replica is still starting that was asked for before, or it has become half as bad again; down one by one when it stays
 * below `downAt`, or when nothing is in flight.
 *
 * ```
 * 0 ······ downAt ········ upAt ··· budget ·········▶ quantile
 *   one less │    as it is    │  × quantile / (upAt × budget), at most × maxFactor
 * ```
 */
export const policy = policyKind<State>()({
  kind: 'slo',
  summary: 'the budget of a quantile of the time to first token',
  options: z
    .strictObject({
      budgetMs: durationMs.min(1).describe('limit of the quantile, as measured: `timeScale` does not divide it'),
      quantile: z.number().gt(0).lt(1).default(0.95),
      windowMs: durationMs.min(1000).max(3_600_000).default(60_000).describe('over which the quantile is taken'),
      upAt: z.number().gt(0).max(1).default(0.8).describe('part of the budget above which replicas are added'),
      downAt: z.number().min(0).lt(1).default(0.4).describe('part of the budget below which replicas are taken away'),
      maxFactor: z.number().gt(1).max(10).default(2).describe('limit of one step up'),
      downAfterMs: durationMs.default(300_000).describe('how long that must last before one replica is taken away'),
    })
    .refine(({ upAt, downAt }) => downAt < upAt, { path: ['downAt'], message: 'expected less than `upAt`' }),
  metrics: ({ quantile, windowMs }) => ({
    ttft: {
      series: 'gateway_time_to_first_byte_seconds',
      as: 'quantile',
      quantile,
      windowMs,
      labels: { stream: 'true' },
    },
    inFlight: 'gateway_requests_in_flight',
  }),
  // Nothing counts towards a quantile while there is no load.
  mayBeMissing: () => ['ttft'],
  decide(input, { budgetMs, windowMs, upAt, downAt, maxFactor, downAfterMs }) {
    const { replicas, pods, metrics, nowMs, state } = input;
    const { ttft, inFlight } = metrics;
    const isIdle = ttft === undefined && inFlight === 0;
    if (ttft === undefined && !isIdle)
      return { replicas, reason: 'ttft unknown', state: { ...state, calmSinceMs: undefined } };
    const used = ((ttft ?? 0) * 1000) / budgetMs;
    const text = isIdle ? 'no load' : `ttft ${Math.round((ttft ?? 0) * 1000)} ms / ${budgetMs} ms`;
    if (used > upAt) {
      const isStarting = pods.some(({ isReady, isEnding }) => !isReady && !isEnding);
      // What was measured before the change took effect counts until the window has passed.
      const isRecent = state?.changedAtMs !== undefined && nowMs - state.changedAtMs < windowMs;
      const isWorse = used > 1.5 * (state?.usedAtChange ?? 0);
      const next = { ...state, calmSinceMs: undefined };
      if ((isStarting || isRecent) && !isWorse)
        return { replicas, reason: `${text}, replicas are starting`, state: next };
      const to = bounded(Math.ceil(replicas * Math.min(maxFactor, used / upAt)), input);
      return {
        replicas: Math.max(to, bounded(replicas, input)),
        reason: text,
        state: { ...next, changedAtMs: nowMs, usedAtChange: used },
      };
    }
    if (used >= downAt) return { replicas, reason: text, state: { ...state, calmSinceMs: undefined } };
    const calmSinceMs = state?.calmSinceMs ?? nowMs;
    if (nowMs - calmSinceMs < downAfterMs) return { replicas, reason: text, state: { ...state, calmSinceMs } };
    return {
      replicas: bounded(replicas - 1, input),
      reason: `${text} for ${downAfterMs / 1000} s`,
      state: { calmSinceMs: nowMs },
    };
  },
});
