import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { processesOfRun } from '../../harness/host/process-group.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import { startBare, startBareTls } from '../faults/slow-http/targets.ts';
import { authority } from '../stack/edge/fixtures/running-edge.ts';
import { expectRefusal, onlyRun, squall, start, temporaryFolder } from './squall.ts';

// A busy machine makes clients wait; a full pool makes them fail.
const PATIENT = [
  '--set',
  'slos.control-slowdown.objective=slowdown(p90(latency), fault:attack) <= 3 or 1500 ms',
  '--set',
  'load.idleTimeout=1s',
];
const SLOW = ['attack', 'slow-headers', '--rate', '150/s', '--for', '4s', '--control-rate', '60/s', ...PATIENT];
const POOL = { maxConnections: 100 };
const DEADLINE = { headersTimeout: 300, connectionsCheckingInterval: 100 };
const NO_DEADLINE = { headersTimeout: 0, requestTimeout: 0 };

describe('squall attack', () => {
  it.concurrent('attacks over TLS, with a control client that trusts whom it should', async () => {
    using folder = temporaryFolder();
    const trusted = join(folder.path, 'authority.pem');
    writeFileSync(trusted, authority.certificate);
    await using server = await startBareTls(DEADLINE);
    // A handshake costs a hundred times what a request does.
    const few = ['--connections', '40', '--control-rate', '40/s'];
    const attack = [...SLOW, ...few, '--target', server.url, '--out', folder.path];
    const refused = await squall(attack);
    const accepted = await Promise.all([
      squall(attack, { NODE_EXTRA_CA_CERTS: trusted }),
      squall([...attack, '--insecure']),
    ]);
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringMatching(/trusted certificate[\s\S]*--insecure/)]);
    for (const { code, stdout, stderr } of accepted) {
      expect(code, stdout + stderr).toBe(0);
      expect(stdout).toMatch(/closed by server after a median of \d+ ms.*408, FIN/);
    }
  });

  it.concurrent('calls a small pool without deadlines down, exits 1, and prints one document alone', async () => {
    using out = temporaryFolder();
    await using server = await startBare({ ...POOL, ...NO_DEADLINE });
    const attack = [...SLOW, '--connections', '150', '--target', server.url, '--out', out.path];
    const { code, stdout, stderr } = await squall([...attack, '--json']);
    const document = JSON.parse(stdout) as RunDocument & { result: string };
    expect([document.result, document.verdict, code], stderr).toEqual(['down', 'fail', 1]);
    expect(document).toMatchObject({ schema: 1, scenario: 'attack-slow-headers', target: server.url });
    expect(Math.max(...document.faults[0]!.attack!.map(({ open }) => open))).toBeGreaterThan(80);
    const during = document.windows.find(({ name }) => name === 'fault:attack')!;
    expect(during.failed).toBeGreaterThan(during.requests / 2);
    // Nothing stands in between.
    expect(document.versions).not.toHaveProperty('toxiproxy');
    expect(stderr).toMatch(/open/);
    const { directory } = onlyRun(out.path);
    const stored = await squall(['recheck', directory, '--json']);
    expect([stored.code, JSON.parse(stored.stdout).slos]).toEqual([1, document.slos]);
    expect((await squall(['report', directory])).stdout).toContain('report.html');
  });

  it.concurrent('calls the same pool with deadlines defended, and exits 0', async () => {
    using out = temporaryFolder();
    // 150 a second for at most 400 ms are 60 of the pool's 100.
    await using server = await startBare({ ...POOL, ...DEADLINE });
    const attack = [...SLOW, '--connections', '150', '--target', server.url, '--out', out.path];
    const { code, stdout, stderr } = await squall(attack);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/\ndefended {2}.*closed by server after a median of \d+ ms.*mostly with 408, FIN/);
  });

  it.concurrent('calls a server without deadlines whose places outlast the attack too weakly attacked, and exits 2', async () => {
    using out = temporaryFolder();
    await using server = await startBare(NO_DEADLINE);
    const attack = [...SLOW, '--connections', '300', '--target', server.url, '--out', out.path];
    const { code, stdout, stderr } = await squall(attack);
    expect(code, stdout + stderr).toBe(2);
    expect(stdout).toMatch(/too weak.* 0 of 300 connections.*Raise connections \(300\)/s);
    expect(stdout).toMatch(/✓ control-errors[\s\S]*✓ control-slowdown[\s\S]*\ninconclusive {2}/);
  });

  it.concurrent.each([
    ['http', startBare, []],
    ['https', startBareTls, ['--insecure']],
  ] as const)('goes over %s to whichever address of a name there is a server at', async (_, startServer, more) => {
    using out = temporaryFolder();
    await using server = await startServer({ host: '::1', ...DEADLINE });
    const target = server.url.replace('[::1]', 'two-addresses.invalid');
    const names = { NODE_OPTIONS: `--import=${new URL('fixtures/two-addresses.ts', import.meta.url)}` };
    const few = ['--connections', '40', '--control-rate', '40/s'];
    const attack = [...SLOW, ...few, '--target', target, '--out', out.path, ...more];
    const { code, stdout, stderr } = await squall(attack, names);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/peak 40 open/);
  });

  it.concurrent('asks a language model for chat on request, of the model that it lists', async () => {
    using out = temporaryFolder();
    await using server = await startBare(DEADLINE);
    const { code, stderr } = await squall([...SLOW, '--control', 'chat', '--target', server.url, '--out', out.path]);
    expect([code, stderr]).toEqual([4, expect.stringMatching(/to list a model at \/v1\/models, but/)]);
  });

  it('ends within two seconds of Ctrl-C, with 130 and what it saw, and lets go of the target', async () => {
    using out = temporaryFolder();
    await using server = await startBare({ maxConnections: 200 });
    const more = ['--for', '60s', '--connections', '190', '--target', server.url, '--out', out.path];
    const attack = start([...SLOW, ...more]);
    await attack.seen(/attack .*[1-9]\d+ open/);
    const askedMs = performance.now();
    attack.child.kill('SIGINT');
    const { code, stdout, stderr } = await attack.finished;
    expect(performance.now() - askedMs).toBeLessThan(2000);
    expect([code, stderr]).toEqual([130, '']);
    expect(stdout).toMatch(/interrupted by SIGINT[\s\S]*fault:attack[\s\S]*\ninconclusive {2}.*\d+ connections/);
    expect((await fetch(server.url)).status).toBe(200);
    expect(processesOfRun(onlyRun(out.path).document().id)).toEqual([]);
  });

  it.concurrent.each([
    [
      'another machine',
      ['slow-body', '--target', 'http://192.0.2.1'],
      3,
      /192\.0\.2\.1.*Nothing was sent[\s\S]*--i-own-this-target/,
    ],
    ['a name that nobody knows', ['slow-body', '--target', 'http://squall.invalid'], 4, /squall\.invalid/],
    ['nothing that listens', ['slow-body', '--target', 'http://127.0.0.1:1'], 4, /refused/],
    ['no attack', ['slow-hedders', '--target', 'http://127.0.0.1:1'], 3, /did you mean "slow-headers"/],
    [
      'too many connections',
      ['slow-body', '--target', 'http://127.0.0.1:1', '--connections', '15001'],
      3,
      /'--connections <n>' argument '15001' is invalid. Expected a whole number from 1 to 15000/,
    ],
    ['too long', ['slow-body', '--target', 'http://127.0.0.1:1', '--for', '2h'], 3, /--for.*1h/],
    [
      'an unknown parameter',
      ['slow-body', '--target', 'http://127.0.0.1:1', '--set', 'pieceByte=1'],
      3,
      /did you mean "pieceBytes"/,
    ],
    ['a socket file', ['slow-body', '--target', 'unix:/run/x.sock'], 3, /unix:\/run\/x\.sock[\s\S]*socat/],
    ['a path', ['slow-body', '--target', 'http://127.0.0.1:1/team'], 3, /HOST:PORT.*team[\s\S]*--path/],
    ['no target', ['slow-body'], 3, /--target/],
    ['a rate without a unit', ['slow-body', '--target', 'http://127.0.0.1:1', '--rate', '5'], 3, /--rate.*20\/s/],
  ])('refuses %s', async (_name, args, exit, words) => {
    await expectRefusal(['attack', ...args], exit, [words]);
  });
});
