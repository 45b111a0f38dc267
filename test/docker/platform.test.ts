import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import OpenAI from 'openai';
import { getContainerRuntimeClient } from 'testcontainers';
import { describe, expect, it } from 'vitest';
import { connectToxiproxy } from '../../faults/toxiproxy/client.ts';
import { dockerPlatform } from '../../platform/docker/platform.ts';
import { topologyOf } from '../../stack/topology.ts';
import { FRESH } from '../fresh.ts';
import { fixtureTopology, openPorts, testRun } from '../platform/fixture-stack.ts';
import { settled } from '../stack/settled.ts';
import { eventually } from '../until.ts';
import { evaluateIn, fixturePlatform, leftOf, noDocker } from './docker-stack.ts';

const MODEL = 'qwen3-8b-fp8-h100';
const ready = { 'a-1': { fixture: 'ready-at-once' } };

describe.skipIf(Boolean(noDocker))(`a stack of containers ${noDocker || ''}`, () => {
  it('streams a chat across its links, publishes on the loopback interface only, and leaves nothing', async () => {
    using run = testRun();
    const { runId, directory, clock } = run.options;
    const options = settled({ gateway: { replicas: 2 }, inference: { replicas: 1 } });
    const stack = await dockerPlatform({ connect: connectToxiproxy }).up(
      topologyOf(options, 500, 1, FRESH),
      run.options,
    );
    const ports = [...stack.entries, stack.proxyApiUrl].map(url => Number(new URL(url).port));
    try {
      for (const entry of stack.entries) {
        const apiKey = stack.authorization.replace('Bearer ', '');
        const client = new OpenAI({ baseURL: `${entry}/v1`, apiKey, maxRetries: 0 });
        const messages = [{ role: 'user' as const, content: 'Tell me about squalls.' }];
        const chat = await client.chat.completions.create({ model: MODEL, messages, max_tokens: 20, stream: true });
        let text = '';
        for await (const chunk of chat) text += chunk.choices[0]?.delta.content ?? '';
        expect(text.split(/\s+/).filter(Boolean)).toHaveLength(20);
      }
      expect(await openPorts(ports)).toEqual(ports);
      expect(stack.versions).toMatchObject({
        docker: expect.any(String),
        'squall/service': expect.stringMatching(/^sha256:/),
      });
      const client = await getContainerRuntimeClient();
      const containers = await client.container.dockerode.listContainers({
        filters: { label: [`squall.run=${runId}`] },
      });
      const published = containers.flatMap(({ Names, Ports }) =>
        Ports.filter(port => port.PublicPort).map(port => `${Names[0]} ${port.IP}`),
      );
      // Two entries, the proxy's API and the prober: all on the proxy's container.
      expect(published).toEqual(Array(4).fill(`/squall-${runId}-toxiproxy 127.0.0.1`));
    } finally {
      const startMs = clock.nowMs();
      await stack[Symbol.asyncDispose]();
      expect(clock.nowMs() - startMs).toBeLessThan(10_000);
    }
    expect(await leftOf(runId)).toEqual([]);
    expect(await openPorts(ports)).toEqual([]);
    for (const name of ['gateway-1', 'gateway-2', 'inference-1', 'prober'])
      expect(readFileSync(join(directory, `${name}.log`), 'utf8')).not.toBe('');
  });

  it('can write only to scratch space and its own files, in every container', async () => {
    using run = testRun();
    const { runId } = run.options;
    const options = settled({ inference: { replicas: 1 }, edge: {}, redis: {}, prometheus: {} });
    const topology = topologyOf(options, 500, 1, FRESH);
    await using _stack = await dockerPlatform({ connect: connectToxiproxy }).up(topology, run.options);
    const client = await getContainerRuntimeClient();
    for (const { name } of [...topology.replicas, { name: 'toxiproxy' }, { name: 'prober' }]) {
      const container = client.container.getById(`squall-${runId}-${name}`);
      expect([name, (await container.inspect()).HostConfig.ReadonlyRootfs]).toEqual([name, true]);
      const write = (path: string) => client.container.exec(container, ['sh', '-c', `echo x > ${path}/written`]);
      // On a writable file system, an unprivileged user gets "Permission denied".
      for (const path of ['', '/etc', '/var/lib', '/app'])
        expect((await write(path)).output, `${name} ${path}`).toMatch(/Read-only file system|Directory nonexistent/);
      expect(await write('/tmp'), name).toMatchObject({ exitCode: 0 });
    }
  });

  it('is only reachable from another zone through the fault proxy, unlike a container in two networks', async () => {
    using run = testRun();
    const { runId } = run.options;
    await using stack = await fixturePlatform().up(fixtureTopology(ready), run.options);
    const client = await getContainerRuntimeClient();
    const { NetworkSettings } = await client.container.getById(`squall-${runId}-a-1`).inspect();
    const addresses = Object.values(NetworkSettings.Networks).map(network => network.IPAddress);
    expect(addresses).toHaveLength(1);
    const get = (url: string) =>
      `fetch('${url}', { signal: AbortSignal.timeout(1500) }).then(r => r.text(), e => 'unreachable').then(text => { console.log(text); process.exit(); })`;
    const direct = get(`http://${addresses[0]}:8000`);
    const link = get(`http://${stack.links[1]!.listen}`);
    expect(await evaluateIn(runId, 'front', direct)).toBe('unreachable');
    expect(await evaluateIn(runId, 'front', link)).toMatch(/^a-1 /);
    // The broken counterpart: the same request arrives once front is in the other's network too.
    const network = client.network.getById(`squall-${runId}-zone-a`);
    await network.connect({ Container: `squall-${runId}-front` });
    expect(await evaluateIn(runId, 'front', direct)).toMatch(/^a-1 /);
  });

  it('does not affect another stack', async () => {
    using oneRun = testRun();
    using otherRun = testRun();
    const up = (run: typeof oneRun) => fixturePlatform().up(fixtureTopology(ready), run.options);
    const [one, other] = await Promise.all([up(oneRun), up(otherRun)]);
    await using _other = other;
    const before = await leftOf(otherRun.options.runId);
    // Containers, networks, and what the prober and the two replicas have of their own.
    expect(before).toHaveLength(4 + 3 + 3);
    await one[Symbol.asyncDispose]();
    expect(await leftOf(oneRun.options.runId)).toEqual([]);
    expect(await leftOf(otherRun.options.runId)).toEqual(before);
    expect((await fetch(other.entries[0]!)).status).toBe(200);
  });
});

