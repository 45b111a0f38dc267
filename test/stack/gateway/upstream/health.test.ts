import { expect, test } from 'vitest';
import { afterCheck, type HealthRecord, unknownHealth } from '../../../../stack/gateway/upstream/health.ts';

const thresholds = { unhealthyAfter: 2, healthyAfter: 3 };

test.each([
  ['', 'unknown'],
  ['P', 'healthy'],
  ['F', 'unhealthy'],
  ['PF', 'healthy'],
  ['PFF', 'unhealthy'],
  ['PFPF', 'healthy'],
  ['FPP', 'unhealthy'],
  ['FPPFP', 'unhealthy'],
  ['FPPP', 'healthy'],
])('after %j it is %s', (results, health) => {
  const record = [...results].reduce<HealthRecord>(
    (r, result) => afterCheck(r, result === 'P', thresholds),
    unknownHealth,
  );
  expect(record.health).toBe(health);
});
