import type { Decider, Outcome } from '../decider.ts';
import { changeText } from '../decision-text.ts';
import type { HpaMetric } from '../hpa/schema.ts';
import { candidates, type MeasureContext, nameOf } from '../measure/measure.ts';
import type { Rules } from '../measure/rule.ts';
import { measureWhole } from '../measure/whole.ts';
import { isBetween } from './cron.ts';

/** What switches a ScaledObject between no replicas and some. Durations are those of production. */
export interface Activation {
  /** Replicas when it is activated. */
  readonly activeReplicas: number;
  /** Triggers that decide: all but those of CPU and memory, which measure nothing without replicas. */
  readonly triggers: readonly ActivationTrigger[];
  readonly cooldownMs: number;
  readonly initialCooldownMs: number;
}

/** A trigger, which is active while its metric is above a threshold, or in its window if it is a schedule. */
export interface ActivationTrigger {
  readonly metric: HpaMetric;
  readonly above: number;
}

interface ActivationState<State> {
  readonly scaler: State;
  readonly createdAtMs: number;
  /** When a trigger was last active. */
  readonly activeAtMs?: number;
}

/** Whether the triggers say that there is something to do. `unknown`: none is active, but not all could be measured. */
interface Activity {
  readonly state: 'active' | 'inactive' | 'unknown';
  readonly text: string;
}

/**
 * An autoscaler that KEDA activates and deactivates: without replicas any active trigger brings `activeReplicas`; once none has been
 * active for the cooldown, the last replicas are taken away; in between the HorizontalPodAutoscaler decides. A trigger that was never
 * active needs no cooldown (KEDA, `pkg/scaling/executor/scale_scaledobjects.go`). While one cannot be measured of all replicas, nothing
 * is taken away.
 */
export function activated<State>(
  scaler: Decider<State>,
  activation: Activation,
  rules: Rules,
): Decider<ActivationState<State> | undefined> {
  type Own = ActivationState<State>;
  const stateOf = (before: Own | undefined, nowMs = 0): Own => before ?? { scaler: scaler.start, createdAtMs: nowMs };
  return {
    ...scaler,
    start: undefined,
    decide(before, sight): ActivationOutcome<State> {
      const { scale, nowMs } = sight;
      const { state: is, text } = activityOf(activation, rules, sight.measured());
      const known = stateOf(before, nowMs);
      const own: Own = is === 'active' ? { ...known, activeAtMs: nowMs } : known;
      const switched = (desired: number, why: string): ActivationOutcome<State> => ({
        ...{ state: own, current: scale.replicas, desired, rescale: desired !== scale.replicas },
        ...{ text: changeText(scale.replicas, desired, why), isBlind: is === 'unknown', details: { activity: is } },
      });
      if (scale.replicas === 0) return is === 'active' ? switched(activation.activeReplicas, text) : switched(0, text);
      if (is === 'inactive' && hasCooledDown(own, activation, nowMs))
        return switched(0, cooledText(own, activation, text));
      const inner = scaler.decide(own.scaler, sight);
      return { ...inner, state: { ...own, scaler: inner.state }, inner, details: { ...inner.details, activity: is } };
    },
    scaled({ state, inner }: ActivationOutcome<State>, nowMs) {
      const own = stateOf(state);
      return inner ? { ...own, scaler: scaler.scaled(inner, nowMs) } : own;
    },
    failed({ state, inner }: ActivationOutcome<State>, before, message) {
      const own = stateOf(state);
      return inner ? { ...own, scaler: scaler.failed(inner, stateOf(before).scaler, message) } : before;
    },
    unreadable: (before, message) => before && { ...before, scaler: scaler.unreadable(before.scaler, message) },
    show: state => scaler.show(stateOf(state).scaler),
  };
}

interface ActivationOutcome<State> extends Outcome<ActivationState<State> | undefined> {
  /** What the autoscaler itself decided, if it was asked. */
  readonly inner?: Outcome<State>;
}

function hasCooledDown(
  { activeAtMs, createdAtMs }: ActivationState<unknown>,
  { cooldownMs, initialCooldownMs }: Activation,
  nowMs: number,
): boolean {
  return activeAtMs === undefined ? nowMs - createdAtMs >= initialCooldownMs : nowMs - activeAtMs >= cooldownMs;
}

function cooledText({ activeAtMs }: ActivationState<unknown>, { cooldownMs }: Activation, text: string): string {
  return activeAtMs === undefined ? `${text}, never active` : `${text} for ${cooldownMs / 1000} s`;
}

function activityOf({ triggers }: Activation, rules: Rules, context: MeasureContext): Activity {
  const all = triggers.map(({ metric, above }) => {
    const found = candidates(metric, rules);
    const name = nameOf(metric);
    const schedule = found.find(rule => !('series' in rule));
    if (schedule && !('series' in schedule)) {
      const { start, end, timezone } = schedule;
      const isOpen = isBetween(start, end, timezone, context.date);
      return { is: isOpen ? 'active' : 'inactive', text: `${name} ${isOpen ? 'in' : 'outside'} its window` } as const;
    }
    const { value, isPartial } = measureWhole(found, context);
    const shown = value === undefined ? 'unknown' : `${Number(value.toPrecision(3))}`;
    if (value !== undefined && value > above) return { is: 'active', text: `${name} ${shown} above ${above}` } as const;
    const is = value === undefined || isPartial ? 'unknown' : 'inactive';
    const why = isPartial ? ' of some replicas only' : '';
    return { is, text: `${name} ${shown}${why}${value === undefined ? '' : `, not above ${above}`}` } as const;
  });
  const leading = (['active', 'unknown', 'inactive'] as const).find(state => all.some(({ is }) => is === state))!;
  return {
    state: leading,
    text: all
      .filter(({ is }) => is === leading)
      .map(({ text }) => text)
      .join(', '),
  };
}
