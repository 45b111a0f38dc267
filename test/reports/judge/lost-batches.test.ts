import { expect, test } from 'vitest';
import type { Outcome, RequestRecord } from '../../../harness/requests.ts';
import { factsOf } from '../../../reports/judge/fold.ts';
import { judgeSlo } from '../../../reports/judge/slo.ts';
import { historyOf, planOf, requestOf } from '../runs.ts';

const plan = planOf();
const users = { name: 'users', weight: 1, workload: plan.load.workload };
const jobs = { ...users, name: 'jobs', batch: { lines: 3, withinMs: 10_000 } };
const clients = {
  connections: { kind: 'reuse', maxRequests: 10 },
  retry: null,
  clientTimeout: null,
  classes: [users, jobs],
} as const;
const withJobs = { ...plan, load: { ...plan.load, clients } };

/** A job every second, accepted after 20 ms unless it was refused. */
function job(nth: number, outcome: Outcome): RequestRecord {
  const record = requestOf(nth, nth * 1000, { outcome, latencyMs: 3000 });
  const firstTokenMs = outcome === 'http-status' ? null : record.scheduledMs + 20;
  return { ...record, firstTokenMs, class: 'jobs' };
}

const judged = (records: readonly RequestRecord[], objective = 'lost(batch) <= 0') =>
  judgeSlo({ name: 'slo', window: 'whole', objective, class: 'jobs' }, factsOf(withJobs, historyOf(withJobs), records));

const healthy = Array.from({ length: 20 }, (_, nth) => job(nth, 'ok'));

test('counts accepted batches that are lost, of which one is one too many', () => {
  expect(judged(healthy)).toMatchObject({
    verdict: 'pass',
    measured: 0,
    samples: 20,
    reason: '0 of 20 accepted batches were lost.',
  });
  expect(judged([...healthy, job(20, 'lost')])).toMatchObject({ verdict: 'fail', measured: 1, samples: 21 });
  expect(judged([...healthy, job(20, 'lost')], 'lost(batch) <= 1').verdict).toBe('pass');
});

test('leaves out what was never accepted, and other classes', () => {
  const user = { ...requestOf(30, 5000, { outcome: 'reset' }), class: 'users' };
  expect(judged([...healthy, job(20, 'http-status'), user])).toMatchObject({ verdict: 'pass', samples: 20 });
});

test('decides nothing where no batch was accepted, or where some are unknown', () => {
  expect(judged(Array.from({ length: 5 }, (_, nth) => job(nth, 'http-status'))).verdict).toBe('inconclusive');
  expect(judged([]).verdict).not.toBe('pass');
  expect(judged([...healthy, job(20, 'interrupted')])).toMatchObject({
    verdict: 'inconclusive',
    measured: 0,
    confidence: { upper: 1 },
  });
});
