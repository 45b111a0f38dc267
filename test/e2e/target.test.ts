import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { processesOfRun } from '../../harness/host/process-group.ts';
import { findK6 } from '../../load/k6/program/find.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { makeAuthority } from '../../stack/edge/certificates.ts';
import { startFixture } from '../load/rig.ts';
import { missing } from '../require.ts';
import { eventually } from '../until.ts';
import { answers, expectRefusal, listeningPorts, onlyRun, squall, start, temporaryFolder } from './squall.ts';

const SCENARIO = join(import.meta.dirname, 'fixtures/target.yaml');
const noK6 = missing('k6', (await findK6()) !== undefined);
const SECRET = 'sk-very-secret';
const startServer = (options: object = {}) =>
  startFixture('../../e2e/fixtures/openai-server.ts', JSON.stringify(options));
const run = (out: string, target: string, ...more: string[]) => [
  'run',
  SCENARIO,
  '--out',
  out,
  '--target',
  target,
  ...more,
];

/** What the fixture tells of the requests it got. */
interface Seen {
  readonly indexes: readonly number[];
  readonly hosts: readonly string[];
  readonly models: readonly string[];
  readonly paths: readonly string[];
}

/** Every file of a run in one string, for what must be in none of them. */
const everything = (directory: string) =>
  readdirSync(directory)
    .map(file => readFileSync(join(directory, file), 'latin1'))
    .join('\n');