describe.skipIf(Boolean(noDocker))(`a start that fails ${noDocker || ''}`, () => {
  it('shows how a container died and its last lines, and leaves nothing', async () => {
    using run = testRun();
    const topology = fixtureTopology({ 'a-1': { fixture: 'dies-at-start' } });
    const error = await fixturePlatform()
      .up(topology, run.options)
      .catch(e => e);
    expect(error).toMatchObject({ kind: 'stack', code: 'SERVICE_DIED' });
    expect(error.message).toMatch(/^a-1 ended during its start: exit code 3\. /);
    expect(error.message).toContain('cannot read the weights');
    expect(error.next).toContain(join(run.options.directory, 'a-1.log'));
    expect(await leftOf(run.options.runId)).toEqual([]);
  });

  it('names an image that is missing, and how to build it', async () => {
    using run = testRun();
    const images = { service: 'squall/no-such-image', toxiproxy: 'squall/toxiproxy' };
    const platform = dockerPlatform({ connect: connectToxiproxy }, { images });
    const error = await platform.up(fixtureTopology(ready), run.options).catch(e => e);
    expect(error).toMatchObject({
      kind: 'environment',
      code: 'IMAGE_MISSING',
      next: expect.stringContaining('npm run images'),
    });
    expect(await leftOf(run.options.runId)).toEqual([]);
  });

  it('names a port that is taken, before it makes anything', async () => {
    using run = testRun();
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as { port: number };
    const error = await fixturePlatform()
      .up(fixtureTopology(ready, port), run.options)
      .catch(e => e);
    squatter.close();
    expect(error).toMatchObject({ kind: 'environment', code: 'PORT_TAKEN' });
    expect(await leftOf(run.options.runId)).toEqual([]);
  });

  it('leaves nothing when it is aborted half-way', async () => {
    const abort = new AbortController();
    using run = testRun(abort.signal);
    const topology = fixtureTopology({ 'a-1': { fixture: 'never-ready' } });
    const up = fixturePlatform()
      .up(topology, run.options)
      .catch(e => e);
    expect(await eventually(async () => (await leftOf(run.options.runId)).length > 3)).toBe(true);
    abort.abort(new Error('interrupted by a test'));
    expect((await up).message).toBe('interrupted by a test');
    expect(await leftOf(run.options.runId)).toEqual([]);
  });
});
