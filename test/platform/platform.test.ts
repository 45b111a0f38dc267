import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../until.ts';
import { aliveOf, fixtureTopology, openPorts, platform, portsOf, testRun } from './fixture-stack.ts';

const LIMIT = 40_000;

describe('bringing a stack up and down', () => {
  it('reaches every replica across its link, and leaves no process and no port', { timeout: LIMIT }, async () => {
    using run = testRun();
    const topology = fixtureTopology({
      'a-1': { fixture: 'ready-at-once' },
      'a-2': { fixture: 'slow-start', environment: { SLOW_MS: '300' } },
    });
    const stack = await platform.up(topology, run.options);
    const ports = portsOf(stack);
    // The counterpart: what must be gone afterwards is there before. Three replicas and the proxy.
    expect(
      aliveOf(
        run.options.runId,
        stack.replicas.map(r => r.pid!),
      ).length,
    ).toBeGreaterThanOrEqual(3);
    expect(await openPorts(ports)).toEqual(ports);
    expect(new Set(ports).size).toBe(1 + 3 + 3);

    expect(stack.replicas.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'a-1 ready',
      'a-2 ready',
      'front ready',
    ]);
    expect(stack.links.map(({ name }) => name)).toEqual(['client→front', 'front→a-1', 'front→a-2']);
    for (const [index, name] of ['front', 'a-1', 'a-2'].entries()) {
      const { listen } = stack.links[index]!;
      expect(await (await fetch(`http://${listen}`)).text()).toMatch(new RegExp(`^${name} `));
    }
    expect(stack.entries).toEqual([`http://${stack.links[0]!.listen}`]);
    expect(stack.versions).toEqual({ node: process.version, toxiproxy: expect.stringContaining('(embedded)') });
    // Those that are used are ready before those that use them start.
    const instant = (replica: string, state: string) =>
      run.seen.find(s => s.replica === replica && s.state === state)!.atMs;
    expect(instant('front', 'starting')).toBeGreaterThan(Math.max(instant('a-1', 'ready'), instant('a-2', 'ready')));

    const pids = stack.replicas.map(r => r.pid!);
    await stack[Symbol.asyncDispose]();
    await stack[Symbol.asyncDispose]();
    expect(aliveOf(run.options.runId, pids)).toEqual([]);
    expect(await openPorts(ports)).toEqual([]);
    expect(run.seen.filter(s => s.state === 'stopped').map(s => s.replica)).toHaveLength(3);
    for (const name of ['a-1', 'a-2', 'front', 'toxiproxy'])
      expect(readFileSync(join(run.options.directory, `${name}.log`), 'utf8')).toContain('listen');
    expect(readFileSync(join(run.options.directory, 'watchdog.log'), 'utf8')).toBe('');
  });

  const sees = existsSync('/proc/self/environ');
  it.skipIf(!sees)('passes services their own configuration and nothing else', { timeout: LIMIT }, async () => {
    using run = testRun();
    process.env.LEAKED_SECRET = 'yes';
    await using stack = await platform.up(fixtureTopology({ 'a-1': { fixture: 'ready-at-once' } }), run.options);
    delete process.env.LEAKED_SECRET;
    const environment = readFileSync(`/proc/${stack.replicas[1]!.pid}/environ`, 'utf8');
    expect(environment).toContain(`LINKS=${stack.links[1]!.listen}\0`);
    expect(environment).toContain(`SQUALL_RUN=${run.options.runId}`);
    expect(environment).not.toContain('LEAKED_SECRET');
  });

  it('ends processes that ignore SIGTERM, and descendants inside and outside the group', {
    timeout: LIMIT,
  }, async () => {
    using run = testRun();
    const stack = await platform.up(
      fixtureTopology({ 'a-1': { fixture: 'ignores-sigterm' }, 'a-2': { fixture: 'forks-a-grandchild' } }),
      run.options,
    );
    const pids = stack.replicas.map(r => r.pid!);
    // Three replicas, the proxy, two grandchildren.
    if (process.platform === 'linux') expect(aliveOf(run.options.runId)).toHaveLength(6);
    const startMs = run.options.clock.nowMs();
    await stack[Symbol.asyncDispose]();
    expect(run.options.clock.nowMs() - startMs).toBeLessThan(8000);
    expect(aliveOf(run.options.runId, pids)).toEqual([]);
    expect(run.seen.find(s => s.replica === 'a-1' && s.state === 'stopped')!.detail).toBe('SIGKILL');
    expect(run.seen.find(s => s.replica === 'front' && s.state === 'stopped')!.detail).toBe('SIGTERM');
  });

  it('does not affect another stack', { timeout: LIMIT }, async () => {
    using oneRun = testRun();
    using otherRun = testRun();
    const topology = () => fixtureTopology({ 'a-1': { fixture: 'ready-at-once' } });
    const [one, other] = await Promise.all([
      platform.up(topology(), oneRun.options),
      platform.up(topology(), otherRun.options),
    ]);
    await using _other = other;
    const before = aliveOf(
      otherRun.options.runId,
      other.replicas.map(r => r.pid!),
    );
    await one[Symbol.asyncDispose]();
    expect(aliveOf(oneRun.options.runId)).toEqual([]);
    expect(
      aliveOf(
        otherRun.options.runId,
        other.replicas.map(r => r.pid!),
      ),
    ).toEqual(before);
    expect((await fetch(other.entries[0]!)).status).toBe(200);
  });
});

