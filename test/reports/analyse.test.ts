import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runScenario } from '../../cli/api.ts';
import { findProgram } from '../../harness/host/programs.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { SMALL, temporaryFolder } from '../e2e/squall.ts';
import { missing } from '../require.ts';

const PAGE = resolve(import.meta.dirname, '../../docs/analyse.md');
const python = findProgram('analysis-python');
const noPython = missing('analysis-python', python !== undefined);

interface WindowRow {
  readonly name: string;
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
}

describe.skipIf(Boolean(noPython))(`examples of docs/analyse.md ${noPython || ''}`, () => {
  it('find in the files of a run what its results say', async () => {
    using out = temporaryFolder();
    const { directory } = await runScenario(SMALL, { platform: 'virtual', out: out.path, seed: 1 });
    const run = JSON.parse(readFileSync(join(directory, 'run.json'), 'utf8')) as RunDocument;
    const script = join(import.meta.dirname, 'fixtures/run-examples.py');
    const results = JSON.parse(execFileSync(python!.command, [script, PAGE, directory], { encoding: 'utf8' }));
    const [windows, seconds, failures, runs, printed] = results as [
      readonly WindowRow[],
      readonly { readonly second: number; readonly requests: number; readonly failed: number }[],
      readonly { readonly requestId: string; readonly outcome: string }[],
      readonly { readonly scenario: string; readonly verdict: string; readonly offered: number }[],
      string,
    ];
    expect(windows.map(({ name }) => name).sort()).toEqual(run.windows.map(({ name }) => name).sort());
    for (const { name, requests, failed, dropped, ttftMs } of run.windows) {
      const row = windows.find(window => window.name === name)!;
      expect(row.requests, name).toBe(requests + dropped);
      // The results have quantiles of those with a first token only.
      if (failed === 0)
        expect(
          [row.p50, row.p99].map(value => Math.round(value * 100)),
          name,
        ).toEqual([ttftMs!.p50, ttftMs!.p99].map(value => Math.round(value! * 100)));
    }
    expect(run.windows.filter(({ failed }) => failed === 0).length).toBeGreaterThan(2);
    const { offered, failed } = run.load;
    expect(seconds.reduce((sum, row) => sum + row.requests, 0)).toBe(offered);
    expect(seconds.reduce((sum, row) => sum + row.failed, 0)).toBe(failed);
    expect(failed).toBeGreaterThan(0);
    expect(failures.length).toBe(failed);
    expect(failures.every(({ outcome }) => outcome !== 'ok')).toBe(true);
    expect(runs).toMatchObject([{ scenario: run.scenario, verdict: run.verdict, offered }]);
    const itl = Number(/ITL P50: ([\d.]+) ms/.exec(printed)?.[1]);
    const whole = run.windows.find(({ name }) => name === 'whole')!;
    // Buckets are 2 % wide.
    expect(itl / whole.itlMs!.p50!).toBeGreaterThan(0.97);
    expect(itl / whole.itlMs!.p50!).toBeLessThan(1.03);
    expect(printed.match(/^load:.* within 400 ms: [01]\.\d+$/gm)).toHaveLength(
      run.windows.filter(({ name }) => name.startsWith('load:')).length,
    );
  });
});
