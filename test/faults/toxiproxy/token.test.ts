import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectToxiproxy } from '../../../faults/toxiproxy/client.ts';
import { isAuthorized } from '../../../faults/toxiproxy/token.ts';
import { processesOfRun } from '../../../harness/host/process-group.ts';
import { systemSecrets } from '../../../harness/host/secrets.ts';
import { newAccess } from '../../../platform/fault-proxy.ts';
import { fixtureTopology, platform, testRun } from '../../platform/fixture-stack.ts';
import { dial } from './peers.ts';
import { REAL_2_12, REAL_2_13, SERVERS, startServer } from './servers.ts';

const TOKEN = 'a-token-of-one-run';
const embedded = SERVERS.find(({ kind }) => kind === 'embedded')!;

describe('the token of an API', () => {
  it.each([
    ['', undefined, true],
    ['', 'Bearer anything', true],
    ['t', 'Bearer t', true],
    ['t', 'bearer  t', true],
    ['t', undefined, false],
    ['t', '', false],
    ['t', 't', false],
    ['t', 'Basic t', false],
    ['t', 'Bearer', false],
    ['t', 'Bearer ', false],
    ['t', 'Bearer T', false],
    ['t', 'Bearer t ', false],
    ['t', 'Bearer t, Bearer t', false],
  ])('%j takes %j: %s', (token, header, expected) => {
    expect(isAuthorized(header, token)).toBe(expected);
  });

  const wanting = [embedded, ...REAL_2_13];
  it.each(wanting)('is wanted by every call of the $title server', async row => {
    await using server = await startServer(row, 1, TOKEN);
    const calls = ['GET /version', 'GET /proxies', 'POST /proxies', 'POST /populate', 'POST /reset'];
    calls.push('GET /proxies/p', 'PATCH /proxies/p', 'DELETE /proxies/p', 'DELETE /proxies/p/toxics/t');
    for (const call of calls) {
      const [method, path] = call.split(' ') as [string, string];
      for (const headers of [{}, { authorization: 'Bearer another' }] as Record<string, string>[]) {
        const response = await fetch(server.apiUrl + path, { method, headers });
        expect([call, response.status]).toEqual([call, 401]);
      }
    }
    await expect(connectToxiproxy(server).reset()).rejects.toMatchObject({ code: 'TOXIPROXY_REJECTED' });
    await lives(server.apiUrl);
  });

  // Nothing of the body is ever sent: whoever waits for it does not respond.
  it('is looked at before a body is read', async () => {
    await using server = await startServer(embedded, 1, TOKEN);
    const socket = await dial(server.apiUrl.slice('http://'.length));
    socket.write('POST /proxies HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n');
    const [head] = await once(socket, 'data', { signal: AbortSignal.timeout(5000) });
    expect(String(head)).toMatch(/^HTTP\/1.1 401 /);
    socket.destroy();
  });

  it.each(REAL_2_12)('is ignored by the $title server', async row => {
    await using server = await startServer(row, 1, TOKEN);
    await lives(server.apiUrl);
    expect((await fetch(`${server.apiUrl}/proxies`)).status).toBe(200);
  });
});

/** Every operation of a client that has the token. */
async function lives(apiUrl: string): Promise<void> {
  const client = connectToxiproxy({ apiUrl, token: TOKEN });
  await client.version();
  await client.createProxy({ name: 'p', listen: '127.0.0.1:0', upstream: '127.0.0.1:1' });
  await client.addToxic('p', { kind: 'latency', latencyMs: 1 });
  await client.removeToxic('p', 'latency_downstream');
  await client.setEnabled('p', false);
  await client.reset();
  await client.deleteProxy('p');
}

describe('the fault proxy of a run', () => {
  it('obeys nobody without its token, which stands in no file, no command line and no other environment', async () => {
    using run = testRun();
    const topology = fixtureTopology({ 'back-1': { fixture: 'ready-at-once' } });
    await using stack = await platform.up(topology, run.options);
    const token = stack.proxyToken!;
    expect(token).toMatch(/^[0-9a-f]{48}$/);
    const stranger = await fetch(`${stack.proxyApiUrl}/reset`, { method: 'POST' });
    expect(stranger.status).toBe(401);
    await connectToxiproxy({ apiUrl: stack.proxyApiUrl, token }).reset();
    const { directory, runId } = run.options;
    const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
    expect(files.length).toBeGreaterThan(2);
    for (const { parentPath, name } of files) expect(readFileSync(join(parentPath, name), 'utf8')).not.toContain(token);
    const processes = processesOfRun(runId);
    const holding = (file: string) =>
      processes.filter(pid => readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(token));
    expect(processes.length).toBeGreaterThan(2);
    expect(holding('cmdline')).toEqual([]);
    expect(holding('environ')).toHaveLength(1);
  });

  it('has a token of its own', () => {
    expect(newAccess('http://a', systemSecrets).token).not.toBe(newAccess('http://a', systemSecrets).token);
  });
});
