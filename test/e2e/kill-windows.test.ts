import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isFailure } from '../../harness/requests.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import { onlyRun, squall, temporaryFolder } from './squall.ts';

const SCENARIO = join(import.meta.dirname, 'fixtures/kill-windows.yaml');
/** By hand, twenty: `RUNS=20 npx vitest run test/e2e/kill-windows.test.ts`. */
const RUNS = Number(process.env.RUNS ?? 1);

describe('streams that a kill cuts', () => {
  // At 25 arrivals a second and 1 to 2 s a stream, some 20 are at the replica that dies, 12 ms or so before anyone observes its death.
  it.concurrent.each(Array.from({ length: RUNS }, (_, i) => i + 1))('belong to the kill, run %i', async seed => {
    using out = temporaryFolder();
    const { stdout, stderr } = await squall(['run', SCENARIO, '--out', out.path, '--seed', String(seed)]);
    const { directory, document } = onlyRun(out.path);
    const { windows, faults } = document();
    // That the link was slow may be hidden by the noise of a busy machine; the kill counts.
    expect(faults.find(({ id }) => id === 'kill')!.effectiveAtMs, stdout + stderr).not.toBeNull();
    const records = [...(await readRequests(directory))].filter(({ scheduledMs }) => scheduledMs >= 0);
    const failed = records.filter(isFailure);
    const cut = failed.filter(({ firstTokenMs }) => firstTokenMs !== null);
    expect(cut.length).toBeGreaterThan(5);
    const counts = Object.fromEntries(windows.map(window => [window.name, window.failed]));
    const elsewhere = Object.entries(counts).filter(([name]) => /^(baseline|recovery:|fault:slow)/.test(name));
    console.log(
      `run ${seed}: ${cut.length} streams cut, ${failed.length} failed in all; by window: ${JSON.stringify(counts)}`,
    );
    expect(elsewhere.filter(([, count]) => count > 0)).toEqual([]);
    expect(counts['fault:kill']).toBe(failed.length);
  });
});
