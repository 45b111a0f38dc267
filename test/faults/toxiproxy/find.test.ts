import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findToxiproxy } from '../../../faults/toxiproxy/find.ts';

const FLAGS = ['-host', '127.0.0.1', '-port', '8474'];

describe('findToxiproxy', () => {
  let directory: string;
  let good: string;
  let bad: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'squall-find-'));
    good = await program('good', 'echo toxiproxy-server version 2.12.0');
    bad = await program('bad', 'echo something else');
  });
  afterAll(() => rm(directory, { recursive: true }));

  async function program(folder: string, line: string): Promise<string> {
    await mkdir(join(directory, folder));
    const path = join(directory, folder, 'toxiproxy-server');
    await writeFile(path, `#!/bin/sh\n${line}\n`);
    await chmod(path, 0o755);
    return path;
  }
  const find = (env: NodeJS.ProcessEnv, tools = 'nowhere') =>
    findToxiproxy({ host: '127.0.0.1', port: 8474, seed: 7, env, toolsDirectory: join(directory, tools) });

  it('takes the one on PATH, passing over a file that is not Toxiproxy', async () => {
    const found = await find({ PATH: `${join(directory, 'bad')}:${join(directory, 'good')}` }, 'good');
    expect(found).toEqual({ command: good, args: FLAGS, source: 'PATH', version: '2.12.0' });
  });

  it('takes the one in .tools/bin when PATH has none', async () => {
    expect(await find({ PATH: '' }, 'good')).toMatchObject({ command: good, source: '.tools/bin' });
  });

  it('falls back on the embedded one', async () => {
    const { command, args, source } = await find({ PATH: '' });
    expect([command, source]).toEqual([process.execPath, 'embedded']);
    expect(args.slice(2)).toEqual([...FLAGS, '-seed', '7']);
  });

  it('obeys SQUALL_TOXIPROXY', async () => {
    const PATH = join(directory, 'good');
    expect(await find({ PATH, SQUALL_TOXIPROXY: 'embedded' })).toMatchObject({ source: 'embedded' });
    expect(await find({ PATH: '', SQUALL_TOXIPROXY: good })).toMatchObject({
      command: good,
      source: 'SQUALL_TOXIPROXY',
    });
    await expect(find({ PATH, SQUALL_TOXIPROXY: bad })).rejects.toMatchObject({ code: 'TOXIPROXY_NOT_FOUND' });
    await expect(find({ PATH, SQUALL_TOXIPROXY: '/nowhere' })).rejects.toMatchObject({ kind: 'environment' });
  });
});

describe('the embedded program', () => {
  const run = async (...flags: string[]) => {
    const { command, args } = await findToxiproxy({
      host: '',
      port: 0,
      seed: 1,
      env: { SQUALL_TOXIPROXY: 'embedded' },
    });
    return spawnSync(command, [...args.slice(0, 2), ...flags], { encoding: 'utf8', timeout: 10_000 });
  };

  it('ends with 1 and one clear line when its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { status, stderr } = await run('--host=127.0.0.1', '--port', String(port));
    other.close();
    expect(status).toBe(1);
    expect(stderr).toBe(`toxiproxy-server (embedded): 127.0.0.1:${port} is already in use\n`);
  });

  it.each([
    [['-version'], 0, /^toxiproxy-server version \S+-embedded\n$/],
    [['-porto', '1'], 2, /not defined: -porto/],
    [['-port'], 2, /needs an argument: -port/],
    [['-port', '70000'], 2, /0…65535, got 70000/],
  ])('%j ends with %i', async (flags, expected, text) => {
    const { status, stdout, stderr } = await run(...flags);
    expect(status).toBe(expected);
    expect(stdout + stderr).toMatch(text);
  });
});
