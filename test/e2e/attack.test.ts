import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AttackDocument } from '../../scenarios/attack/session.ts';
import { startBare, startBareTls } from '../faults/slow-http/targets.ts';
import { authority } from '../stack/edge/fixtures/running-edge.ts';
import { expectRefusal, squall, start, temporaryFolder } from './squall.ts';

const SHORT = [
  '--for',
  '3s',
  '--baseline',
  '1s',
  '--after',
  '200ms',
  '--victim-timeout',
  '1s',
  '--victim-rate',
  '60/s',
];
const SLOW = ['attack', 'slow-headers', '--connections', '150', '--rate', '150/s', ...SHORT];

describe('squall attack', () => {
  it('calls a small pool without deadlines down, exits 1, and prints one document alone', async () => {
    await using server = await startBare({ maxConnections: 100 });
    const { code, stdout, stderr } = await squall([...SLOW, '--target', server.url, '--json']);
    const document = JSON.parse(stdout) as AttackDocument;
    expect([document.verdict, code], stderr).toEqual(['down', 1]);
    expect(document).toMatchObject({ schema: 1, kind: 'slow-headers', target: server.url });
    expect(document.attack.peakHeld).toBeGreaterThan(80);
    expect(document.victim.before.failed).toBe(0);
    expect(document.victim.during.failed).toBeGreaterThan(document.victim.during.requests / 2);
    expect(stderr).toMatch(/held/);
  });

  it('calls the same pool with deadlines defended, and exits 0', async () => {
    // 150 a second for at most 400 ms are 60 of the pool's 100.
    await using server = await startBare({
      maxConnections: 100,
      headersTimeout: 300,
      connectionsCheckingInterval: 100,
    });
    const { code, stdout, stderr } = await squall([...SLOW, '--target', server.url]);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/defended {2}0 of \d+ ordinary requests failed/);
    expect(stdout).toMatch(/evicted after a median of \d+ ms.*408, FIN ×\d+/);
    // A sample a second for 3 s, and one at the end.
    expect(stdout).toMatch(
      / {2}held {6}[▁-█]{3,6} {2}at most \d+, over [\d.]+ s\n {2}closed {4}▁[▁-█]{2,5} {2}\d+, over/,
    );
  });

  it('attacks over TLS, with an ordinary client that trusts whom it should', async () => {
    using folder = temporaryFolder();
    const trusted = join(folder.path, 'authority.pem');
    writeFileSync(trusted, authority.certificate);
    await using server = await startBareTls({
      maxConnections: 100,
      headersTimeout: 300,
      connectionsCheckingInterval: 100,
    });
    const attack = [...SLOW, '--target', server.url];
    const [refused, told, insecure] = await Promise.all([
      squall(attack),
      squall([...attack, '--connections', '40'], { NODE_EXTRA_CA_CERTS: trusted }),
      squall([...attack, '--connections', '40', '--insecure']),
    ]);
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringMatching(/trusted here[\s\S]*--insecure/)]);
    for (const { code, stdout, stderr } of [told, insecure]) {
      expect(code, stdout + stderr).toBe(0);
      expect(stdout).toMatch(/evicted after a median of \d+ ms.*408, FIN ×\d+/);
    }
  });

  it.each([
    ['http', startBare, []],
    ['https', startBareTls, ['--insecure']],
  ] as const)('goes over %s to whichever address of a name there is a server at', async (_, startServer, more) => {
    await using server = await startServer({ host: '::1' });
    const target = server.url.replace('[::1]', 'two-addresses.invalid');
    const names = { NODE_OPTIONS: `--import=${new URL('fixtures/two-addresses.ts', import.meta.url)}` };
    const attack = [...SLOW, '--connections', '40', '--target', target, ...more];
    const { code, stdout, stderr } = await squall(attack, names);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/40 connections, at most 40 at once, 0 refused/);
  });

  it('cannot tell from a handful of requests, and exits 2', async () => {
    await using server = await startBare({});
    const few = ['--for', '1s', '--baseline', '1s', '--after', '0s', '--victim-rate', '10/s', '--quiet'];
    const { code, stdout } = await squall(['attack', 'slow-headers', '--target', server.url, ...few]);
    expect(code, stdout).toBe(2);
    expect(stdout).toMatch(/inconclusive/);
  });

  it('ends within two seconds of Ctrl-C, with 130 and what it saw, and lets go of the target', async () => {
    await using server = await startBare({ maxConnections: 200 });
    const attack = start([...SLOW, '--for', '60s', '--connections', '190', '--target', server.url]);
    await attack.seen(/[1-9]\d+ held/);
    const askedMs = performance.now();
    attack.child.kill('SIGINT');
    const { code, stdout, stderr } = await attack.finished;
    expect(performance.now() - askedMs).toBeLessThan(2000);
    expect([code, stderr]).toEqual([130, '']);
    expect(stdout).toMatch(/interrupted by SIGINT\n +attacker +\d+ connections[\s\S]*\n +before +0 of [1-9]/);
    expect((await fetch(server.url)).status).toBe(200);
  });

  it('says so where Ctrl-C came before the attack', async () => {
    await using server = await startBare({});
    const attack = start([...SLOW, '--baseline', '60s', '--target', server.url]);
    await attack.seen(/victim/);
    attack.child.kill('SIGINT');
    const { code, stderr } = await attack.finished;
    expect([code, stderr]).toEqual([130, 'squall: interrupted by SIGINT\n']);
  });

  it.each([
    [
      'another machine',
      ['slow-body', '--target', 'http://192.0.2.1'],
      3,
      /192\.0\.2\.1.*Nothing was sent[\s\S]*--i-own-this-target/,
    ],
    ['a name that nobody knows', ['slow-body', '--target', 'http://squall.invalid'], 4, /squall\.invalid/],
    ['nothing that listens', ['slow-body', '--target', 'http://127.0.0.1:1', '--baseline', '300ms'], 4, /refused/],
    ['no attack', ['slow-hedders', '--target', 'http://127.0.0.1:1'], 3, /did you mean "slow-headers"/],
    [
      'too many connections',
      ['slow-body', '--target', 'http://127.0.0.1:1', '--connections', '15001'],
      3,
      /`connections` to be a whole number from 1 to 15000.*, got 15001/,
    ],
    ['too long', ['slow-body', '--target', 'http://127.0.0.1:1', '--for', '2h'], 3, /--for.*1h/],
    [
      'an unknown parameter',
      ['slow-body', '--target', 'http://127.0.0.1:1', '--set', 'pieceByte=1'],
      3,
      /did you mean "pieceBytes"/,
    ],
    ['no target', ['slow-body'], 3, /--target/],
    ['a rate without a unit', ['slow-body', '--target', 'http://127.0.0.1:1', '--rate', '5'], 3, /--rate.*20\/s/],
  ])('refuses %s', async (_name, args, exit, words) => {
    await expectRefusal(['attack', ...args], exit, [words]);
  });
});
