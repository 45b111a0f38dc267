import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readHistory } from '../../harness/history.ts';
import { attemptsOf, type RequestRecord, timeToFirstTokenMs } from '../../harness/requests.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
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
      const nth = PROVABLE.indexOf(name) % PROCESSES;
      proved[nth] ??= proveAll(
        PROVABLE.filter((_, index) => index % PROCESSES === nth),
        join(out.path, `${nth}`),
      );
      const { code, scenarios, stderr } = await proved[nth];
      const proofs = scenarios.find(({ scenario }) => scenario === name)?.proofs ?? [];
      expect(proofs.length, stderr).toBeGreaterThan(0);
      for (const { outcome, sentence } of proofs) expect(outcome, sentence).toBe('holds');
      expect(code, stderr).toBe(0);
      const runs = readdirSync(join(out.path, `${nth}`)).map(id => join(out.path, `${nth}`, id));
      await more[name]?.(
        runs.filter(run => documentOf(run).scenario === name),
        proofs,
      );
    },
  );
});

/** Each proves several scenarios, since a start takes as long as a small proof, and they are enough to keep all cores busy to the end. */
const PROCESSES = 8;
const proved: ReturnType<typeof proveAll>[] = [];

async function proveAll(names: readonly string[], folder: string) {
  const { code, stdout, stderr } = await squall([
    'prove',
    ...names,
    '--platform',
    'virtual',
    '--out',
    folder,
    '--json',
  ]);
  const scenarios: { scenario: string; proofs: readonly ProofResult[] }[] = stdout ? [JSON.parse(stdout)].flat() : [];
  return { code, scenarios, stderr };
}

function documentOf(run: string): RunDocument {
  return JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'));
}

/** What else is known of the runs of a scenario. */
const more: Record<string, (runs: readonly string[], proofs: readonly ProofResult[]) => Promise<void>> = {
  /** What keeps the replicas is on the time line: the metrics are unknown while they cannot be scraped, from one window of a rate on. */
  async 'stale-metrics'(runs, [without]) {
    const run = runs.find(path => documentOf(path).id !== without!.run)!;
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
  async 'retry-storm'(runs, [without]) {
    const naive = await stormOf(runs.find(run => documentOf(run).id === without!.run)!);
    const budgeted = await stormOf(runs.find(run => documentOf(run).id !== without!.run)!);
    expect(naive.attempts).toBeGreaterThanOrEqual(3);
    expect(naive.goodput).toBeLessThan(0.5);
    expect(budgeted.attempts).toBeLessThanOrEqual(1.5);
    expect(budgeted.goodput).toBeGreaterThanOrEqual(0.95);
  },
};

/** Attempts per request that came in the outage, and the ratio served in time ten seconds after it. */
async function stormOf(directory: string): Promise<{ readonly attempts: number; readonly goodput: number }> {
  const records = [...(await readRequests(directory))];
  const of = (stage: string) => records.filter(record => record.stage === stage);
  const inTime = (record: RequestRecord) =>
    record.outcome === 'ok' && (timeToFirstTokenMs(record) ?? Number.POSITIVE_INFINITY) <= 500;
  const [during, after] = [of('outage'), of('after')];
  return {
    attempts: during.reduce((sum, record) => sum + attemptsOf(record), 0) / during.length,
    goodput: after.filter(inTime).length / after.length,
  };
}
