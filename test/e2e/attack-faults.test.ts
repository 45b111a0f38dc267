import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { processesOfRun } from '../../harness/process-group.ts';
import { onlyRun, squall, temporaryFolder } from './squall.ts';

const SLOW_CLIENTS = join(import.meta.dirname, 'fixtures/slow-clients.yaml');

describe('an attack as a fault', () => {
  it('bites at an entry with the load for a victim, and is gone when it is healed', async () => {
    using out = temporaryFolder();
    const { code, stdout, stderr } = await squall(['run', SLOW_CLIENTS, '--out', out.path, '--quiet']);
    expect(code, stdout + stderr).toBe(0);
    const run = onlyRun(out.path);
    const document = run.document();
    const [slow, hijack] = document.faults;
    expect(slow).toMatchObject({ id: 'slow', kind: 'slow-headers', target: 'client→gateway-1', healVerified: true });
    expect(slow!.evidence).toMatch(/; \d+ connections in [\d.]+ s: \d+ held/);
    expect(hijack).toMatchObject({ kind: 'hijack-prompt', healVerified: true });
    const window = document.windows.find(({ name }) => name === 'fault:slow');
    // Four seconds at 30 a second, less what the bite took.
    expect(window!.requests).toBeGreaterThan(50);
    expect(slow!.evidence).toMatch(/200 held.*the attacker is gone, and client→gateway-1 answers/);
    expect(processesOfRun(document.id)).toEqual([]);
  });
});
