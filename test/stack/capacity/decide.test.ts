import { describe, expect, it } from 'vitest';
import { withNotice, withoutPods } from '../../../stack/capacity/cluster.ts';
import { come, groupWith, play, poolWith, specOf } from './play.ts';

const about = (said: readonly string[], pattern: RegExp) => said.filter(line => pattern.test(line));

describe('the time until a pod runs', () => {
  it('is that of the boot, the image, which is pulled once a node, and the start', () => {
    const pool = poolWith({ gpusPerNode: 2 });
    const group = groupWith({ imagePullMs: 60_000, podStartMs: 2000 });
    const { said } = play(specOf([pool], [group]), [
      [0, come('real', 1)],
      [100, come('real', 2)],
      [400, come('real', 3)],
    ]);
    expect(said).toEqual([
      '0 gpu-1 booting',
      '0 real-1 pending: no node has 1 GPU free, gpu-1 boots in 90 s',
      '90 gpu-1 ready',
      '90 real-1 placed on gpu-1: starts in 62 s, its image is pulled first',
      // The pull for the first one goes on for 50 s more.
      '100 real-2 placed on gpu-1: starts in 52 s, its image is pulled first',
      '152 real-1 starts',
      '152 real-2 starts',
      '400 gpu-2 booting',
      '400 real-3 pending: no node has 1 GPU free, gpu-2 boots in 90 s',
      '490 gpu-2 ready',
      '490 real-3 placed on gpu-2: starts in 62 s, its image is pulled first',
      '552 real-3 starts',
    ]);
  });

  it('is none where a node with the image has room', () => {
    const spec = specOf([poolWith({ min: 1, gpusPerNode: 2 })], [groupWith({ imagePullMs: 60_000 })]);
    const { said } = play(spec, [
      [100, come('real', 1)],
      [300, come('real', 2)],
    ]);
    expect(said.slice(-2)).toEqual(['300 real-2 placed on gpu-1', '300 real-2 starts']);
  });
});

describe('nodes', () => {
  it('are limited, and who is beyond that waits with the reason until one leaves', () => {
    const spec = specOf([poolWith({ max: 1 })], [groupWith()]);
    const { said } = play(spec, [
      [0, come('real', 1, 2)],
      [500, (cluster, nowMs) => withoutPods(spec, cluster, new Set(['real-1']), nowMs)],
    ]);
    expect(about(said, /real-2/)).toEqual([
      '0 real-2 pending: no node has 1 GPU free, gpu has its maximum of 1 node',
      '500 real-2 pending: waits for real-1 to end on gpu-1',
      '505 real-2 placed on gpu-1',
      '505 real-2 starts',
    ]);
  });

  it('without pods are stopped after a while, but for as many as there are always', () => {
    const spec = specOf([poolWith({ min: 1 })], [groupWith()]);
    const { said } = play(spec, [
      [0, come('real', 1, 3)],
      [500, (cluster, nowMs) => withoutPods(spec, cluster, new Set(['real-1', 'real-2', 'real-3']), nowMs)],
    ]);
    expect(about(said, /stopped/)).toEqual(['1105 gpu-3 stopped', '1105 gpu-2 stopped']);
  });

  it('of kind gpu have no room for pods without one, those of kind mixed for both', () => {
    const cpu = groupWith({ name: 'web', milliGpus: 0, milliCpus: 6000, pools: ['gpu', 'cpu', 'mixed'] });
    const pools = [
      poolWith(),
      poolWith({ name: 'cpu', kind: 'cpu', gpusPerNode: 0, max: 1 }),
      poolWith({ name: 'mixed', kind: 'mixed', max: 1 }),
    ];
    const spec = specOf(pools, [cpu, groupWith({ pools: ['mixed'] })]);
    const { said } = play(spec, [
      [0, come('web', 1, 3)],
      [200, come('real', 1)],
    ]);
    expect(about(said, /placed|web-3/)).toEqual([
      '0 web-3 pending: no node has 6 CPUs free, another node of gpu would not help, cpu has its maximum of 1 node, mixed has its maximum of 1 node',
      '90 web-1 placed on cpu-1',
      '90 web-2 placed on mixed-1',
      '200 real-1 placed on mixed-1',
    ]);
  });

  it('are given notice after lifetimes that the seed draws, of the mean that is asked for', () => {
    const spec = specOf([poolWith({ isSpot: true, lifetimeMs: 3_600_000, min: 8 })], []);
    const { said, cluster } = play(spec, [], 100 * 3600);
    const notices = about(said, /notice/).length;
    // 8 nodes for 100 h, each taken after an hour, then 120 s and a boot of 90 s: 750 ± 4 × √750.
    expect(notices).toBeGreaterThan(640);
    expect(notices).toBeLessThan(860);
    expect(play(spec, [], 100 * 3600)).toEqual({ said, cluster });
    expect(play({ ...spec, seed: 2 }, [], 100 * 3600).said).not.toEqual(said);
  });
});

describe('a node that its provider takes', () => {
  const taking = (drainMs: number) => {
    const spec = specOf([poolWith({ isSpot: true, drainMs })], [groupWith()]);
    const { said } = play(spec, [
      [0, come('real', 1)],
      [200, cluster => withNotice(cluster, 'gpu', 1)],
    ]);
    return said.filter(line => Number.parseFloat(line) >= 200);
  };

  it('is replaced at the notice, and its pods end before it does', () => {
    expect(taking(30_000)).toEqual([
      '200 gpu-1 notice',
      '200 gpu-2 booting',
      '290 real-1 evicted from gpu-1: its node is taken in 30 s',
      '290 gpu-2 ready',
      '295 real-1 placed on gpu-2',
      '295 real-1 starts',
      '320 gpu-1 taken',
    ]);
  });

  it('takes them with it where there is no time to end', () => {
    expect(taking(0)).toEqual([
      '200 gpu-1 notice',
      '200 gpu-2 booting',
      '290 gpu-2 ready',
      '320 gpu-1 taken',
      '320 real-1 lost with gpu-1: its node was taken',
      '320 real-1 placed on gpu-2',
      '320 real-1 starts',
    ]);
  });
});

