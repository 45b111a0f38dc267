import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { SuiteDocument } from '../../reports/store/suite-document.ts';
import { startFixture } from '../load/rig.ts';
import { expectRefusal, squall, temporaryFolder } from './squall.ts';

const SUITE = join(import.meta.dirname, 'fixtures/suite/of-a-target.yaml');

it('a suite tests a server of one’s own as far as that has what its scenarios need, and tells the rest', async () => {
  using out = temporaryFolder();
  await using server = await startFixture('../../e2e/fixtures/openai-server.ts', '{"authorization":"Bearer sk-mine"}');
  const target = ['--target', server.said];
  const env = { SQUALL_TARGET_AUTHORIZATION: 'sk-mine' };
  const optionsOf = (...options: string[]) => ['suite', ...options, '--out', out.path, '--json'];
  const { code, stdout, stderr } = await squall(optionsOf(SUITE, ...target), env);
  expect(code, stderr).toBe(0);
  const document = JSON.parse(stdout) as SuiteDocument;
  expect(stderr).toContain("busy on external without retries: not tried, since it is a part of Squall's own stack.");
  expect(document.replay).toContain(` --target ${server.said} `);
  expect(document.cells).toMatchObject([
    {
      scenario: 'busy',
      platform: 'external',
      state: 'ended',
      proofs: [{ without: 'most of its load', outcome: 'holds' }],
    },
    { scenario: 'steady', state: 'unsupported', sentence: expect.stringContaining('with --target Squall starts only') },
  ]);
  const folder = join(out.path, document.id);
  for (const name of ['journal.ndjson', 'suite.json', 'index.html'])
    expect(readFileSync(join(folder, name), 'utf8')).not.toContain('sk-mine');
  // Whoever goes on names the server again, since nothing else may be tested in its place.
  await expectRefusal(optionsOf('--resume', folder, '--dry-run'), 3, [
    /Expected the target to be as when the suite began/,
  ]);
  const resumed = await squall(optionsOf('--resume', folder, '--dry-run', ...target), env);
  expect([resumed.code, JSON.parse(resumed.stdout)], resumed.stderr).toMatchObject([0, [{ scenario: 'steady' }]]);
  const both = optionsOf(SUITE, ...target, '--platform', 'process');
  await expectRefusal(both, 3, [/Expected --target and --platform external together/]);
});
