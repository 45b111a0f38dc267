import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { processesOfRun } from '../../harness/host/process-group.ts';
import type { RunPlan } from '../../harness/plan.ts';
import { findK6 } from '../../load/k6/program/find.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { startFixture } from '../load/rig.ts';
import { missing } from '../require.ts';
import { squall, temporaryFolder } from './squall.ts';

const SCENARIO = join(import.meta.dirname, 'fixtures/plain-http.yaml');
const noK6 = missing('k6', (await findK6()) !== undefined);

/** Runs the scenario for real, and looks at who drove it. */
async function driven(...more: string[]) {
  using out = temporaryFolder();
  await using server = await startFixture('answers-plainly.ts');
  const args = ['run', SCENARIO, '--target', server.said, '--out', out.path, '--json', ...more];
  const { code, stdout, stderr } = await squall(args);
  expect(stdout, stderr).toMatch(/^\{/);
  const document = JSON.parse(stdout) as RunDocument;
  expect(code, document.reasons.join('\n')).toBe(0);
  expect(processesOfRun(document.id)).toEqual([]);
  return document;
}

describe('the engine that Squall chooses', () => {
  // k6 begins some milliseconds after it was told to, on a busy machine up to 50, so that as much of its warm-up falls into them.
  it.skipIf(Boolean(noK6))(`is k6 for plain HTTP above 5000/s ${noK6 || ''}`, async () => {
    const { load, windows } = await driven();
    expect(load.engine).toBe('k6');
    expect(load.offered).toBeGreaterThanOrEqual(220);
    expect(load.offered).toBeLessThanOrEqual(265);
    expect(windows[0]!.ttftMs.p50).toBeGreaterThan(0);
  });

  it.skipIf(Boolean(noK6))(`says what a k6 that dies said, and where its run lies ${noK6 || ''}`, async () => {
    using out = temporaryFolder();
    await using server = await startFixture('answers-plainly.ts');
    const dying = join(out.path, 'k6');
    const { command } = (await findK6())!;
    writeFileSync(
      dying,
      `#!/bin/sh\n[ "$1" = version ] && exec ${command} version\necho 'no such thing' >&2\nexit 107\n`,
    );
    chmodSync(dying, 0o755);
    const args = ['run', SCENARIO, '--target', server.said, '--out', join(out.path, 'runs')];
    const { code, stderr } = await squall(args, { SQUALL_K6: dying });
    expect([code, stderr]).toEqual([4, expect.stringMatching(/^report .*\/report\.html\n.*107.*\nno such thing\n/)]);
    expect(existsSync(/^report +(.*)$/m.exec(stderr)![1]!)).toBe(true);
  });

  it('is the streaming client up to 5000/s', async () => {
    expect((await driven('--set', 'load.stages.1.to=5000/s')).load).toMatchObject({ engine: 'stream', offered: 251 });
  });

  it.each<[string, string[], NodeJS.ProcessEnv]>([
    ['where there is no k6', [], { SQUALL_K6: '/nonexistent/k6' }],
    ['for arrivals that k6 cannot make', ['--set', 'load.arrivals=poisson'], {}],
    ['for clients that retry', ['--set', 'load.clients={retry: naive}'], {}],
    ['where workers share the load', ['--workers', '2'], {}],
  ])('is the streaming client %s', async (_, more, env) => {
    const { code, stdout, stderr } = await squall(['run', SCENARIO, '--dry-run', '--json', ...more], env);
    expect(code, stderr).toBe(0);
    expect((JSON.parse(stdout) as RunPlan).load.engine).toBe('stream');
  });
});
