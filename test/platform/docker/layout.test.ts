import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { howItEnded } from '../../../platform/docker/container-instance.ts';
import { IMAGE_NAMES } from '../../../platform/docker/images/image-names.ts';
import { layoutOf, programInImage } from '../../../platform/docker/layout.ts';
import { proberContainer, proxyContainer, replicaContainer } from '../../../platform/docker/plans.ts';
import { topologyOf } from '../../../stack/topology.ts';
import { FRESH } from '../../fresh.ts';
import { settled } from '../../stack/settled.ts';

const topology = topologyOf(settled({ zones: 2, gateway: { replicas: 2 } }), 20, 1, FRESH);
const layout = layoutOf(topology);
const numbers = new Map(
  ['client→gateway-1', 'client→gateway-2', 'toxiproxy', 'prober'].map((name, i) => [name, 1000 + i]),
);
const ports = { of: (name: string) => numbers.get(name)! };
const limits = { gateway: { cpus: 8, memoryMiB: 64 } };
const stack = { runId: 'r', token: 't', layout, images: IMAGE_NAMES, ports, limits, cpus: 2, volumes: {} };
const access = { apiUrl: 'http://127.0.0.1:1002', token: 'of-this-run' };
const container = (name: string) => replicaContainer(stack, topology.replicas.find(r => r.name === name)!, undefined);

describe('the layout of a stack of containers', () => {
  it('has no network in common between zones, and the fault proxy in each', () => {
    expect(container('gateway-1').networks).toEqual([{ name: 'squall-r-zone-a', aliases: ['gateway-1'] }]);
    expect(container('inference-2').networks).toEqual([{ name: 'squall-r-zone-b', aliases: ['inference-2'] }]);
    const proxied = proxyContainer(stack, topology, access).networks as readonly { name: string }[];
    expect(proxied.map(({ name }) => name)).toEqual(['squall-r-entry', 'squall-r-zone-a', 'squall-r-zone-b']);
    expect(proberContainer(stack).networks).toBe('squall-r-toxiproxy');
  });

  it('publishes entries, the API and the prober, and no other link or service', () => {
    const { published } = proxyContainer(stack, topology, access);
    expect(Object.values(published).sort()).toEqual([1000, 1001, 1002, 1003]);
    const inner = topology.links.filter(link => link.usedBy === 'services').map(link => layout.linkPort(link.name));
    expect(inner.filter(port => port in published)).toEqual([]);
    expect(container('inference-1').published).toEqual({});
  });

  it("hands the token of the API to the fault proxy's environment alone", () => {
    const { environment, ...rest } = proxyContainer(stack, topology, access);
    expect(environment.TOXIPROXY_AUTH_TOKEN).toBe('of-this-run');
    const others = [rest, proberContainer(stack), ...topology.replicas.map(({ name }) => container(name))];
    expect(JSON.stringify(others)).not.toContain('of-this-run');
  });

  it('passes the gateway its links only', () => {
    const { GATEWAY_CONFIG } = container('gateway-1').environment;
    const urls = JSON.parse(GATEWAY_CONFIG!).upstreams.map(({ url }: { url: string }) => new URL(url));
    expect(new Set(urls.map((url: URL) => url.hostname))).toEqual(new Set(['toxiproxy']));
    expect(new Set(urls.map((url: URL) => url.port)).size).toBe(3);
  });

  it('limits replicas, to what the engine has at most', () => {
    expect(container('gateway-1')).toMatchObject({ cpus: 2, memoryMiB: 64 });
    expect(container('inference-1')).toMatchObject({ cpus: 1, memoryMiB: 512 });
  });

  it('finds programs of the checkout in the image, and no others', () => {
    const home = resolve('/checkout');
    expect(programInImage(join(home, 'stack/gateway/main.ts'), home)).toBe('/app/stack/gateway/main.ts');
    expect(() => programInImage('/elsewhere/main.ts', home)).toThrow(/Expected \/elsewhere\/main.ts to be inside/);
  });
});

describe('howItEnded', () => {
  it.each([
    [0, false, 'exit code 0'],
    [3, false, 'exit code 3'],
    [137, false, 'SIGKILL'],
    [143, false, 'SIGTERM'],
    [137, 'reported', 'OOM, killed at its limit of 64 MiB (SIGKILL)'],
    [137, 'inferred', 'OOM, killed at its limit of 64 MiB (SIGKILL by the kernel; the engine missed the reason)'],
  ] as const)('exit code %i, out of memory %s: %s', (code, outOfMemory, words) => {
    expect(howItEnded(code, outOfMemory, 64 * 2 ** 20)).toBe(words);
  });
});
