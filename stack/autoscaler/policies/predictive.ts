import { z } from 'zod';
import { errorsOf, type Forecaster, forecastOf, observe, type Season } from '../policy/forecast.ts';
import { durationMs, policyKind } from '../policy/policy.ts';
import { bounded, highest, replicasFor, short, type Timed, withValue } from '../policy/window.ts';

interface State {
  readonly forecaster: Forecaster;
  readonly needed: readonly Timed[];
}

/**
 * Replicas for the load as it is, and for the highest that a forecast says will come within `lead`, the time that a replica needs to be
 * there. The forecast, see `policy/forecast.ts`, counts only while its errors over the last period are smaller than those of the naive
 * one, which says that the load stays as it is: that is what a reactive policy assumes.
 */
export const policy = policyKind<State>()({
  kind: 'predictive',
  summary: 'the load and its seasonal forecast',
  options: z
    .strictObject({
      metric: z.string().min(1).default('gateway_requests_in_flight').describe('the load of all replicas together'),
      target: z.number().positive().describe('load of one replica'),
      periodMs: durationMs.min(60_000).default(1_800_000).describe('after which the load repeats'),
      bucketMs: durationMs.min(1000).max(3_600_000).default(30_000).describe('resolution of the forecast'),
      leadMs: durationMs
        .min(1000)
        .default(180_000)
        .describe('how far ahead replicas are asked for: sync, cold start and a margin'),
      stabilizationMs: durationMs.default(120_000).describe('how long the highest number for the load is kept'),
    })
    .refine(({ periodMs, bucketMs }) => periodMs % bucketMs === 0 && periodMs / bucketMs <= 1500, {
      path: ['bucketMs'],
      message: 'expected 2 to 1500 buckets in a period, without a rest',
    })
    .refine(({ periodMs, leadMs }) => leadMs < periodMs, { path: ['leadMs'], message: 'expected less than `period`' }),
  metrics: ({ metric }) => ({ load: metric }),
  decide(input, { target, periodMs, bucketMs, leadMs, stabilizationMs }) {
    const { replicas, metrics, nowMs, state } = input;
    const { load } = metrics;
    if (load === undefined) return { replicas, reason: 'load unknown' };
    const season: Season = { bucketMs, buckets: periodMs / bucketMs, ahead: Math.ceil(leadMs / bucketMs) };
    const forecaster = observe(state?.forecaster, load, nowMs, season);
    const needed = withValue(state?.needed, replicasFor(load, target), nowMs, stabilizationMs);
    const next = { forecaster, needed };
    const text = `load ${short(load)} / ${target}`;
    const [forecast, errors] = [forecastOf(forecaster, season), errorsOf(forecaster, season)];
    const reactive = highest(needed);
    if (forecast === undefined || !errors)
      return {
        replicas: bounded(reactive, input),
        reason: `${text}, no forecast yet`,
        state: next,
        values: { forecast_used: 0 },
      };
    const isBetter = errors.model < errors.naive;
    const values = {
      forecast,
      forecast_error: errors.model,
      naive_error: errors.naive,
      forecast_used: isBetter ? 1 : 0,
    };
    const compared = `error ${short(errors.model)}, of the last value ${short(errors.naive)}`;
    if (!isBetter)
      return {
        replicas: bounded(reactive, input),
        reason: `${text}, forecast not used: ${compared}`,
        state: next,
        values,
      };
    const wanted = Math.max(reactive, replicasFor(forecast, target));
    return {
      replicas: bounded(wanted, input),
      reason: `${text}, forecast ${short(forecast)} in ${leadMs / 1000} s (${compared})`,
      state: next,
      values,
    };
  },
});
