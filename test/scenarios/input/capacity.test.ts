import { describe, expect, it } from 'vitest';
import { compileScenario } from '../../../scenarios/compile.ts';
import { override } from '../../../scenarios/override.ts';
import { validateScenario } from '../../../scenarios/validate.ts';

const RAW = {
  name: 'placed',
  why: 'A test.',
  stack: {
    control: {},
    zones: 2,
    inference: { replicas: 3, maxReplicas: 8 },
    timeScale: 20,
    capacity: {
      pools: [
        { name: 'reserved', gpusPerNode: 2, max: 1, pricePerHour: 6 },
        { name: 'spot', gpusPerNode: 1, max: 2, pricePerHour: 1.2, spot: { preemptions: [{ at: '1s' }] } },
      ],
      inference: {},
      workloads: [{ name: 'batch', priority: 50, replicas: 2, at: '1s' }],
    },
  },
  load: { stages: [{ at: '5/s', for: '2s' }] },
  slos: [{ name: 'errors', objective: 'errors <= 1%' }],
};

function compiled(values: Record<string, unknown> = {}) {
  const scenario = validateScenario(override(RAW, values), 'x.yaml');
  return compileScenario(scenario, { seed: 1, platform: 'virtual', replay: 'x' } as never);
}

describe('a capacity model', () => {
  it('divides durations of production by the time scale, but not those of the run', () => {
    const { topology } = compiled();
    const [reserved, spot] = topology.capacity!.spec.pools;
    expect(reserved).toMatchObject({ bootMs: 4500, gpusPerNode: 2, isSpot: false });
    expect(spot).toMatchObject({ noticeMs: 6000, drainMs: 2500, isSpot: true, lifetimeMs: Number.POSITIVE_INFINITY });
    expect(topology.capacity!.preemptions).toEqual([{ pool: 'spot', atMs: 1000, nodes: 1 }]);
    expect(topology.capacity!.workloads).toMatchObject([{ name: 'batch', replicas: 2, atMs: 1000 }]);
    expect(topology.capacity!.spec.groups).toMatchObject([
      { name: 'inference', priority: 90, milliGpus: 1000, imagePullMs: 3000 },
      { name: 'batch', priority: 50, graceMs: 250 },
    ]);
  });

  it.each<[string, unknown, string]>([
    ['stack.control', 'off', '`stack.control` to be `control: {}`, since replicas are scaled through it'],
    ['stack.capacity.pools', [], '`stack.capacity.pools`'],
    ['stack.capacity.pools.spot.min', 3, '`stack.capacity.pools[1].min`: expected at most `max`'],
    [
      'stack.capacity.pools.spot.name',
      'reserved',
      '`stack.capacity.pools[1].name` to be a name that no other has, got "reserved"',
    ],
    ['stack.capacity.pools.spot.kind', 'tpu', '`stack.capacity.pools[1].kind`'],
    [
      'stack.capacity.pools.spot',
      { name: 'spot', kind: 'cpu', gpusPerNode: 1, max: 1, pricePerHour: 1 },
      '`stack.capacity.pools[1].gpusPerNode`: expected nothing, since a pool of kind cpu has no GPUs',
    ],
    ['stack.capacity.pools.spot.pricePerHour', -1, '`stack.capacity.pools[1].pricePerHour`'],
    ['stack.capacity.pools.spot.spot.notice', 3, '`stack.capacity.pools[1].spot.notice`: expected a duration'],
    [
      'stack.capacity.pools.spot.spot.preemptions',
      [{ at: '2s' }],
      '`stack.capacity.pools[1].spot.preemptions[0].at` to be before the load ends at 2s, got "2s"',
    ],
    [
      'stack.capacity.workloads',
      ['a', 'b', 'c'].map(name => ({ name, priority: 10, replicas: 200 })),
      '`stack.capacity.workloads` to be at most 500 `replicas` in all, got 600',
    ],
    [
      'stack.capacity.workloads.batch.at',
      '3s',
      '`stack.capacity.workloads[0].at` to be before the load ends at 2s, got "3s"',
    ],
    ['stack.capacity.workloads.batch.priority', 60, '`stack.capacity.workloads[0].priority`'],
    [
      'stack.capacity.workloads.batch.gpus',
      1.5,
      '`stack.capacity.workloads[0].gpus`: expected a part of a GPU from 0.01, or whole ones',
    ],
    [
      'stack.capacity.workloads.batch.gpus',
      3,
      '`stack.capacity.workloads[0].gpus` to be what a node of its pools has, got 3',
    ],
    [
      'stack.capacity.workloads.batch.minAvailable',
      3,
      '`stack.capacity.workloads[0].minAvailable`: expected at most `replicas`',
    ],
    ['stack.capacity.workloads.batch.name', 'inference', '`stack.capacity.workloads[0].name`'],
    [
      'stack.capacity.workloads.batch.pools',
      ['gpu'],
      '`stack.capacity.workloads[0].pools[0]` to be a pool of this stack (reserved, spot), got "gpu"',
    ],
    [
      'stack.capacity.workloads.batch.disruptionBudget',
      { minAvailable: 3 },
      '`stack.capacity.workloads[0].disruptionBudget.minAvailable` to be at most 2, the number of its pods, got 3',
    ],
    ['stack.capacity.workloads.batch.colour', 'red', 'colour'],
    [
      'stack.inference.replicas',
      5,
      '`stack.inference.replicas` to be at most 4, for which `stack.capacity.pools` have places, got 5',
    ],
  ])('names the field and what was expected: %s %j', (path, value, message) => {
    expect(() => compiled({ [path]: value })).toThrow(message);
  });

  it('rejects a gang that no cluster could hold at once', () => {
    const values = { 'stack.capacity.workloads.batch.replicas': 6, 'stack.capacity.workloads.batch.minAvailable': 5 };
    expect(() => compiled(values)).toThrow('`stack.capacity.workloads[0].minAvailable` to be so few that');
    expect(() => compiled({ ...values, 'stack.capacity.workloads.batch.minAvailable': 4 })).not.toThrow();
  });
});
