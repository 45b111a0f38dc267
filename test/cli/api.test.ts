import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { defineScenario, runScenario, startToxiproxy } from '../../cli/api.ts';
import { temporaryFolder } from '../e2e/squall.ts';

const scenario = defineScenario({
  name: 'aborted',
  why: 'Somebody changes their mind.',
  stack: { gateway: { replicas: 1 }, inference: { replicas: 1 }, timeScale: 240 },
  load: { stages: [{ at: '20/s', for: '60s' }] },
  faults: [{ kind: 'pause', on: 'inference-1', at: '0s', for: '50s' }],
  slos: [{ name: 'error rate', objective: 'errors <= 1%' }],
});

/** Process ids of what this process has started. */
function children(): string[] {
  const rows = execFileSync('ps', ['-e', '-o', 'ppid=,pid='], { encoding: 'utf8' }).split('\n');
  return rows.map(row => row.trim().split(/\s+/)).flatMap(([parent, pid]) => (parent === `${process.pid}` ? pid! : []));
}

it('an abort during a fault stops all that was started, then rejects with its reason', async () => {
  using out = temporaryFolder();
  const listeners = process.listenerCount('SIGINT') + process.listenerCount('SIGTERM');
  const controller = new AbortController();
  const reason = new Error('changed my mind');
  const steps: string[] = [];
  let started: string[] = [];
  const running = runScenario(scenario, {
    out: out.path,
    signal: controller.signal,
    onProgress: event => {
      if (event.type !== 'fault') return;
      steps.push(event.step);
      if (event.step !== 'effective') return;
      started = children();
      controller.abort(reason);
    },
  });
  await expect(running).rejects.toBe(reason);
  expect(process.listenerCount('SIGINT') + process.listenerCount('SIGTERM')).toBe(listeners);
  expect(steps).toContain('healed');
  expect(started.length).toBeGreaterThan(3);
  expect(children().filter(pid => started.includes(pid))).toEqual([]);
  // What the replay command of its report runs.
  const stored = readdirSync(out.path).find(name => /^aborted-[0-9a-f]{8}\.json$/.test(name))!;
  expect(statSync(join(out.path, stored)).mode & 0o777).toBe(0o600);
});

it.each([
  ['an unknown option', { sede: 1 }, 'BAD_RUN_OPTION', /got sede; did you mean "seed"/],
  ['a seed out of range', { seed: -1 }, 'BAD_RUN_OPTION', /seed to be a whole number.*got -1/],
  ['a platform that does not exist', { platform: 'moon' }, 'BAD_RUN_OPTION', /platform.*moon/],
  ['an override of nothing', { set: { 'stack.inference.replica': 2 } }, 'BAD_SCENARIO', /replica/],
  ['a target elsewhere', { target: 'http://192.0.2.1' }, 'TARGET_NOT_LOCAL', /192\.0\.2\.1/],
])('rejects %s before anything starts', async (_, options, code, message) => {
  using out = temporaryFolder();
  const running = runScenario(scenario, { out: out.path, ...(options as object) });
  await expect(running).rejects.toMatchObject({ name: 'SquallError', code, message: expect.stringMatching(message) });
});

it('rejects a scenario that does not exist, and a signal that has aborted', async () => {
  await expect(runScenario('node-los')).rejects.toMatchObject({ code: 'UNKNOWN_SCENARIO' });
  const signal = AbortSignal.abort(new Error('before'));
  await expect(runScenario(scenario, { signal })).rejects.toThrow('before');
});

it('starts a fault proxy that clients of Toxiproxy can use, and frees its ports', async () => {
  const upstream = createServer(socket => socket.end('hello')).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as { port: number };
  let apiUrl: string;
  let listen: string;
  {
    await using proxy = await startToxiproxy();
    ({ apiUrl } = proxy);
    const body = JSON.stringify({ name: 'link', listen: '127.0.0.1:0', upstream: `127.0.0.1:${port}` });
    const created = await fetch(`${apiUrl}/proxies`, { method: 'POST', body });
    expect(created.status).toBe(201);
    ({ listen } = (await created.json()) as { listen: string });
    const taken = startToxiproxy({ port: Number(new URL(apiUrl).port) });
    await expect(taken).rejects.toMatchObject({
      code: 'PORT_UNAVAILABLE',
      message: expect.stringContaining('EADDRINUSE'),
    });
    expect(await fetch(`${apiUrl}/proxies`).then(response => response.json())).toHaveProperty('link');
  }
  upstream.close();
  await expect(fetch(`${apiUrl}/version`)).rejects.toThrow();
  await expect(fetch(`http://${listen}`)).rejects.toThrow();
});
