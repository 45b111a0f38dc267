import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { expect, it } from 'vitest';
import { onlyRun, squall, temporaryFolder } from './squall.ts';

interface Row {
  readonly stage: string;
  readonly outcome: string;
  readonly attempts?: number;
  readonly scheduledMs: number;
  readonly firstTokenMs: number | null;
}

/** The storm of the catalogue: attempts per request that came in the outage, and the ratio served in time ten seconds after it. */
async function storm(extra: readonly string[]) {
  using out = temporaryFolder();
  const { stderr } = await squall(['run', 'retry-storm', '--quiet', '--out', out.path, ...extra]);
  const { directory, document } = onlyRun(out.path);
  expect(document().verdict, stderr).not.toBe('invalid');
  const file = await asyncBufferFromFile(join(directory, 'requests.parquet'));
  const rows = (await parquetReadObjects({ file })) as unknown as Row[];
  const during = rows.filter(({ stage }) => stage === 'outage');
  const after = rows.filter(({ stage }) => stage === 'after');
  const inTime = after.filter(
    row => row.outcome === 'ok' && row.firstTokenMs !== null && row.firstTokenMs - row.scheduledMs <= 500,
  );
  return {
    attempts: during.reduce((sum, { attempts = 1 }) => sum + Number(attempts), 0) / during.length,
    goodput: inTime.length / after.length,
  };
}

it('naive retries keep a service down after an outage is over, a budget lets it recover', async () => {
  const [naive, budgeted] = await Promise.all([
    storm(['--set', 'load.clients.retry={"kind":"naive","maxRetries":50}']),
    storm([]),
  ]);
  expect(naive.attempts).toBeGreaterThanOrEqual(3);
  expect(naive.goodput).toBeLessThan(0.5);
  expect(budgeted.attempts).toBeLessThanOrEqual(1.5);
  expect(budgeted.goodput).toBeGreaterThanOrEqual(0.95);
});
