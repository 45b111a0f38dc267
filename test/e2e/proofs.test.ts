import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readHistory } from '../../harness/history.ts';
import { attemptsOf, type RequestRecord, timeToFirstTokenMs } from '../../harness/requests.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import type { ProofResult } from '../../scenarios/proof.ts';
import { PROVABLE } from '../scenarios/virtual-catalog.ts';
import { squall, temporaryFolder } from './squall.ts';

// Every night the same on `process` and on containers, in real time.
describe('the catalogue in virtual time', () => {
  const out = temporaryFolder();
  afterAll(() => out[Symbol.dispose]());

  it.concurrent.each(PROVABLE)(
    'passes, and without each safeguard exactly the SLOs that rest on it fail: %s',
    {
      timeout: 600_000,
    },
    async name => {
      const folder = join(out.path, name);
      const { code, stdout, stderr } = await squall([
        'prove',
        name,
        '--platform',
        'virtual',
        '--out',
        folder,
        '--json',
      ]);
      expect(code, stderr).toBe(0);
      const { proofs } = JSON.parse(stdout) as { proofs: ProofResult[] };
      expect(proofs.length).toBeGreaterThan(0);
      for (const { outcome, sentence } of proofs) expect(outcome, sentence).toBe('holds');
      await more[name]?.(folder, proofs);
    },
  );
});

/** What else is known of the runs of a scenario. */
const more: Record<string, (folder: string, proofs: readonly ProofResult[]) => Promise<void>> = {
  /** What keeps the replicas is on the time line: the metrics are unknown while they cannot be scraped, from one window of a rate on. */
  async 'stale-metrics'(folder, [without]) {
    const runs = readdirSync(folder).map(id => join(folder, id));
    const run = runs.find(path => JSON.parse(readFileSync(join(path, 'run.json'), 'utf8')).id !== without!.run)!;
    const active = readHistory(join(run, 'events.ndjson')).filter(
      event => event.type === 'condition' && event.condition === 'ScalingActive' && event.atMs > 0,
    );
    expect(active).toMatchObject([{ status: 'False', reason: 'FailedGetExternalMetric' }, { status: 'True' }]);
    // The outage is from 5 to 13 s, the window 1 s, and scrapes and syncs are 250 ms apart.
    expect(active[0]!.atMs).toBeGreaterThan(5000);
    expect(active[0]!.atMs).toBeLessThan(6500);
    expect(active[1]!.atMs).toBeGreaterThan(13_000);
    expect(active[1]!.atMs).toBeLessThan(14_000);
  },
  /** Naive retries keep a service down after an outage is over, a budget lets it recover. */
  async 'retry-storm'(folder, [without]) {
    const runs = readdirSync(folder).map(id => join(folder, id));
    const idOf = (run: string) => JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')).id;
    const naive = await stormOf(runs.find(run => idOf(run) === without!.run)!);
    const budgeted = await stormOf(runs.find(run => idOf(run) !== without!.run)!);
    expect(naive.attempts).toBeGreaterThanOrEqual(3);
    expect(naive.goodput).toBeLessThan(0.5);
    expect(budgeted.attempts).toBeLessThanOrEqual(1.5);
    expect(budgeted.goodput).toBeGreaterThanOrEqual(0.95);
  },
};

/** Attempts per request that came in the outage, and the ratio served in time ten seconds after it. */
async function stormOf(directory: string): Promise<{ readonly attempts: number; readonly goodput: number }> {
  const records = await readRequests(directory);
  const of = (stage: string) => records.filter(record => record.stage === stage);
  const inTime = (record: RequestRecord) =>
    record.outcome === 'ok' && (timeToFirstTokenMs(record) ?? Number.POSITIVE_INFINITY) <= 500;
  const [during, after] = [of('outage'), of('after')];
  return {
    attempts: during.reduce((sum, record) => sum + attemptsOf(record), 0) / during.length,
    goodput: after.filter(inTime).length / after.length,
  };
}