describe('GPUs', () => {
  it('are shared by pods that need a part of one, and by no more than there is', () => {
    const pool = poolWith({ min: 1, max: 1, gpusPerNode: 2 });
    const quarter = groupWith({ name: 'quarter', milliGpus: 250 });
    const most = groupWith({ name: 'most', milliGpus: 600 });
    const { cluster } = play(specOf([pool], [most, quarter]), [
      [0, come('most', 1, 3)],
      [1, come('quarter', 1, 3)],
    ]);
    const devices = Object.fromEntries(cluster.pods.map(({ name, status, devices: [one] }) => [name, one ?? status]));
    expect(devices).toEqual({
      ...{ 'most-1': 0, 'most-2': 1, 'most-3': 'pending' },
      ...{ 'quarter-1': 0, 'quarter-2': 1, 'quarter-3': 'pending' },
    });
  });
});

describe('priorities', () => {
  const groups = [groupWith(), groupWith({ name: 'batch', priority: 50 }), groupWith({ name: 'test', priority: 10 })];
  const spec = specOf([poolWith({ max: 2 })], groups);

  it('take the place of the least important, which waits then', () => {
    const { said } = play(spec, [
      [0, come('batch', 1)],
      [1, come('test', 1)],
      [200, come('real', 1)],
    ]);
    expect(said.filter(line => Number.parseFloat(line) >= 200)).toEqual([
      '200 test-1 evicted from gpu-2: preempted by real-1, of priority 90 over 10',
      '200 real-1 pending: preempts test-1 on gpu-2',
      '205 real-1 placed on gpu-2',
      '205 test-1 pending: no node has 1 GPU free, gpu has its maximum of 2 nodes',
      '205 real-1 starts',
    ]);
  });

  it('never take the place of equals', () => {
    const { said } = play(spec, [
      [0, come('real', 1, 2)],
      [200, come('real', 3)],
      [201, come('batch', 1)],
    ]);
    expect(about(said, /evicted/)).toEqual([]);
  });

  it.each([
    [{ minAvailable: 2 }, 0],
    [{ minAvailable: 1 }, 1],
    [{ maxUnavailable: 0 }, 0],
    [{ maxUnavailable: 1 }, 1],
    ['off', 2],
  ] as const)('keep to the disruption budget %o: of two %i end', (disruptionBudget, ended) => {
    const limited = specOf(
      [poolWith({ max: 2 })],
      [groupWith(), groupWith({ name: 'test', priority: 10, disruptionBudget })],
    );
    const { said } = play(limited, [
      [0, come('test', 1, 2)],
      [200, come('real', 1, 2)],
    ]);
    expect(about(said, /evicted/)).toHaveLength(ended);
  });
});

describe('a gang', () => {
  it('gets all its places at once, or none', () => {
    const gang = groupWith({ name: 'gang', minAvailable: 3, priority: 50 });
    const spec = specOf([poolWith({ max: 1, gpusPerNode: 3 })], [groupWith(), gang]);
    const { said } = play(spec, [
      [0, come('real', 1)],
      [100, come('gang', 1, 3)],
      [300, (cluster, nowMs) => withoutPods(spec, cluster, new Set(['real-1']), nowMs)],
    ]);
    expect(about(said, /gang/)).toEqual([
      ...[1, 2, 3].map(
        nth => `100 gang-${nth} pending: 3 places at once: no node has 1 GPU free, gpu has its maximum of 1 node`,
      ),
      ...[1, 2, 3].map(nth => `300 gang-${nth} pending: 3 places at once: waits for real-1 to end on gpu-1`),
      ...[1, 2, 3].map(nth => `305 gang-${nth} placed on gpu-1`),
      ...[1, 2, 3].map(nth => `305 gang-${nth} starts`),
    ]);
  });

  it('ends as a whole when one of it loses its place', () => {
    const gang = groupWith({ name: 'gang', minAvailable: 2, priority: 10 });
    const spec = specOf([poolWith({ max: 2 })], [groupWith(), gang]);
    const { said } = play(spec, [
      [0, come('gang', 1, 2)],
      [200, come('real', 1)],
    ]);
    expect(about(said, /evicted/)).toHaveLength(2);
  });
});

describe('anti-affinity', () => {
  const placesOf = (required: boolean, over: 'node' | 'zone') => {
    const group = groupWith({ antiAffinity: { over, required } });
    const pool = poolWith({ gpusPerNode: 4, min: 2, max: 2 });
    const { cluster } = play(specOf([pool], [group], ['zone-a', 'zone-b']), [[100, come('real', 1, 3)]]);
    return cluster.pods.map(({ node }) => node ?? 'none').sort();
  };

  it.each(['node', 'zone'] as const)('spreads pods over each %s; where it is required, two are never in one', over => {
    expect(placesOf(false, over)).toEqual(['gpu-1', 'gpu-1', 'gpu-2']);
    expect(placesOf(true, over)).toEqual(['gpu-1', 'gpu-2', 'none']);
  });
});
