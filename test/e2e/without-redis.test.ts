import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { squall, temporaryFolder } from './squall.ts';

it('a scenario that needs Redis is refused with exit 4 where there is none, and doctor says what to do', async () => {
  using out = temporaryFolder();
  // A PATH with Node and nothing else; .tools/bin never has Redis.
  const PATH = join(out.path, 'bin');
  mkdirSync(PATH);
  symlinkSync(join(dirname(process.execPath), 'node'), join(PATH, 'node'));
  const run = await squall(['run', 'redis-loss', '--out', out.path], { PATH });
  expect(run.code, run.stderr).toBe(4);
  expect(run.stderr).toMatch(/Expected redis-server on PATH or in \.tools\/bin[\s\S]*→ Install Redis/);
  const doctor = await squall(['doctor', '--json'], { PATH });
  expect(doctor.code).toBe(0);
  expect(JSON.parse(doctor.stdout)).toContainEqual({
    part: 'Redis',
    state: 'missing',
    version: '',
    advice: expect.stringContaining('apt-get install redis-server'),
  });
});
