import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../harness/clock.ts';
import { configureTestcontainers, engineError, engineSocket, findEngine } from '../../../platform/docker/engine.ts';
import { removeLabelled } from '../../../platform/docker/remove-labelled.ts';
import { expectRefusal, temporaryFolder } from '../../e2e/squall.ts';

const NODE_LOSS = ['run', 'node-loss', '--platform', 'docker'];

/** Engine with `responses` by path; other paths return 404. */
async function fakeEngine(folder: string, responses: Readonly<Record<string, unknown>>) {
  const socketPath = join(folder, 'docker.sock');
  const server = createServer((request, response) => {
    const body = responses[request.url!.split('?')[0]!];
    response.statusCode = body === undefined ? 404 : 200;
    response.end(JSON.stringify(body ?? { message: 'no such thing' }));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return { socketPath, [Symbol.dispose]: () => void server.close() };
}

describe('finding a Docker engine', () => {
  it.each([
    [
      'no engine',
      { DOCKER_HOST: 'unix:///no/such.sock' },
      [/No Docker engine is running at \/no\/such\.sock/, /→ Start the Docker engine/],
    ],
    [
      'an engine on another machine',
      { DOCKER_HOST: 'tcp://127.0.0.1:2375' },
      [/tcp:\/\/127\.0\.0\.1:2375/, /→ Unset DOCKER_HOST/],
    ],
  ])('%s: exit 4 with a next step', async (_, env, patterns) => {
    using out = temporaryFolder();
    await expectRefusal([...NODE_LOSS, '--out', out.path], 4, patterns, env);
  });

  it('an engine without the images: exit 4, build them', async () => {
    using out = temporaryFolder();
    using engine = await fakeEngine(out.path, { '/info': { ServerVersion: '99', NCPU: 2 } });
    const env = { DOCKER_HOST: `unix://${engine.socketPath}` };
    const patterns = [/no image squall\/service\n {2}→ Run `npm run images`/];
    await expectRefusal([...NODE_LOSS, '--out', join(out.path, 'runs')], 4, patterns, env);
  });

  it.each([
    ['ENOENT', 'NO_DOCKER_ENGINE', 'Start'],
    ['ECONNREFUSED', 'NO_DOCKER_ENGINE', 'Start'],
    ['EACCES', 'DOCKER_FORBIDDEN', 'usermod'],
    ['ECONNRESET', 'DOCKER_FAILED', 'log'],
  ])('%s: %s', (cause, code, next) => {
    const error = engineError('/var/run/docker.sock', Object.assign(new Error(cause), { code: cause }));
    expect(error).toMatchObject({ kind: 'environment', code, next: expect.stringContaining(next) });
  });

  it.skipIf(process.geteuid?.() !== 0)('an engine that an unprivileged user is not allowed to use', async () => {
    using folder = temporaryFolder();
    using engine = await fakeEngine(folder.path, { '/info': { ServerVersion: '99', NCPU: 2 } });
    expect(await findEngine(engine.socketPath)).toMatchObject({ version: '99' });
    const NOBODY = 65_534;
    process.seteuid!(NOBODY);
    try {
      const error = await findEngine(engine.socketPath).catch(e => e);
      expect(error).toMatchObject({ kind: 'environment', code: 'DOCKER_FORBIDDEN' });
    } finally {
      process.seteuid!(0);
    }
  });

  it('prefers DOCKER_HOST to the usual sockets', () => {
    expect(engineSocket({ DOCKER_HOST: 'unix:///run/user/1000/docker.sock' })).toBe('/run/user/1000/docker.sock');
  });

  it('uses Ryuk only where its image is present, unless configured otherwise', async () => {
    using folder = temporaryFolder();
    const info = { '/info': { ServerVersion: '99', NCPU: 2 } };
    using engine = await fakeEngine(folder.path, {
      ...info,
      '/images/testcontainers/ryuk:0.14.0/json': { Id: 'sha256:1' },
    });
    using other = temporaryFolder();
    using without = await fakeEngine(other.path, info);
    const disabledFor = async (socketPath: string, env: NodeJS.ProcessEnv = {}) => {
      await configureTestcontainers(await findEngine(socketPath), env);
      return env.TESTCONTAINERS_RYUK_DISABLED;
    };
    expect(await disabledFor(engine.socketPath)).toBeUndefined();
    expect(await disabledFor(without.socketPath)).toBe('true');
    expect(await disabledFor(without.socketPath, { TESTCONTAINERS_RYUK_DISABLED: 'false' })).toBe('false');
  });
});

describe('removeLabelled', () => {
  it('reports an engine that does not respond, or a resource that remains', async () => {
    using folder = temporaryFolder();
    const options = { label: 'squall.run=x', clock: systemClock, limitMs: 300 };
    const gone = await removeLabelled({ ...options, socketPath: join(folder.path, 'none.sock') });
    expect(gone).toMatchObject({ isClean: false, containers: [] });
    // This one always lists a container, even after removing it.
    const stays = { '/containers/json': [{ Id: 'abcdefabcdef0123' }], '/networks': [], '/volumes': { Volumes: null } };
    using engine = await fakeEngine(folder.path, stays);
    expect(await removeLabelled({ ...options, socketPath: engine.socketPath })).toMatchObject({
      isClean: false,
      containers: ['abcdefabcdef'],
    });
  });

  it('is done at once where there is nothing', async () => {
    using folder = temporaryFolder();
    using engine = await fakeEngine(folder.path, {
      '/containers/json': [],
      '/networks': [],
      '/volumes': { Volumes: [] },
    });
    const removed = await removeLabelled({
      socketPath: engine.socketPath,
      label: 'squall.run=x',
      clock: systemClock,
      limitMs: 2000,
    });
    expect(removed).toMatchObject({ isClean: true, containers: [], networks: [], volumes: [] });
  });
});
