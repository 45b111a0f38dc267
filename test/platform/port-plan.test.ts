import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { portOffset } from '../../platform/port-plan.ts';
import { reservePorts } from '../../platform/ports.ts';
import { loadScenario } from '../../scenarios/load-scenario.ts';

/** Every service that a stack may have, but for an edge. */
const ALL = {
  ...{ 'stack.redis': {}, 'stack.prometheus': {}, 'stack.control': {}, 'stack.preprocess': {} },
  'stack.autoscaler': { policy: { kind: 'threshold', minReplicas: 1, maxReplicas: 4 } },
  'stack.gateway.tracing': {},
  ...{ faults: [], proof: [] },
};

/** Everything of a stack that needs a port, by name. */
async function namesOf(changes: Record<string, unknown>): Promise<string[]> {
  const slos = [{ name: 'errors', objective: 'errors <= 1%' }];
  const options = { seed: 1, platform: 'process', replay: '' } as const;
  const { compiled } = await loadScenario('node-loss', { ...options, changes: { ...ALL, slos, ...changes } });
  const { links, replicas } = compiled.topology;
  const own = replicas.flatMap(({ name, listeners = [] }) => [name, ...listeners.map(one => `${name}/${one}`)]);
  return ['toxiproxy', 'prober', ...links.map(({ name }) => name), ...own];
}

describe('fixed ports', () => {
  it.each([
    ['one zone', {}],
    ['many replicas, an edge', { 'stack.inference.replicas': 64, 'stack.gateway.replicas': 16, 'stack.edge': {} }],
    ['many gateways without an edge', { 'stack.gateway.replicas': 16, 'stack.edge': 'off' }],
    ['four zones', { 'stack.zones': 4, 'stack.inference.replicas': 8, 'stack.edge': {} }],
  ])('are one for each name: %s', async (_, changes) => {
    const names = await namesOf(changes);
    const offsets = names.map(portOffset);
    const clashes = names.filter(name => names.filter(other => portOffset(other) === portOffset(name)).length > 1);
    expect(clashes).toEqual([]);
    expect(offsets.filter(offset => !(offset >= 0 && offset < 4000))).toEqual([]);
  });

  it('depend on the name alone', () => {
    const names = ['client→edge', 'client→gateway-1', 'client→gateway-2', 'operator→redis', 'toxiproxy'];
    expect(names.map(portOffset)).toEqual([0, 0, 1, 81, 90]);
    const links = ['gateway→inference-1', 'gateway→inference-12', 'gateway@zone-b→inference-1', 'inference-3'];
    expect(links.map(portOffset)).toEqual([101, 112, 1101, 903]);
  });

  const link = (to: string) => ({ name: `gateway→${to}`, to, port: 0, usedBy: 'services' }) as const;
  it('that are taken are named before anything starts, and nothing stays reserved', async () => {
    await using taken = createServer();
    await once(taken.listen(0, '127.0.0.1'), 'listening');
    const { port } = taken.address() as { port: number };
    // Ports of the system's own range are refused, so the taken one is looked for below it.
    const base = 11_000 + (port % 9000);
    await using other = createServer();
    await once(other.listen(base + portOffset('gateway→inference-2'), '127.0.0.1'), 'listening');
    const failing = reservePorts([link('inference-1'), link('inference-2')], ['toxiproxy'], base);
    await expect(failing).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringMatching(new RegExp(`port ${base + 102} .* the link gateway→inference-2`)),
      next: expect.stringContaining('--ports'),
    });
    const again = await reservePorts([link('inference-1')], ['toxiproxy'], base);
    expect([again.of('gateway→inference-1'), again.of('toxiproxy')]).toEqual([base + 101, base + 90]);
    await again.free();
  });

  it.each([80, 32_760, 65_000])('from %i do not fit', async base => {
    const failing = reservePorts([link('inference-1')], ['toxiproxy'], base);
    await expect(failing).rejects.toMatchObject({
      kind: 'option',
      code: 'BAD_PORTS',
      message: expect.stringMatching(/--ports to be from 1024 to \d+, got/),
    });
  });
});
