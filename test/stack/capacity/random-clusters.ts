import type { Random } from '../../../harness/random.ts';
import {
  type Cluster,
  type ClusterSpec,
  type Decision,
  EMPTY_CLUSTER,
  type GroupSpec,
  newPod,
  type PoolSpec,
  withEnded,
  withHealth,
  withNotice,
  withoutPods,
  withPods,
} from '../../../stack/capacity/cluster.ts';

type Decide = (spec: ClusterSpec, cluster: Cluster, nowMs: number) => Decision;

const PRIORITIES = [90, 50, 10] as const;
const ZONES = ['zone-a', 'zone-b'];

/** Any cluster, small enough that a person could check it. */
export function randomSpec(random: Random): ClusterSpec {
  const zones = ZONES.slice(0, random.integer(1, 2));
  const pools = Array.from({ length: random.integer(1, 2) }, (_, nth) => {
    const min = random.integer(0, 1);
    const kind: PoolSpec['kind'] = nth > 0 && random.next() < 0.3 ? random.pick(['cpu', 'mixed'] as const) : 'gpu';
    return {
      ...{ name: `pool${nth}`, kind, min, max: min + random.integer(0, 1) },
      ...{ bootMs: random.integer(0, 200), idleMs: random.integer(0, 400), pricePerHour: 1 },
      ...{ isSpot: random.next() < 0.5, noticeMs: random.integer(0, 60), lifetimeMs: Number.POSITIVE_INFINITY },
      drainMs: random.integer(0, 30),
      ...{ gpusPerNode: kind === 'cpu' ? 0 : random.integer(1, 4), milliCpusPerNode: 8000 },
    };
  });
  const groups = Array.from({ length: random.integer(2, 4) }, (_, nth): GroupSpec => {
    const minAvailable = random.next() < 0.25 ? random.integer(2, 3) : 1;
    const over = random.pick(['node', 'zone'] as const);
    return {
      ...{ name: `g${nth}`, priority: random.pick(PRIORITIES), minAvailable },
      milliGpus: random.pick([250, 500, 600, 1000, 1000, 2000, 3000]),
      milliCpus: random.pick([0, 0, 1000, 3000]),
      pools: random.next() < 0.7 ? pools.map(({ name }) => name) : [random.pick(pools).name],
      antiAffinity: random.next() < 0.7 ? 'off' : { over, required: random.next() < 0.5 },
      disruptionBudget:
        random.next() < 0.6
          ? 'off'
          : random.next() < 0.5
            ? { minAvailable: random.integer(0, 3) }
            : { maxUnavailable: random.integer(0, 2) },
      imagePullMs: random.integer(0, 50),
      podStartMs: random.integer(0, 20),
      graceMs: random.next() < 0.3 ? undefined : random.integer(0, 30),
    };
  });
  return { pools, groups, zones, seed: 1 };
}

/** What happens to a cluster: pods come and go, end, and become healthy, nodes are given notice. */
function disturb(random: Random, spec: ClusterSpec, before: Cluster, nowMs: number): Cluster {
  let cluster = before;
  const group = random.pick(spec.groups);
  const own = cluster.pods.filter(pod => pod.group === group.name);
  const what = random.next();
  if (what < 0.55) {
    const count = Math.max(group.minAvailable, random.integer(1, 3));
    const added = Array.from({ length: count }, (_, nth) =>
      // The pods of a gang are alike.
      newPod(
        `${group.name}-${own.length + nth}`,
        group.name,
        group.minAvailable === 1 ? random.pick([undefined, undefined, undefined, ...spec.zones]) : undefined,
      ),
    );
    if (own.length + count <= 6) cluster = withPods(cluster, added);
  } else if (what < 0.7) {
    const gone = own.filter(() => group.minAvailable > 1 || random.next() < 0.5).map(({ name }) => name);
    cluster = withoutPods(spec, cluster, new Set(gone), nowMs);
  } else if (what < 0.85) cluster = withNotice(cluster, random.pick(spec.pools).name, 1);
  return reported(random, cluster, nowMs, 0.5);
}

/** Some pods of those that report have ended, or become healthy. */
function reported(random: Random, before: Cluster, nowMs: number, ratio: number): Cluster {
  let cluster = before;
  for (const { name, status, endsAtMs, isStarted } of cluster.pods) {
    if (status === 'ending' && endsAtMs === Number.POSITIVE_INFINITY && random.next() < ratio)
      cluster = withEnded(cluster, name, nowMs);
    if (status === 'placed' && isStarted && random.next() < ratio)
      cluster = withHealth(cluster, name, random.next() < 0.8);
  }
  return cluster;
}

/** Called with each decision of a walk. */
export type Check = (spec: ClusterSpec, before: Cluster, decision: Decision, nowMs: number) => void;

/** Several disturbances, and what is decided after each; then nothing more happens, until nothing changes. @returns its decisions then */
export function walk(random: Random, decide: Decide, check: Check): number {
  const spec = randomSpec(random);
  let cluster = EMPTY_CLUSTER;
  let nowMs = 0;
  const step = () => {
    for (let round = 0; round < 20; round += 1) {
      const decision = decide(spec, cluster, nowMs);
      check(spec, cluster, decision, nowMs);
      cluster = decision.cluster;
      if (decision.wakeAtMs > nowMs) return decision;
    }
    throw new Error('loop: it never settles');
  };
  for (let count = random.integer(5, 9); count > 0; count -= 1) {
    cluster = disturb(random, spec, cluster, nowMs);
    const { wakeAtMs } = step();
    nowMs = Number.isFinite(wakeAtMs) && random.next() < 0.7 ? wakeAtMs : nowMs + random.integer(0, 300);
  }
  for (let rounds = 0; rounds < 100; rounds += 1) {
    const { wakeAtMs } = step();
    const known = cluster;
    cluster = reported(random, cluster, nowMs, 1);
    const isSame = known.pods.every((pod, nth) => pod.endsAtMs === cluster.pods[nth]!.endsAtMs);
    if (wakeAtMs === Number.POSITIVE_INFINITY && isSame) return rounds;
    if (isSame) nowMs = wakeAtMs;
  }
  throw new Error('loop: it goes on though nothing happens');
}
