import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRequests } from '../../reports/store/requests-file.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { startFixture } from '../load/rig.ts';
import { expectRefusal, onlyRun, squall, temporaryFolder } from './squall.ts';

const SCENARIO = join(import.meta.dirname, 'fixtures/target.yaml');
/** Enough for three command lines to come up at once on a busy machine. */
const LEAD_MS = 10_000;
const SEGMENTS = [1, 2, 3];

describe('a load that is shared', () => {
  it('among three runs is, merged, what one run is', async () => {
    using out = temporaryFolder();
    await using server = await startFixture('../../e2e/fixtures/openai-server.ts');
    const run = ['run', SCENARIO, '--target', server.said, '--json'];
    const startAt = new Date(Date.now() + LEAD_MS).toISOString();
    const folder = (index: number) => join(out.path, `segment-${index}`);
    const segments = await Promise.all(
      SEGMENTS.map(index => squall([...run, '--out', folder(index), '--segment', `${index}/3`, '--start-at', startAt])),
    );
    for (const [i, { code, stdout, stderr }] of segments.entries()) {
      expect(code, stderr).toBe(2);
      const document = JSON.parse(stdout) as RunDocument;
      expect(document.verdict, document.reasons.join('\n')).toBe('inconclusive');
      expect(document.replay).toContain(`--segment ${i + 1}/3`);
    }
    const directories = SEGMENTS.map(index => onlyRun(folder(index)).directory);

    const merged = await squall([
      'merge',
      directories[2]!,
      directories[0]!,
      directories[1]!,
      '--out',
      join(out.path, 'merged'),
      '--json',
    ]);
    const document = JSON.parse(merged.stdout) as RunDocument;
    expect(document.verdict, document.reasons.join('\n')).toBe('pass');
    expect(merged.code).toBe(0);
    expect(document.segments?.map(({ index }) => index)).toEqual(SEGMENTS);
    // All were told the same instant; how exactly each met it is in the milliseconds.
    expect(document.spreadMs).toBeLessThan(50);
    expect(document.faults[0]!.evidence).toMatch(/segment 1: [\s\S]*segment 2: [\s\S]*segment 3: /);

    // Segments that start together have one salt.
    const salt = /--salt (\S+)/.exec(document.replay)![1]!;
    const alone = await squall([...run, '--out', join(out.path, 'alone'), '--salt', salt]);
    const one = JSON.parse(alone.stdout) as RunDocument;
    expect({ verdict: document.verdict, replay: document.replay }).toEqual({
      verdict: one.verdict,
      replay: one.replay.replace('/alone', '/segment-1'),
    });
    const counts = ({ load: { offered, sent, completed, failed, dropped } }: RunDocument) => ({
      offered,
      sent,
      completed,
      failed,
      dropped,
    });
    expect(counts(document)).toEqual(counts(one));
    // The same server, the same fault: 20 ms before it, 320 ms in it, whoever sends.
    const p50 = ({ windows }: RunDocument, name: string) => windows.find(window => window.name === name)!.ttftMs.p50!;
    for (const name of ['baseline', 'fault:slow']) {
      expect(p50(document, name) / p50(one, name)).toBeGreaterThan(0.5);
      expect(p50(document, name) / p50(one, name)).toBeLessThan(2);
    }
    const identities = async (directory: string) =>
      [...(await readRequests(directory))].map(({ index, scheduledMs, promptTokens, stage }) => ({
        index,
        scheduledMs,
        promptTokens,
        stage,
      }));
    const union = onlyRun(join(out.path, 'merged')).directory;
    expect(await identities(union)).toEqual(await identities(onlyRun(join(out.path, 'alone')).directory));

    // It stands by itself.
    for (const directory of directories.slice(1)) rmSync(directory, { recursive: true });
    const recheck = await squall(['recheck', union, '--json']);
    expect(JSON.parse(recheck.stdout)).toEqual(document);
    const lacking = await squall(['merge', directories[0]!, '--out', out.path]);
    expect(lacking.code).toBe(3);
    expect(lacking.stderr).toMatch(/2 of 3 segments are missing: 2\/3, 3\/3/);
    const doubled = await squall(['merge', directories[0]!, directories[0]!]);
    expect(doubled.stderr).toMatch(/are both segment 1 of 3/);
    const mixed = await squall(['merge', directories[0]!, union]);
    expect(mixed.code).toBe(3);
    expect(mixed.stderr).toMatch(/ran the whole load/);
  });

  it('among processes of one machine is one run', async () => {
    using out = temporaryFolder();
    await using server = await startFixture('../../e2e/fixtures/openai-server.ts');
    const { code, stdout } = await squall([
      'run',
      SCENARIO,
      '--target',
      server.said,
      '--out',
      out.path,
      '--workers',
      '2',
      '--json',
    ]);
    const document = JSON.parse(stdout) as RunDocument;
    expect(document.verdict, document.reasons.join('\n')).toBe('pass');
    expect(code).toBe(0);
    expect(document.load.completed).toBe(240);
    expect(document.replay).toContain('--workers 2');
    const indexes = [...(await readRequests(onlyRun(out.path).directory))].map(({ index }) => index);
    expect(indexes).toEqual([...Array(280).keys()]);
  });
});

/** What a person gives, the exit code, and what the message must name. */
const TABLE: readonly [string, string[], number, RegExp[]][] = [
  ['a segment beyond the last', ['--target', 'http://127.0.0.1:9', '--segment', '4/3'], 3, [/'4\/3'/, /i\/n/]],
  ['a segment before the first', ['--target', 'http://127.0.0.1:9', '--segment', '0/3'], 3, [/'0\/3'/]],
  ['a segment of a stack that only this machine has', ['--segment', '1/3'], 3, [/--target/, /--workers/]],
  ['no worker', ['--workers', '0'], 3, [/'0'/, /whole number/]],
  [
    'a bound that is too small for its workers',
    ['--workers', '4', '--set', 'load.maxInFlight=3', '--set', 'faults=[]'],
    3,
    [/load\.maxInFlight/, /at least 4/],
  ],
  ['a time too far away', ['--start-at', '2999-01-31T12:00:00Z'], 3, [/within a day/]],
  ['a time without a zone', ['--start-at', '2030-01-31T12:00:00'], 3, [/zone/]],
];

describe('a share that cannot be', () => {
  it.concurrent.each(TABLE)('%s', async (_, args, code, patterns) => {
    using out = temporaryFolder();
    await expectRefusal(['run', SCENARIO, '--out', out.path, ...args], code, patterns);
  });

  it.each([
    ['a run', []],
    ['a dry run', ['--dry-run']],
  ])('a start that has passed, before anything starts: %s', async (_, dryRun) => {
    using out = temporaryFolder();
    await using server = await startFixture('../../e2e/fixtures/openai-server.ts');
    const startAt = ['--start-at', '2020-01-01T00:00:00Z'];
    const args = ['run', SCENARIO, '--target', server.said, '--out', out.path, ...startAt, ...dryRun];
    await expectRefusal(args, 3, [/`--start-at`.*1 s from now \(20.*got 2020-01-01.*\n.*later/]);
    expect(readdirSync(out.path)).toEqual([]);
  });
});
