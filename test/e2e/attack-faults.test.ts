import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { processesOfRun } from '../../harness/host/process-group.ts';
import { findProgram } from '../../harness/host/programs.ts';
import { missing } from '../require.ts';
import { onlyRun, squall, temporaryFolder } from './squall.ts';

const SLOW_CLIENTS = join(import.meta.dirname, 'fixtures/slow-clients.yaml');

const noNginx = missing('nginx', findProgram('nginx') !== undefined);
const BEHIND_TLS = [
  'stack.edge={ tls: {}, timeouts: { header: 1s } }',
  'faults.slow.on=client→edge',
  'faults.hijack.on=client→edge',
];

describe('an attack as a fault', () => {
  it.concurrent.for<[string, string, readonly string[], string | false]>([
    ['a gateway', 'client→gateway-1', [], false],
    ['an edge that speaks TLS', 'client→edge', BEHIND_TLS, noNginx],
  ])(
    'takes effect at %s, with the load as the control client, and is gone when it is healed',
    async ([, on, sets, reason], { skip }) => {
      if (reason) skip(reason);
      using out = temporaryFolder();
      const set = sets.flatMap(value => ['--set', value]);
      const { code, stdout, stderr } = await squall(['run', SLOW_CLIENTS, '--out', out.path, '--quiet', ...set]);
      expect(code, stdout + stderr).toBe(0);
      const run = onlyRun(out.path);
      const document = run.document();
      const [slow, hijack] = document.faults;
      expect(slow).toMatchObject({ id: 'slow', kind: 'slow-headers', target: on, healVerified: true });
      expect(slow!.evidence).toMatch(/; \d+ connections in [\d.]+ s: \d+ open/);
      expect(hijack).toMatchObject({ kind: 'hijack-prompt', healVerified: true });
      const window = document.windows.find(({ name }) => name === 'fault:slow');
      // Four seconds at 30 a second, less what the onset took.
      expect(window!.requests).toBeGreaterThan(50);
      expect(slow!.evidence).toMatch(/peak (1[5-9]\d|200) open; closed by server after a median of \d+ ms/);
      expect(slow!.evidence).toContain(`the attacker has exited, ${on} responds`);
      // A point a second for four seconds, less what it took to start, and one at the end.
      const open = slow!.attack!.map(point => point.open);
      expect([open.length, open[0]]).toEqual([expect.toBeOneOf([4, 5, 6]), 0]);
      expect(Math.max(...open)).toBeGreaterThan(100);
      expect(run.events()).toContain(`"points":${JSON.stringify(slow!.attack)}`);
      expect(readFileSync(join(run.directory, 'report.html'), 'utf8')).toContain('slow: open connections');
      expect(processesOfRun(document.id)).toEqual([]);
    },
  );
});
