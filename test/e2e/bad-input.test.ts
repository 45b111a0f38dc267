import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectRefusal, SMALL, squall, start, temporaryFolder } from './squall.ts';

/** What a person does, the exit code, and what the message must name: what was found, what was expected, what to do. */
const TABLE: readonly [string, string[], number, RegExp[]][] = [
  ['unknown scenario', ['run', 'node-los'], 3, [/"node-los"/, /did you mean "node-loss"/, /squall list/]],
  ['unknown command', ['runn', 'node-loss'], 3, [/runn/, /run/]],
  ['unknown option', ['run', 'node-loss', '--sed', '1'], 3, [/--sed/, /--seed/]],
  ['seed that is no number', ['run', 'node-loss', '--seed', 'x'], 3, [/'x'/, /whole number/]],
  ['override without value', ['run', SMALL, '--set', 'stack'], 3, [/"stack"/, /path=value/]],
  ['override into the prototype', ['run', SMALL, '--set', '__proto__.x=1'], 3, [/__proto__/]],
  [
    'unknown key',
    ['run', SMALL, '--set', 'stack.inference.replica=2'],
    3,
    [/stack\.inference\.replica/, /did you mean "replicas"/],
  ],
  ['unknown key at the top', ['run', SMALL, '--set', 'slo=[]'], 3, [/`slo`/, /did you mean "slos"/]],
  [
    'unknown key of a fault',
    ['run', SMALL, '--set', 'faults.slow.latencyMs=2'],
    3,
    [/latencyMs/, /did you mean "latency"/],
  ],
  [
    'duration of an option',
    ['capacity', SMALL, '--budget', '5x'],
    3,
    [/'--budget <duration>'/, /'5x'.*a duration such as/],
  ],
  ['unknown kind of fault', ['run', SMALL, '--set', 'faults.slow.kind=latencey'], 3, [/latencey/, /latency/]],
  [
    'objective that does not parse',
    ['run', SMALL, '--set', 'slos.0.objective=errors below 1%'],
    3,
    [/errors below 1%/, /slos\[0\]\.objective/],
  ],
  [
    'window that cannot exist',
    ['run', SMALL, '--set', 'slos.0.window=fault:slwo'],
    3,
    [/fault:slwo/, /did you mean "fault:slow"/],
  ],
  [
    'recovery of an unknown fault',
    ['run', SMALL, '--set', 'slos.2.objective=recovery(kil) <= 1 s'],
    3,
    [/kil/, /did you mean "kill"/],
  ],
  [
    'fault on a link that does not exist',
    ['run', SMALL, '--set', 'faults.slow.on=gateway->inference-7'],
    3,
    [/inference-7/, /gateway→inference-1/],
  ],
  [
    'fault on a replica that does not exist',
    ['run', SMALL, '--set', 'faults.kill.on=inference-3'],
    3,
    [/inference-3/, /inference-2/],
  ],
  [
    'fault that only containers can have',
    ['run', SMALL, '--set', 'faults.kill={id: kill, kind: memory, on: inference-1, at: 1s, for: 1s, limitMiB: 64}'],
    3,
    [
      /`faults\[1\]\.kind`/,
      /platform process supports \(.*kill.*\), got "memory"/,
      /needs docker/,
      /--platform docker/,
    ],
  ],
  [
    'zone that does not exist',
    ['run', SMALL, '--set', 'faults.kill={id: kill, kind: zone-loss, on: zone-b, at: 1s, for: 1s}'],
    3,
    [/`faults\[1\]\.on`/, /a zone of this stack \(zone-a\)/, /did you mean "zone-a"/],
  ],
  [
    'partition where there is one zone',
    ['run', SMALL, '--set', 'faults.kill={id: kill, kind: zone-partition, on: zone-a|zone-b, at: 1s, for: 1s}'],
    3,
    [/`faults\[1\]\.on`/, /a boundary of this stack \(it has none\)/, /zone-a\|zone-b/],
  ],
  ['fault after the end', ['run', SMALL, '--set', 'faults.kill.at=60s'], 3, [/faults\[1\]\.at/, /60s/]],
  ['negative rate', ['run', SMALL, '--set', 'load.stages.0.at=-5/s'], 3, [/load\.stages\[0\]\.at/, /-5\/s/]],
  ['jitter above latency', ['run', SMALL, '--set', 'faults.slow.jitter=400ms'], 3, [/jitter/, /400ms/]],
  [
    'proof of no SLO',
    ['run', SMALL, '--set', 'proof.0.breaks=errors stay rar'],
    3,
    [/errors stay rar/, /did you mean "errors stay rare"/],
  ],
  ['unknown run', ['report', 'nothing-here'], 3, [/nothing-here/]],
  ['toxiproxy that is none', ['run', SMALL], 4, [/SQUALL_TOXIPROXY/, /no-such-binary/]],
];

describe('bad input', () => {
  it.concurrent.each(TABLE)('%s', async (name, args, code, patterns) => {
    using out = temporaryFolder();
    const env = name.startsWith('toxiproxy') ? { SQUALL_TOXIPROXY: '/no-such-binary' } : {};
    await expectRefusal(args[0] === 'run' ? [...args, '--out', out.path] : args, code, patterns, env);
  });

  it('a file that is no YAML names the line', async () => {
    using out = temporaryFolder();
    const file = join(out.path, 'broken.yaml');
    writeFileSync(file, 'name: broken\nstack: [1, 2\n');
    const { code, stderr } = await squall(['run', file]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/broken\.yaml[\s\S]*line [23]/);
  });

  it('a port that is taken', async () => {
    using out = temporaryFolder();
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const { code, stderr } = await squall(['run', SMALL, '--out', out.path, '--set', `stack.gateway.port=${port}`]);
    server.close();
    expect(code, stderr).toBe(4);
    expect(stderr).toMatch(new RegExp(`${port}`));
    expect(stderr).toMatch(/→ /);
  });

  it('an output folder that cannot be written', async () => {
    using out = temporaryFolder();
    // A file where a folder is needed stops root as well, whom permissions do not.
    const file = join(out.path, 'file');
    writeFileSync(file, '');
    chmodSync(file, 0o444);
    const { code, stderr } = await squall(['run', SMALL, '--out', join(file, 'runs')]);
    expect(code, stderr).toBe(4);
    expect(stderr).toMatch(/--out/);
  });

  it.skipIf(!existsSync('/proc/self'))('an output folder where no folder can be made', async () => {
    const command = start(['run', SMALL, '--out', '/proc/nope']);
    // Whoever spins hears no other signal.
    const limit = setTimeout(() => command.child.kill('SIGKILL'), 20_000);
    const { code, stderr } = await command.finished;
    clearTimeout(limit);
    expect(code, stderr).toBe(4);
    expect(stderr).toMatch(/--out.*\/proc\/nope.*ENOENT/);
  });

  it('a service that dies during start shows its last words', async () => {
    using out = temporaryFolder();
    const proxy = join(out.path, 'dying-proxy');
    writeFileSync(
      proxy,
      '#!/bin/sh\n[ "$1" = -version ] && echo "toxiproxy-server version 9" && exit\necho "no proxies today" >&2\nexit 7\n',
    );
    chmodSync(proxy, 0o755);
    const { code, stderr } = await squall(['run', SMALL, '--out', join(out.path, 'runs')], { SQUALL_TOXIPROXY: proxy });
    expect(code, stderr).toBe(4);
    expect(stderr).toMatch(/no proxies today/);
    expect(stderr).toMatch(/toxiproxy\.log/);
  });
});