describe('a run against a server that Squall did not start', () => {
  // The longest first, beside which the others run.
  it.concurrent('shows that an SLO could have failed, by what changes around the server', async () => {
    using out = temporaryFolder();
    await using server = await startServer();
    const prove = ['prove', SCENARIO, '--target', server.said, '--out', out.path, '--json'];
    const shown = await squall(prove);
    expect(JSON.parse(shown.stdout).proofs, shown.stderr).toMatchObject([{ outcome: 'holds' }]);
    expect(shown.code).toBe(0);
    const inside = await squall([...prove, '--set', 'proof.0.set={stack.gateway.retries: 0}']);
    expect(inside.code, inside.stderr).toBe(3);
    expect(inside.stderr).toMatch(/stack\.gateway\.retries[\s\S]*proof/);
  });

  it.concurrent('passes, with a link fault that takes effect, and names the target but not the token', async () => {
    using out = temporaryFolder();
    await using server = await startServer({ authorization: `Bearer ${SECRET}` });
    const metrics = ['--metrics', server.said];
    // A proxy, which would be asked for everything but what it is told to leave alone.
    let proxied = 0;
    const proxy = createServer(socket => {
      proxied += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const through = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'].flatMap(name => [name, name.toLowerCase()]);
    const { code, stdout, stderr } = await squall(run(out.path, `${server.said}/v1`, '--json', ...metrics), {
      SQUALL_TARGET_AUTHORIZATION: SECRET,
      NODE_USE_ENV_PROXY: '1',
      ...Object.fromEntries(proxies.map(name => [name, through])),
    });
    proxy.close();
    expect(proxied).toBe(0);
    const document = JSON.parse(stdout) as RunDocument;
    expect(document.verdict, document.reasons.join('\n')).toBe('pass');
    expect(code).toBe(0);
    expect(document).toMatchObject({ platform: 'external', target: server.said });
    expect(document.replay).toContain(`--target ${server.said}/v1`);
    expect(document.versions).toHaveProperty('toxiproxy');
    const windows = Object.fromEntries(document.windows.map(window => [window.name, window]));
    // 300 ± 20 ms on top of 20 ms, in one direction, for whoever crosses the link, which is everybody.
    expect(windows['fault:slow']!.ttftMs.p50).toBeGreaterThan(280);
    expect(windows['fault:slow']!.ttftMs.p50).toBeLessThan(600);
    expect(windows.baseline!.ttftMs.p50).toBeLessThan(250);
    expect(document.faults).toMatchObject([{ id: 'slow', target: 'client→target', healVerified: true }]);

    const { hosts, models, paths, indexes } = (await (await fetch(`${server.said}/seen`)).json()) as Seen;
    // The server is asked for by its own name, not by the address of the link.
    expect({ hosts, models, paths }).toEqual({
      hosts: [new URL(server.said).host],
      models: ['tiny'],
      paths: ['/v1/chat/completions'],
    });
    // 40 of the warm-up, and the one by which it was ready.
    expect(indexes.length).toBe(document.load.sent + 41);
    expect(document.ready).toMatchObject({ attempts: 1 });
    expect(document.upstreams).toMatchObject([{ name: 'fixture-1', requests: document.load.sent }]);
    // Its own metrics, asked for with the same key.
    expect(document.metrics).toEqual([`${server.said}/metrics`]);
    expect(document.replay).toContain(`--metrics ${server.said}`);
    const { queries, hits } = document.prefixCache!;
    expect(queries).toBeGreaterThan(1000);
    expect(hits / queries).toBeCloseTo(0.4);
    const { directory } = onlyRun(out.path);
    expect(readFileSync(join(directory, 'report.html'), 'utf8')).toContain('prefix cache hits, all');
    for (const text of [everything(directory), stdout, stderr]) expect(text).not.toContain(SECRET);
    expect(processesOfRun(document.id)).toEqual([]);
  });

  it.concurrent('speaks TLS to a server by its own name, through the link', async () => {
    using out = temporaryFolder();
    const authority = await makeAuthority(new Date());
    const { certificate: cert, key } = await authority.issue({ names: ['localhost'] });
    await using server = await startServer({ cert, key });
    const target = server.said.replace('127.0.0.1', 'localhost');
    const ca = join(out.path, 'ca.pem');
    writeFileSync(ca, authority.certificate);

    const stranger = await squall(run(join(out.path, 'a'), target));
    expect(stranger.code, stranger.stderr).toBe(4);
    expect(stranger.stderr).toMatch(/certificate[\s\S]*NODE_EXTRA_CA_CERTS/);
    // Right authority, wrong name.
    const misnamed = await squall(run(join(out.path, 'b'), server.said), { NODE_EXTRA_CA_CERTS: ca });
    expect(misnamed.code, misnamed.stderr).toBe(4);
    expect(misnamed.stderr).toMatch(/certificate/);

    const runs = join(out.path, 'c');
    // A probe over TLS pays the latency for its handshake too, so that three of them take two seconds.
    const longer = ['--set', 'faults.slow.for=3500ms', '--set', 'load.stages.0={at: 30/s, for: 9s}'];
    longer.push('--set', 'load.upstreamHeader=Content-Type');
    const { code, stdout } = await squall(run(runs, target, '--json', ...longer), { NODE_EXTRA_CA_CERTS: ca });
    const document = JSON.parse(stdout) as RunDocument;
    expect(code, document.reasons.join('\n')).toBe(0);
    expect(document.faults).toMatchObject([{ healVerified: true, effectiveAtMs: expect.any(Number) }]);
    expect(document.windows.find(({ name }) => name === 'fault:slow')!.ttftMs.p50).toBeGreaterThan(280);
    expect(document.upstreams).toMatchObject([{ name: 'text/event-stream', failed: 0 }]);
  });

  it.concurrent('rejects autocannon over TLS, which would trust any certificate', async () => {
    const scenario = join(import.meta.dirname, 'fixtures/target-latency.yaml');
    const probe = ['load.engine=autocannon', 'load.connections=4', 'load.stages.0={for: 8s}'];
    const args = ['run', scenario, '--target', 'https://localhost:1', ...probe.flatMap(change => ['--set', change])];
    const { code, stderr } = await squall(args);
    expect(code).toBe(3);
    expect(stderr).toMatch(/`load\.engine`.*https.*autocannon/);
  });

  // Whole latencies, which every engine sees; 300 ms on top of 25, for requests that cross the link.
  it.concurrent('fails with exit 1 when an SLO does not hold, and with 4 when the server lets nobody in', async () => {
    using out = temporaryFolder();
    await using server = await startServer({ authorization: `Bearer ${SECRET}` });
    const tight = ['--set', 'slos.0={name: quick throughout, objective: p99(ttft) <= 100 ms}'];
    const failed = await squall(run(out.path, server.said, '--authorization', `Bearer ${SECRET}`, ...tight));
    expect(failed.code, failed.stdout).toBe(1);
    const refused = await squall(run(out.path, server.said, '--authorization', 'wrong'));
    expect(refused.code, refused.stdout).toBe(4);
    expect(refused.stderr).toMatch(/rejects it: .*401[\s\S]*SQUALL_TARGET_AUTHORIZATION/);
  });

  it.concurrent('leaves the server alone, and nothing of its own, when it is killed in the middle of a fault', async () => {
    using out = temporaryFolder();
    await using server = await startServer();
    const started = start(run(out.path, server.said, '--workers', '2'));
    await started.seen(/slow took effect/);
    const { directory } = onlyRun(out.path);
    const id = directory.split('/').at(-1)!;
    const pids = processesOfRun(id);
    expect(pids.length, 'proxy and two workers').toBeGreaterThanOrEqual(3);
    const ports = listeningPorts(pids);
    started.child.kill('SIGKILL');
    await started.finished;
    expect(await eventually(() => processesOfRun(id).length === 0, 10_000), `left: ${processesOfRun(id)}`).toBe(true);
    // A process that is ending loses its environment before its sockets.
    const silent = async () => !(await Promise.all(ports.map(answers))).includes(true);
    expect(await eventually(silent, 5000), `still open: ${ports}`).toBe(true);
    expect((await fetch(`${server.said}/seen`)).status).toBe(200);
  });

  // k6 takes both cores for a moment.
  it('is driven by k6 as well, over TLS and by its own name', async ({ skip }) => {
    if (noK6) skip(noK6);
    using out = temporaryFolder();
    const authority = await makeAuthority(new Date());
    const { certificate: cert, key } = await authority.issue({ names: ['localhost'] });
    await using server = await startServer({ cert, key, authorization: `Bearer ${SECRET}` });
    const target = server.said.replace('127.0.0.1', 'localhost');
    const ca = join(out.path, 'ca.pem');
    writeFileSync(ca, authority.certificate);
    const scenario = join(import.meta.dirname, 'fixtures/target-latency.yaml');
    const { code, stdout, stderr } = await squall(
      ['run', scenario, '--out', join(out.path, 'runs'), '--target', target, '--json', '--set', 'load.engine=k6'],
      { NODE_EXTRA_CA_CERTS: ca, SQUALL_TARGET_AUTHORIZATION: SECRET },
    );
    expect(stdout, stderr).toMatch(/^\{/);
    const document = JSON.parse(stdout) as RunDocument;
    expect(code, `${document.reasons}\n${stderr}`).toBe(0);
    expect(document.load.engine).toBe('k6');
    expect(document.faults).toMatchObject([{ healVerified: true, effectiveAtMs: expect.any(Number) }]);
    const windows = Object.fromEntries(document.windows.map(window => [window.name, window]));
    expect(windows['fault:slow']!.latencyMs.p50).toBeGreaterThan(280);
    expect(windows.baseline!.latencyMs.p50).toBeLessThan(250);
    expect(processesOfRun(document.id)).toEqual([]);
  });
});

/** What a person gives, the exit code, and what the message must name. */
const TABLE: readonly [string, string[], number, RegExp[]][] = [
  ['nobody there', ['--target', 'http://127.0.0.1:9'], 4, [/127\.0\.0\.1:9/, /refused/, /Start your server/]],
  ['a name of nobody', ['--target', 'http://llm.invalid'], 4, [/llm\.invalid/, /→ /]],
  ['somebody else', ['--target', 'http://192.0.2.1'], 3, [/192\.0\.2\.1/, /--i-own-this-target/]],
  ['no URL', ['--target', '127.0.0.1:80'], 3, [/"127\.0\.0\.1:80"/, /http:\/\//]],
  ['platform without target', ['--platform', 'external'], 3, [/--target/]],
  [
    'target on another platform',
    ['--platform', 'docker', '--target', 'http://127.0.0.1:9'],
    3,
    [/docker/, /--platform/],
  ],
  ['token without target', ['--authorization', SECRET], 3, [/--target/]],
  ['a token that is none', ['--target', 'http://127.0.0.1:9', '--authorization', 'a\nb'], 3, [/ASCII/]],
  [
    'a change of the stack',
    ['--target', 'http://127.0.0.1:9', '--set', 'stack.gateway.retries=0'],
    3,
    [/stack\.gateway\.retries/, /load\.model/],
  ],
];

describe('a target that cannot be', () => {
  it.concurrent.each(TABLE)('%s', async (_, args, code, patterns) => {
    using out = temporaryFolder();
    const finished = await expectRefusal(['run', SCENARIO, '--out', out.path, ...args], code, patterns);
    expect(finished.stderr).not.toContain(SECRET);
  });
});
