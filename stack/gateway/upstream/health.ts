/** How many results in a row change the opinion about an upstream. */
export interface HealthThresholds {
  readonly unhealthyAfter: number;
  readonly healthyAfter: number;
}

/** `unknown` until the first check is back; such an upstream gets no traffic. */
export type Health = 'unknown' | 'healthy' | 'unhealthy';

/** The opinion and the run of checks that contradict it. */
export interface HealthRecord {
  readonly health: Health;
  /** Results in a row that speak against `health`. */
  readonly contradictions: number;
}

/** The record before any check. */
export const unknownHealth: HealthRecord = { health: 'unknown', contradictions: 0 };

/** The record after one more check. The very first check decides alone. */
export function afterCheck(record: HealthRecord, passed: boolean, thresholds: HealthThresholds): HealthRecord {
  const seen: Health = passed ? 'healthy' : 'unhealthy';
  if (record.health === 'unknown' || record.health === seen) return { health: seen, contradictions: 0 };
  const contradictions = record.contradictions + 1;
  const needed = passed ? thresholds.healthyAfter : thresholds.unhealthyAfter;
  return contradictions >= needed ? { health: seen, contradictions: 0 } : { ...record, contradictions };
}
