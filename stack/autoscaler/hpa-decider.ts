import type { Decider, Outcome } from './decider.ts';
import { decisionText, metricValues } from './decision-text.ts';
import type { HpaSettings } from './hpa/settings.ts';
import { type HpaState, NEW_STATE, unreadable } from './hpa/status.ts';
import { type Decision, needsMetrics, rescaled, rescaleFailed, sync } from './hpa/sync.ts';
import type { Manifest } from './manifest.ts';
import { containerOf, measure, needsOf } from './measure/measure.ts';
import type { Rules } from './measure/rule.ts';

interface HpaOutcome extends Outcome<HpaState> {
  readonly decision: Decision;
}

/** The HorizontalPodAutoscaler of a file. @param rules how its metrics are measured, by name */
export function hpaDecider({ name, spec }: Manifest, settings: HpaSettings, rules: Rules): Decider<HpaState> {
  const container = containerOf(spec.metrics);
  return {
    name,
    start: NEW_STATE,
    needs: spec.metrics.flatMap(metric => needsOf(metric, rules)),
    container,
    decide(before, { scale, pods, measured, nowMs }): HpaOutcome {
      const isNeeded = needsMetrics(spec, settings, before, scale.replicas);
      const context = isNeeded ? measured() : undefined;
      const decision = sync(spec, settings, before, {
        ...{ current: scale.replicas, existing: scale.existing, pods, nowMs },
        measured: context ? spec.metrics.map(metric => measure(metric, container, context)) : [],
      });
      const { state, current, desired, rescale, proposal, reason, limited } = decision;
      const metrics = metricValues(spec, proposal?.statuses ?? []);
      return {
        ...{ decision, state, current, desired, rescale, text: decisionText(spec, decision) },
        isBlind: proposal !== undefined && proposal.replicas === undefined,
        details: { proposal: proposal?.replicas, reason, limited: limited?.reason, metrics },
      };
    },
    scaled: (outcome, nowMs) => rescaled(spec, settings, (outcome as HpaOutcome).decision, nowMs),
    failed: (outcome, before, message) =>
      rescaleFailed((outcome as HpaOutcome).decision, before.desiredReplicas, message),
    unreadable,
    show: ({ conditions, currentMetrics }) => ({ conditions, metrics: metricValues(spec, currentMetrics) }),
  };
}
