import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import type { RunPlan } from '../../harness/plan.ts';
import { expectRefusal, SMALL, squall, temporaryFolder } from './squall.ts';

/** A PATH with Node and nothing else but programs of these names; .tools/bin never has them. */
function pathWith(folder: string, ...programs: string[]): { PATH: string } {
  const PATH = join(folder, ['bin', ...programs].join('-'));
  mkdirSync(PATH);
  symlinkSync(join(dirname(process.execPath), 'node'), join(PATH, 'node'));
  for (const program of programs) {
    writeFileSync(join(PATH, program), '#!/bin/sh\necho 9.9.9\n');
    chmodSync(join(PATH, program), 0o755);
  }
  return { PATH };
}

it('a scenario that needs Redis is refused with exit 4 where there is none, and doctor says what to do', async () => {
  using out = temporaryFolder();
  const env = pathWith(out.path);
  const run = await squall(['run', 'redis-loss', '--out', out.path], env);
  expect(run.code, run.stderr).toBe(4);
  expect(run.stderr).toMatch(/Expected redis-server on PATH or in \.tools\/bin[\s\S]*→ Install Redis/);
  const doctor = await squall(['doctor', '--json'], env);
  expect(doctor.code).toBe(0);
  expect(JSON.parse(doctor.stdout)).toContainEqual({
    part: 'Redis',
    state: 'missing',
    version: '',
    advice: expect.stringContaining('apt-get install redis-server'),
  });
});

it('a replay repeats what auto came to: without Redis where one is now, and not without one where it was', async () => {
  using out = temporaryFolder();
  const auto = ['run', SMALL, '--set', 'stack.redis=auto', '--set', 'load.engine=auto', '--out', out.path];
  const [bare, equipped] = [pathWith(out.path), pathWith(out.path, 'redis-server')];
  // Its text says what was written, which a replay has instead of `auto`.
  const planned = async (args: readonly string[], env: NodeJS.ProcessEnv): Promise<Omit<RunPlan, 'source'>> => {
    const { source: _, ...plan } = JSON.parse((await squall([...args, '--dry-run', '--json'], env)).stdout) as RunPlan;
    return plan;
  };
  const argsOf = ({ replay }: Pick<RunPlan, 'replay'>) =>
    replay
      .split(' ')
      .slice(2)
      .map(word => word.replaceAll("'", ''));

  const without = await planned(auto, bare);
  expect(without.replay).toMatch(/ --set load\.engine=stream --set stack\.redis=off$/);
  expect((await planned(auto, equipped)).stack.redis).toMatchObject({ persistence: 'append-only' });
  expect(await planned(argsOf(without), equipped)).toEqual(without);

  const withRedis = await planned(auto, equipped);
  expect(withRedis.replay).toMatch(/ --set 'stack\.redis=\{\}'$/);
  expect(await planned(argsOf(withRedis), equipped)).toEqual(withRedis);
  await expectRefusal(argsOf(withRedis), 4, [/Expected redis-server on PATH or in \.tools\/bin/], bare);
});

it('a replay with other versions is refused, and says which', async () => {
  using out = temporaryFolder();
  const node = process.versions.node;
  const args = [
    'run',
    SMALL,
    '--set',
    'stack.timeScale=1000',
    '--out',
    out.path,
    '--versions',
    `node=${node},toxiproxy=0.0.1`,
  ];
  await expectRefusal(args, 4, [/pinned versions: toxiproxy 0\.0\.1, found \S+\n/, /leave --versions out/]);
  await expectRefusal(['run', SMALL, '--versions', 'node'], 3, [/such as nginx=1\.22\.1/]);
});