describe('a start that fails', () => {
  it('shows how a service died and its last lines, and leaves nothing', { timeout: LIMIT }, async () => {
    using run = testRun();
    const topology = fixtureTopology({
      'a-1': { fixture: 'dies-at-start', restart: { baseDelayMs: 1, factor: 1, maxDelayMs: 1 } },
      'a-2': { fixture: 'ready-at-once' },
    });
    const error = await platform.up(topology, run.options).catch(e => e);
    expect(error).toMatchObject({ kind: 'stack', code: 'SERVICE_DIED' });
    expect(error.message).toMatch(/^a-1 ended during its start: exit code 3\. /);
    expect(error.message).toContain('cannot read the weights');
    // 15 lines at most: 14 of the 40, and the last.
    expect(error.message).toContain('line 27\n');
    expect(error.message).not.toContain('line 26\n');
    expect(error.next).toContain(join(run.options.directory, 'a-1.log'));
    expect(aliveOf(run.options.runId)).toEqual([]);
    // What dies at its start is not tried again.
    expect(run.seen.filter(s => s.replica === 'a-1' && s.state === 'starting')).toHaveLength(1);
    expect(run.seen.filter(s => s.replica === 'front')).toEqual([]);
  });

  it('does not wait forever for a service that never becomes ready', { timeout: LIMIT }, async () => {
    using run = testRun();
    const topology = fixtureTopology({ 'a-1': { fixture: 'never-ready' } });
    // A negative cold start shortens the limit of 15 s.
    const replicas = topology.replicas.map(replica => ({ ...replica, coldStartMs: -14_000 }));
    const error = await platform.up({ ...topology, replicas }, run.options).catch(e => e);
    expect(error).toMatchObject({ kind: 'stack', code: 'SERVICE_NOT_READY' });
    expect(error.message).toContain('a-1 was not ready within 1 s');
    expect(aliveOf(run.options.runId)).toEqual([]);
  });

  it('names a port that is taken, before it starts anything', { timeout: LIMIT }, async () => {
    using run = testRun();
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as { port: number };
    const topology = fixtureTopology({ 'a-1': { fixture: 'ready-at-once' } }, port);
    const error = await platform.up(topology, run.options).catch(e => e);
    expect(error).toMatchObject({ kind: 'environment', code: 'PORT_TAKEN' });
    expect(error.message).toContain(`Expected port ${port} of 127.0.0.1 to be free for the link client→front, but`);
    expect(run.seen).toEqual([]);
    squatter.close();
    await once(squatter, 'close');
    // The counterpart: the same topology comes up once the port is free.
    await using stack = await platform.up(topology, run.options);
    expect(stack.entries).toEqual([`http://127.0.0.1:${port}`]);
  });

  it('leaves nothing when it is aborted half-way', { timeout: LIMIT }, async () => {
    const abort = new AbortController();
    using run = testRun(abort.signal);
    const topology = fixtureTopology({ 'a-1': { fixture: 'never-ready' }, 'a-2': { fixture: 'ready-at-once' } });
    const up = platform.up(topology, run.options).catch(e => e);
    expect(await eventually(() => run.seen.some(s => s.replica === 'a-2' && s.state === 'ready'))).toBe(true);
    if (process.platform === 'linux') expect(aliveOf(run.options.runId)).toHaveLength(3);
    abort.abort(new Error('interrupted by a test'));
    expect((await up).message).toBe('interrupted by a test');
    expect(aliveOf(run.options.runId)).toEqual([]);
  });
});
