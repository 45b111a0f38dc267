import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseListen } from '../../stack/service-program.ts';

test.each([
  ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
  ['[::1]:0', { host: '::1', port: 0 }],
  ['localhost:65535', { host: 'localhost', port: 65_535 }],
])('LISTEN %s is parsed', (text, address) => {
  expect(parseListen(text)).toEqual(address);
});

test.each([undefined, '', '8080', 'host:', 'host:99999', '::1:80'])('LISTEN %j is rejected', text => {
  expect(() => parseListen(text)).toThrow('HOST:PORT');
});

// Every write to this device fails with ENOSPC.
test.skipIf(!existsSync('/dev/full')).concurrent.each(['at-once', 'in-batches'])(
  'a service whose log (%s) is on a full disk goes on, and stops when it is told to',
  async how => {
    const program = join(import.meta.dirname, 'fixtures/logs-on.ts');
    const stdio = ['ignore', openSync('/dev/full', 'w'), 'pipe'] as const;
    const child = spawn(process.execPath, [program, how], {
      stdio: [...stdio],
      timeout: 10_000,
      killSignal: 'SIGKILL',
    });
    const ended = once(child, 'close');
    let stderr = '';
    for await (const chunk of child.stderr! as AsyncIterable<Buffer>) {
      stderr += chunk;
      if (stderr.includes('\n20\n')) child.kill('SIGTERM');
    }
    expect(await ended).toEqual([0, null]);
    expect(stderr).toMatch(/^1\n2\n(?:\d+\n)+$/);
  },
);
