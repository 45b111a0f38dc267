import type { RunPlan } from '../../../harness/plan.ts';
import { stackOf } from './facts.ts';

/** Longest time between two queries of the gateway's discovery after failures, its default, in ms. */
const DISCOVERY_BACKOFF_MS = 5000;
/** Time in which the agent must respond beyond the time that a query may block, in ms. */
const DISCOVERY_RESPONSE_MS = 2000;
/** Time for what no option bounds, such as a connection that has to be opened again, in ms. */
const MARGIN_MS = 2000;

/** Time in which active checks see that an upstream has changed, in ms; 0 without checks. */
export function checkMs(plan: RunPlan): number {
  const { healthChecks } = stackOf(plan).gateway;
  if (healthChecks === 'off') return 0;
  const { intervalMs, timeoutMs, unhealthyAfter, healthyAfter } = healthChecks;
  // An interval is jittered by 10 %.
  return Math.max(unhealthyAfter, healthyAfter) * (1.1 * intervalMs + timeoutMs) + timeoutMs;
}

/** Time in which gateways learn of a replica that is ready, in ms; 0 without discovery. */
export function discoveryMs(plan: RunPlan): number {
  const { control } = stackOf(plan);
  if (control === 'off') return 0;
  return control.ttlMs + (control.waitMs * 17) / 16 + DISCOVERY_RESPONSE_MS + DISCOVERY_BACKOFF_MS;
}

/** Time in which a replica that is ready and reachable gets traffic again, in ms. */
export function rotationMs(plan: RunPlan): number {
  const { ejection, retryAfter } = stackOf(plan).gateway;
  const ejectedMs = ejection === 'off' ? 0 : 1.1 * ejection.maxMs;
  const rateLimitedMs = retryAfter === 'off' ? 0 : retryAfter.maxMs;
  return Math.max(ejectedMs, rateLimitedMs) + checkMs(plan) + discoveryMs(plan) + MARGIN_MS;
}
