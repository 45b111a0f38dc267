import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readHistory } from '../../harness/history.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { onlyRun, SMALL, squall, temporaryFolder } from '../e2e/squall.ts';
import { leftOf, noDocker } from './docker-stack.ts';

describe.skipIf(Boolean(noDocker))(`a scenario on containers ${noDocker || ''}`, () => {
  it('runs unchanged: both faults take effect and heal, the replay names the platform, nothing is left', async () => {
    using out = temporaryFolder();
    const { code, stdout, stderr } = await squall(['run', SMALL, '--platform', 'docker', '--out', out.path, '--json']);
    // How well it went depends on how busy this machine is; that it could be driven does not.
    expect([0, 1, 2], stderr).toContain(code);
    const document = JSON.parse(stdout) as RunDocument;
    expect(document).toMatchObject({ platform: 'docker', interrupted: false });
    expect(document.faults.map(({ id, healVerified }) => `${id} ${healVerified}`)).toEqual(['slow true', 'kill true']);
    for (const fault of document.faults) expect(fault.effectiveAtMs).not.toBeNull();
    expect(document.load.completed).toBeGreaterThan(document.load.offered * 0.8);
    expect(document.replay).toContain('--platform docker');
    expect(document.versions).toMatchObject({ docker: expect.any(String), 'squall/service': expect.any(String) });
    const { directory } = onlyRun(out.path);
    const samples = readHistory(join(directory, 'events.ndjson')).filter(event => event.type === 'sample');
    const sampled = new Set(samples.flatMap(({ readings }) => Object.keys(readings)));
    expect([...sampled]).toEqual(expect.arrayContaining(['gateway-1', 'inference-1', 'inference-2']));
    expect(readFileSync(join(directory, 'report.html'), 'utf8')).toContain('docker');
    expect(await leftOf(document.id)).toEqual([]);
  });
});
