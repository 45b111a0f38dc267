import { changeWithin, type History, placed, type Recommendation, type ScaleEvent } from './history.ts';
import { addInt32, MAX_INT32, toInt32 } from './integers.ts';
import type { HpaSpec, ScalingRules } from './schema.ts';
import type { HpaSettings } from './settings.ts';

/** What limits a count, and how. `policy` names the policy that the rate is limited by. */
export interface Limited {
  readonly replicas: number;
  readonly reason: 'DesiredWithinRange' | 'TooFewReplicas' | 'TooManyReplicas' | 'ScaleUpLimit' | 'ScaleDownLimit';
  readonly policy?: string;
}

/** A count after stabilisation. */
export interface Stabilized {
  readonly replicas: number;
  readonly reason: 'ReadyForNewScale' | 'ScaleUpStabilized' | 'ScaleDownStabilized';
  readonly recommendations: readonly Recommendation[];
}

type Behavior = NonNullable<HpaSpec['behavior']>;

/**
 * Stabilises what metrics ask for by what they asked for before, and remembers it.
 *
 * ```
 * lowest of the up window ──┐             ┌── highest of the down window
 *                           ▼             ▼
 *   current is raised to at least …  and lowered to at most …
 * ```
 *
 * Without `behavior` it is the highest recommendation of the settings' window, and there is none for the way up.
 */
export function stabilize(
  wanted: number,
  current: number,
  behavior: Behavior | undefined,
  settings: HpaSettings,
  { recommendations }: History,
  nowMs: number,
): Stabilized {
  const now = { replicas: wanted, atMs: nowMs };
  if (!behavior) {
    const cutoffMs = nowMs - settings.downscaleStabilizationMs;
    const replicas = Math.max(wanted, ...recommendations.filter(({ atMs }) => atMs >= cutoffMs).map(r => r.replicas));
    return {
      replicas,
      reason: replicas === wanted ? 'ReadyForNewScale' : 'ScaleDownStabilized',
      recommendations: placed(recommendations, now, ({ atMs }) => atMs < cutoffMs),
    };
  }
  const { up, down } = windowsOf(behavior, settings);
  const since = (cutoffMs: number) => recommendations.filter(({ atMs }) => atMs > cutoffMs).map(r => r.replicas);
  const floor = Math.min(wanted, ...since(nowMs - up));
  const ceiling = Math.max(wanted, ...since(nowMs - down));
  const replicas = Math.min(Math.max(current, floor), ceiling);
  const stabilized = wanted >= current ? 'ScaleUpStabilized' : 'ScaleDownStabilized';
  return {
    replicas,
    reason: replicas === wanted ? 'ReadyForNewScale' : stabilized,
    recommendations: placed(recommendations, now, ({ atMs }) => atMs < nowMs - up && atMs < nowMs - down),
  };
}

/** Windows of a behavior, in ms. The one of the settings counts in whole seconds, as in the spec. */
function windowsOf({ scaleUp, scaleDown }: Behavior, { downscaleStabilizationMs }: HpaSettings) {
  const down = scaleDown.stabilizationWindowSeconds ?? Math.trunc(downscaleStabilizationMs / 1000);
  return { up: 1000 * scaleUp.stabilizationWindowSeconds, down: 1000 * down };
}

/** Limits a count to `minReplicas` to `maxReplicas`, and to how fast it may change. */
export function limit(
  wanted: number,
  current: number,
  { minReplicas, maxReplicas, behavior }: HpaSpec,
  history: History,
  nowMs: number,
): Limited {
  const within: Limited = { replicas: wanted, reason: 'DesiredWithinRange' };
  if (!behavior) {
    const fastest = toInt32(Math.max(2 * current, 4));
    const highest = Math.min(maxReplicas, fastest);
    if (wanted < minReplicas) return { replicas: minReplicas, reason: 'TooFewReplicas' };
    if (wanted <= highest) return within;
    return maxReplicas > fastest
      ? { replicas: fastest, reason: 'ScaleUpLimit', policy: '100 % or 4 pods' }
      : { replicas: maxReplicas, reason: 'TooManyReplicas' };
  }
  if (wanted > current) {
    const { count, policy } = furthest(current, behavior.scaleUp, history, nowMs, 1);
    const fastest = Math.max(count, current);
    if (wanted <= Math.min(maxReplicas, fastest)) return within;
    return maxReplicas > fastest
      ? { replicas: fastest, reason: 'ScaleUpLimit', policy }
      : { replicas: maxReplicas, reason: 'TooManyReplicas' };
  }
  if (wanted < current) {
    const { count, policy } = furthest(current, behavior.scaleDown, history, nowMs, -1);
    const fastest = Math.min(count, current);
    if (wanted >= Math.max(minReplicas, fastest)) return within;
    return minReplicas < fastest
      ? { replicas: fastest, reason: 'ScaleDownLimit', policy }
      : { replicas: minReplicas, reason: 'TooFewReplicas' };
  }
  return within;
}

interface Reach {
  readonly count: number;
  readonly policy: string;
}

/**
 * How far the policies of a direction let the count go. A period began with what there is now, less what was added and more what was
 * removed in it, in both directions.
 * @param sign 1: up, -1: down
 */
function furthest(current: number, rules: ScalingRules, history: History, nowMs: number, sign: 1 | -1): Reach {
  if (rules.selectPolicy === 'Disabled') return { count: current, policy: 'scaling disabled' };
  // Of several policies the largest change counts, or with Min the smallest.
  const isHigher = (rules.selectPolicy === 'Min') === sign < 0;
  const reaches = rules.policies.map(({ type, value, periodSeconds }) => {
    const changed = (events: readonly ScaleEvent[]) => changeWithin(events, periodSeconds, nowMs);
    const before = addInt32(current - changed(history.scaleUps), changed(history.scaleDowns));
    const percent = before * (1 + (sign * value) / 100);
    const policy = `${type === 'Pods' ? `${value} pods` : `${value} %`}/${periodSeconds} s`;
    if (type === 'Pods') return { count: addInt32(before, sign * value), policy };
    return { count: toInt32(sign > 0 ? Math.ceil(percent) : percent), policy };
  });
  const none = { count: isHigher ? -MAX_INT32 - 1 : MAX_INT32, policy: 'none' };
  return reaches.reduce(
    (best, each) => ((isHigher ? each.count > best.count : each.count < best.count) ? each : best),
    none,
  );
}
