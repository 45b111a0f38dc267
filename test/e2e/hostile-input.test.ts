import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectRefusal, start, temporaryFolder } from './squall.ts';

const scenario = (load: object, more: object = {}) =>
  JSON.stringify({
    name: 'hostile',
    why: 'It comes from somebody else.',
    load: { stages: [{ at: '5/s', for: '10s' }], ...load },
    slos: [{ name: 'errors', objective: 'errors <= 1%' }],
    ...more,
  });
const trace = (file: string) => scenario({ arrivals: 'trace', stages: undefined, trace: { file } });
const bomb = `a: &a [x, x, x, x, x, x, x, x, x]\n${[...'bcdefgh'].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(', ')}]`).join('\n')}`;

describe('hostile input', () => {
  it.concurrent.each<[string, string, RegExp]>([
    ['an alias bomb', bomb, /its aliases cannot be resolved/],
    ['a trace that never begins', trace('./pipe'), /load\.trace\.file.*it is a named pipe/],
    ['a trace that never ends', trace('/dev/zero'), /load\.trace\.file.*it is a device/],
    ['100,000 unknown keys', Array.from({ length: 100_000 }, (_, i) => `k${i}: 1`).join('\n'), /larger than 256 KiB/],
    [
      'escapes in keys',
      scenario({ '\x1b[2J\x07\u202e\n✓ PASS': 1 }),
      /unknown key `load\.\\u001b\[2J\\u0007\\u202e\\u000a✓ PASS`/,
    ],
  ])('%s is refused in words, with exit 3', async (_, text, message) => {
    using folder = temporaryFolder();
    execFileSync('mkfifo', [join(folder.path, 'pipe')]);
    const file = join(folder.path, 'hostile.yaml');
    writeFileSync(file, text);
    const { stderr } = await expectRefusal(['run', file, '--dry-run'], 3, [message]);
    expect(stderr.length).toBeLessThan(5000);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  });

  it.concurrent.each(['SIGTERM', 'SIGINT'] as const)('a program that never ends hears %s', async signal => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'endless.ts');
    writeFileSync(file, "process.stdout.write('begun\\n');\nfor (;;);\nexport default {};\n");
    const command = start(['run', file, '--dry-run']);
    await command.seen(/begun/);
    const sentMs = performance.now();
    command.child.kill(signal);
    await command.finished;
    expect(command.child.signalCode).toBe(signal);
    expect(performance.now() - sentMs).toBeLessThan(2000);
  });

  it.concurrent('a stored run of somebody else is refused in words, with exit 4', async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, 'run'));
    writeFileSync(join(folder.path, 'run', 'events.ndjson'), '{"atMs": 0, "type": "plan"}\n');
    await expectRefusal(['recheck', join(folder.path, 'run')], 4, [/to contain the records of a run/, /→ /]);
  });

  it.concurrent('what a dry run prints of a scenario controls no terminal', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'hostile.json');
    const hostile = '\x1b]0;owned\x07\x9b31m\u202e\n✓ PASS';
    const slos = [{ name: hostile, objective: 'errors <= 1%' }];
    writeFileSync(
      file,
      scenario({ stages: [{ name: hostile, at: '5/s', for: '10s' }], model: hostile }, { why: hostile, slos }),
    );
    const { code, stdout, stderr } = await start(['run', file, '--dry-run']).finished;
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('\\u001b]0;owned');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(stdout.split('\n').filter(line => line.startsWith('✓'))).toEqual([]);
  });
});
