import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findK6 } from '../../load/k6/program/find.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { startFixture } from '../load/rig.ts';
import { missing } from '../require.ts';
import { expectRefusal, onlyRun, squall, temporaryFolder } from './squall.ts';

const SCENARIO = join(import.meta.dirname, 'fixtures/plain-http.yaml');
const K6 = ['run', SCENARIO, '--set', 'load.engine=k6', '--set', 'load.stages=[{at: 100/s, for: 3s}]'];
/** Enough for two command lines, each with its k6, to come up at once on a busy machine. */
const LEAD_MS = 10_000;
const noK6 = missing('k6', (await findK6()) !== undefined);

/** The numbers of all requests that the server had, in order. */
async function askedOf(url: string): Promise<number[]> {
  const seen = (await (await fetch(`${url}/seen`)).json()) as { headers: Record<string, string> }[];
  return seen.map(({ headers }) => Number(headers['x-request-id']!.split('-').at(-1))).sort((a, b) => a - b);
}

describe.skipIf(Boolean(noK6))(`a load of k6 that is shared ${noK6 || ''}`, () => {
  it('among two runs is, merged, what one run is', async () => {
    using out = temporaryFolder();
    await using server = await startFixture('answers-plainly.ts');
    const run = [...K6, '--target', server.said, '--json'];
    const startAt = new Date(Date.now() + LEAD_MS).toISOString();
    const folder = (name: string) => join(out.path, name);
    const segments = await Promise.all(
      ['1/2', '2/2'].map((segment, index) =>
        squall([...run, '--out', folder(`${index}`), '--segment', segment, '--start-at', startAt]),
      ),
    );
    for (const { code, stdout, stderr } of segments) expect(code, stderr + stdout).toBe(2);
    const asked = await askedOf(server.said);
    const directories = [0, 1].map(index => onlyRun(folder(`${index}`)).directory);
    const merged = await squall(['merge', ...directories, '--out', folder('merged'), '--json']);
    const document = JSON.parse(merged.stdout) as RunDocument;
    // A busy machine makes generators late, and a run invalid; it is merged all the same.
    expect(['pass', 'invalid'], document.reasons.join('\n')).toContain(document.verdict);
    expect(document.segments?.map(({ index }) => index)).toEqual([1, 2]);

    const alone = await squall([...run, '--out', folder('alone')]);
    expect([0, 2], alone.stderr).toContain(alone.code);
    const one = [...(await readRequests(onlyRun(folder('alone')).directory))];
    const union = [...(await readRequests(onlyRun(folder('merged')).directory))];
    expect(union.map(({ index }) => index)).toEqual([...one.keys()]);
    // Nothing was dropped, so that what the two sent is numbered alike.
    expect(asked).toEqual([...one.keys()]);
    // Each k6 is some ms late to its start, more on a busy machine, so that two of them are apart by the difference.
    const apart = union.map(({ scheduledMs }, index) => Math.abs(scheduledMs - one[index]!.scheduledMs));
    expect(Math.max(...apart)).toBeLessThan(500);
    for (const [nth, directory] of directories.entries()) {
      const own = [...(await readRequests(directory))].map(({ index }) => index);
      expect(own).toEqual(union.map(({ index }) => index).filter(index => index % 2 === nth));
    }
  });

  it('is not shared by processes', async () => {
    using out = temporaryFolder();
    const workers = ['--workers', '2', '--out', out.path, '--dry-run'];
    await expectRefusal([...K6, ...workers], 3, [/load\.engine/, /`stream` for --workers/, /k6 uses all cores/]);
  });
});
