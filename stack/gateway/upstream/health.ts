import type { GatewayConfig } from '../config.ts';

type Thresholds = Pick<Exclude<GatewayConfig['healthChecks'], 'off'>, 'unhealthyAfter' | 'healthyAfter'>;

/** Health of an upstream: `unknown` until the first check completes. Only a `healthy` one gets traffic. */
export type Health = 'unknown' | 'healthy' | 'unhealthy';

/** Health and the number of checks that contradict it. */
export interface HealthRecord {
  readonly health: Health;
  /** Consecutive results that contradict `health`. */
  readonly contradictions: number;
}

/** Record before the first check. */
export const unknownHealth: HealthRecord = { health: 'unknown', contradictions: 0 };

/** Record after one more check. The first check alone determines the health. */
export function afterCheck(record: HealthRecord, passed: boolean, thresholds: Thresholds): HealthRecord {
  const observed: Health = passed ? 'healthy' : 'unhealthy';
  if (record.health === 'unknown' || record.health === observed) return { health: observed, contradictions: 0 };
  const contradictions = record.contradictions + 1;
  const needed = passed ? thresholds.healthyAfter : thresholds.unhealthyAfter;
  return contradictions >= needed ? { health: observed, contradictions: 0 } : { ...record, contradictions };
}
