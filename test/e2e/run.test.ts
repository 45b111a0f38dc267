import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readHistory } from '../../harness/history.ts';
import { processesOfRun } from '../../harness/host/process-group.ts';
import { requestIdOf } from '../../harness/requests.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { eventually } from '../until.ts';
import { answers, listeningPorts, onlyRun, SMALL, squall, start, temporaryFolder } from './squall.ts';

const REPORTS = ['run.json', 'report.html', 'junit.xml', 'summary.md'];
const hashes = (directory: string) =>
  REPORTS.map(name =>
    createHash('sha256')
      .update(readFileSync(join(directory, name)))
      .digest('hex'),
  );

describe('a run', () => {
  it('passes, leaves its artifacts, and is judged and rendered again to the same', async () => {
    using out = temporaryFolder();
    const { code, stdout, stderr } = await squall(['run', SMALL, '--out', out.path, '--json']);
    const run = onlyRun(out.path);
    const document = JSON.parse(stdout) as RunDocument;
    expect(document.verdict, document.reasons.join('\n')).toBe('pass');
    expect(code).toBe(0);
    expect(document).toEqual(run.document());
    expect(stderr).toMatch(/slow took effect/);
    expect(stderr).toMatch(/arrivals · 2 s of warm-up and 13 s of load/);
    expect(stderr).toMatch(/up {2}loading the model takes about 1 s at stack\.timeScale 120/);
    expect(document.replay).toContain(`--out ${out.path}`);
    const { squall: version } = document.versions;
    expect(document.replay).toMatch(new RegExp(` --versions \\S*\\bsquall=${version},toxiproxy=[^,]+$`));

    for (const file of Object.values(document.artifacts))
      expect(existsSync(join(run.directory, file)), file).toBe(true);
    // For this user alone: a scenario may contain keys, and prompts may be private.
    const files = ['.', ...readdirSync(run.directory, { recursive: true, encoding: 'utf8' })];
    expect(files.length).toBeGreaterThan(8);
    expect(files.filter(file => (statSync(join(run.directory, file)).mode & 0o077) !== 0)).toEqual([]);
    // 40/s over 13 s; the warm-up is not counted.
    expect(document.load.offered).toBeGreaterThan(440);
    expect(document.load.offered).toBeLessThan(600);
    expect(document.load.sent + document.load.dropped).toBe(document.load.offered);
    expect(document.load.completed + document.load.failed).toBe(document.load.sent);
    for (const fault of document.faults)
      expect(fault).toMatchObject({ healVerified: true, effectiveAtMs: expect.any(Number) });
    const windows = Object.fromEntries(document.windows.map(window => [window.name, window]));
    // Half of the requests cross the slowed link: its 300 ± 20 ms show in the upper quantiles, and not in the baseline.
    expect(windows['fault:slow']!.ttftMs.p90).toBeGreaterThan(280);
    expect(windows.baseline!.ttftMs.p50).toBeLessThan(280);
    expect(processesOfRun(document.id)).toEqual([]);

    // A record and a line in the log of a service find each other.
    const logged = readFileSync(join(run.directory, 'gateway-1.log'), 'utf8').matchAll(/"requestId":"(squall-[^"]+)"/g);
    const ids = new Set([...logged].map(([, id]) => id!));
    const records = [...(await readRequests(run.directory))];
    const served = records.filter(({ status }) => status === 200).map(record => requestIdOf(record, document.id));
    expect(served.length).toBeGreaterThan(440);
    expect(served.filter(id => !ids.has(id))).toEqual([]);

    // Two rounds before the start and eleven after it; a busy machine loses some, but none is made up.
    const samples = readHistory(join(run.directory, 'events.ndjson')).filter(event => event.type === 'sample');
    const rounds = samples.filter(({ seenMs }) => seenMs >= 0 && seenMs < 11_000).length;
    expect(rounds).toBeGreaterThanOrEqual(5);
    expect(rounds).toBeLessThanOrEqual(12);
    expect(samples[0]!.seenMs).toBeLessThan(0);
    const names = new Set(samples.flatMap(({ readings }) => Object.keys(readings)));
    expect([...names].sort()).toEqual(['gateway-1', 'inference-1', 'inference-2']);
    expect(readFileSync(join(run.directory, 'report.html'), 'utf8')).toContain('id="chart-queue"');

    const before = hashes(run.directory);
    const recheck = await squall(['recheck', 'last', '--out', out.path, '--json']);
    expect(recheck.code).toBe(0);
    expect(JSON.parse(recheck.stdout)).toEqual(document);
    const report = await squall(['report', document.id, '--out', out.path]);
    expect(report.code).toBe(0);
    expect(hashes(run.directory)).toEqual(before);
  });

  it.concurrent('heals, takes everything down and reports what it saw when interrupted in the middle of a fault', async () => {
    using out = temporaryFolder();
    const run = start(['run', SMALL, '--out', out.path]);
    await run.seen(/slow took effect/);
    const id = onlyRun(out.path).directory.split('/').at(-1)!;
    const pids = processesOfRun(id);
    const ports = listeningPorts(pids);
    expect(pids.length, 'gateway, two replicas, proxy, load').toBeGreaterThanOrEqual(5);
    expect(await answers(ports[0]!)).toBe(true);

    run.child.kill('SIGINT');
    const { code, stdout } = await run.finished;
    expect(code, stdout).toBe(130);
    const document = onlyRun(out.path).document();
    expect(document).toMatchObject({ exitCode: 130, interrupted: true });
    expect(document.verdict).not.toBe('pass');
    expect(document.faults[0], onlyRun(out.path).events()).toMatchObject({ id: 'slow', healVerified: true });
    expect(document.load.sent).toBeGreaterThan(40);
    expect(readFileSync(join(onlyRun(out.path).directory, 'report.html'), 'utf8')).toMatch(/interrupted/i);
    expect(processesOfRun(id)).toEqual([]);
    expect(await Promise.all(ports.map(answers))).not.toContain(true);
  });

  it.concurrent('leaves no process and no port behind when it is killed in the middle of a fault', async () => {
    using out = temporaryFolder();
    const run = start(['run', SMALL, '--out', out.path]);
    await run.seen(/slow took effect/);
    const { directory } = onlyRun(out.path);
    const id = directory.split('/').at(-1)!;
    const pids = processesOfRun(id);
    const ports = listeningPorts(pids);
    expect(pids.length).toBeGreaterThanOrEqual(5);
    run.child.kill('SIGKILL');
    await run.finished;
    expect(await eventually(() => processesOfRun(id).length === 0, 10_000), `left: ${processesOfRun(id)}`).toBe(true);
    // The toxic lived in the proxy, which is gone with its ports; a process that is ending loses its environment before its sockets.
    const silent = async () => !(await Promise.all(ports.map(answers))).includes(true);
    expect(await eventually(silent, 5000), `still open: ${ports}`).toBe(true);
    const recheck = await squall(['recheck', directory]);
    expect(recheck.code, 'what was seen until then can still be read').toBe(2);
    expect(recheck.stdout).toMatch(/the harness was killed during the run/);
    expect((await squall(['report', directory])).code).toBe(0);
    expect(readFileSync(join(directory, 'report.html'), 'utf8')).toMatch(/the harness was killed during the run/);
  });

  it('plans the same for the same seed, byte for byte, and something else for another', async () => {
    const plan = (seed: string) => squall(['run', 'node-loss', '--dry-run', '--json', '--seed', seed]);
    const [one, again, other] = await Promise.all([plan('7'), plan('7'), plan('8')]);
    expect(one.code).toBe(0);
    expect(one.stdout).toBe(again.stdout);
    expect(JSON.parse(one.stdout).arrivals.sha256).not.toBe(JSON.parse(other.stdout).arrivals.sha256);
    expect(JSON.parse(one.stdout).faults).toMatchObject([
      { id: 'slow-link', atMs: 12_000, forMs: 7000 },
      { id: 'kill' },
    ]);
  });

  it('is of a scenario in the list, with its SLOs and proofs counted', async () => {
    const { stdout } = await squall(['list']);
    expect(stdout).toMatch(/ node-loss {2}.*\n {4}5 SLOs, 3 proofs; covers A2/);
    expect(stdout).toMatch(/ retry-storm {2}.*\n {4}2 SLOs, 1 proof; covers B3/);
  });
});
