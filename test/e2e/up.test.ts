import { readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { processesOfRun } from '../../harness/host/process-group.ts';
import { findProgram } from '../../harness/host/programs.ts';
import { loginHeaders } from '../../harness/http/login.ts';
import { eventually } from '../until.ts';
import { answers, SMALL, start, temporaryFolder } from './squall.ts';

describe('squall up', () => {
  it('keeps a stack that can be used by hand, and takes it down on Ctrl-C', async () => {
    using out = temporaryFolder();
    // Of its own, so that stacks of other tests, whose ports are drawn, are hardly there.
    const base = 2000 + Math.floor(Math.random() * 6000);
    const monitored = findProgram('prometheus') ? ['--set', 'stack.prometheus={}'] : [];
    const up = start(['up', SMALL, '--out', out.path, '--json', '--ports', String(base), ...monitored]);
    await up.seen(/"logs":[\s\S]*\n}/);
    const json = up.output();
    const stack = JSON.parse(json.slice(json.indexOf('\n{') + 1, json.lastIndexOf('}') + 1));
    expect(stack.replicas.map((replica: { name: string }) => replica.name).sort()).toEqual([
      'gateway-1',
      'inference-1',
      'inference-2',
      ...monitored.slice(1).map(() => 'prometheus'),
    ]);
    if (stack.prometheus) {
      const { url, username, passwordFile } = stack.prometheus;
      expect(statSync(passwordFile).mode & 0o777).toBe(0o600);
      const password = readFileSync(passwordFile, 'utf8').trim();
      expect(json, 'its path alone is printed').not.toContain(password);
      const status = async (headers = {}) => (await fetch(`${url}/graph`, { headers })).status;
      expect([await status(), await status(loginHeaders({ username, password }))]).toEqual([401, 200]);
    }
    const addresses = [stack.entries[0], stack.proxyApiUrl, `http://${stack.links[1].listen}`];
    expect(addresses.map(url => Number(new URL(url).port) - base)).toEqual([0, 90, 101]);
    const body = JSON.stringify({
      model: 'qwen3-8b-fp8-h100',
      messages: [{ role: 'user', content: 'Hello' }],
      max_tokens: 4,
    });
    const headers = { authorization: stack.authorization, 'content-type': 'application/json' };
    const answer = await fetch(`${stack.entries[0]}/v1/chat/completions`, { method: 'POST', headers, body });
    expect(answer.status).toBe(200);
    expect(statSync(stack.tokenFile).mode & 0o777).toBe(0o600);
    const token = readFileSync(stack.tokenFile, 'utf8').trim();
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(json, 'its path alone is printed').not.toContain(token);
    const failure = (secret: string) =>
      fetch(`${stack.replicas.find(({ name }: { name: string }) => name === 'inference-1').url}/simulator/failure`, {
        method: 'DELETE',
        headers: { 'x-consul-token': secret },
      });
    expect([(await failure('')).status, (await failure(token)).status]).toEqual([403, 204]);
    const { admin } = stack.replicas.find(({ name }: { name: string }) => name === 'gateway-1').listeners;
    expect(Number(new URL(admin).port) - base).toBe(997);
    const upstreams = (secret: string) =>
      fetch(`${admin}/upstreams`, { headers: { authorization: `Bearer ${secret}` } });
    expect((await upstreams('wrong')).status).toBe(401);
    // Neither token is worth anything elsewhere.
    expect((await upstreams(token)).status).toBe(401);
    const adminToken = readFileSync(stack.adminTokenFile, 'utf8').trim();
    expect((await failure(adminToken)).status).toBe(403);
    const { upstreams: seen } = (await (await upstreams(adminToken)).json()) as {
      upstreams: { readonly name: string; readonly state: string }[];
    };
    expect(seen.map(({ name, state }) => `${name} ${state}`)).toEqual(['inference-1 usable', 'inference-2 usable']);
    const port = Number(new URL(stack.entries[0]).port);
    const id = stack.logs.split('/').at(-1);
    expect(processesOfRun(id).length).toBeGreaterThanOrEqual(4);

    up.child.kill('SIGINT');
    expect((await up.finished).code).toBe(0);
    expect(processesOfRun(id)).toEqual([]);
    expect(await eventually(async () => !(await answers(port)), 2000)).toBe(true);
  });
});
