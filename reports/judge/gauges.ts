import type { TimedEvent } from '../../harness/history.ts';
import type { Readings } from '../../harness/metrics.ts';

/** Gauge of a replica, by its name in objectives and charts. */
export type Gauge = 'queue' | 'running' | 'in-flight' | 'kv-cache' | 'gpu' | 'gpu-memory' | 'memory';

/** Unit of each gauge, and its value in a replica's readings; null where it is absent. */
export const GAUGES: Readonly<
  Record<Gauge, { readonly unit: '' | '%' | 'MiB'; readonly of: (readings: Readings) => number | null }>
> = {
  queue: { unit: '', of: ({ queue = null }) => queue },
  running: { unit: '', of: ({ running = null }) => running },
  'in-flight': { unit: '', of: ({ inFlight = null }) => inFlight },
  'kv-cache': { unit: '%', of: ({ kvRatio = null }) => (kvRatio === null ? null : 100 * kvRatio) },
  gpu: { unit: '%', of: ({ gpuPercent = null }) => gpuPercent },
  'gpu-memory': { unit: '%', of: gpuMemoryPercent },
  memory: { unit: 'MiB', of: ({ memoryMiB = null }) => memoryMiB },
};

/** Reading of one replica at one instant; `value` is null in a round without a response. */
export interface GaugeReading {
  readonly atMs: number;
  readonly value: number | null;
}

/** Readings of a gauge of one replica. */
export interface GaugeSeries {
  readonly replica: string;
  /** One reading for each round in which the replica was ready, in order. */
  readonly readings: readonly GaugeReading[];
}

/**
 * Readings of a gauge in [fromMs, toMs), for every replica that exported it at least once in the run. Rounds during which a replica
 * was not ready throughout are excluded: a killed replica has no queue, whereas the queue of a ready replica that does not respond
 * is unknown.
 */
export function gaugeSeries(gauge: Gauge, events: readonly TimedEvent[], fromMs: number, toMs: number): GaugeSeries[] {
  const rounds = events.filter(event => event.type === 'sample');
  const value = (readings: Readings | undefined) => (readings ? GAUGES[gauge].of(readings) : null);
  const names = new Set(rounds.flatMap(round => Object.keys(round.readings)));
  return [...names]
    .filter(name => rounds.some(round => value(round.readings[name]) !== null))
    .sort()
    .map(replica => {
      const ready = readinessOf(replica, events);
      return {
        replica,
        readings: rounds
          .filter(({ seenMs, atMs }) => seenMs >= fromMs && seenMs < toMs && ready(seenMs, atMs))
          .map(round => ({ atMs: round.seenMs, value: value(round.readings[replica]) })),
      };
    });
}

/** Reason why a metric cannot be judged that nothing reported in a window: which gauges were reported over the run. */
export function unreported(metric: string, events: readonly TimedEvent[]): string {
  const rounds = events.filter(event => event.type === 'sample').flatMap(({ readings }) => Object.values(readings));
  const seen = (Object.keys(GAUGES) as Gauge[]).filter(gauge => rounds.some(round => GAUGES[gauge].of(round) !== null));
  const others = seen.length === 0 ? 'nothing' : seen.join(', ');
  return `No replica reported its ${metric} in the window; over the run ${others} was reported.`;
}

/** Whether a replica was ready throughout an interval. A replica without events, as on an external platform, counts as ready. */
function readinessOf(replica: string, events: readonly TimedEvent[]): (fromMs: number, toMs: number) => boolean {
  const changes = events.filter(event => event.type === 'replica').filter(event => event.replica === replica);
  return (fromMs, toMs) => {
    const before = changes.findLast(change => change.atMs <= fromMs);
    const during = changes.some(change => change.atMs > fromMs && change.atMs <= toMs);
    return changes.length === 0 || (before?.state === 'ready' && !during);
  };
}

function gpuMemoryPercent({ gpuUsedMiB, gpuFreeMiB }: Readings): number | null {
  if (gpuUsedMiB === undefined || gpuFreeMiB === undefined || gpuUsedMiB + gpuFreeMiB === 0) return null;
  return (100 * gpuUsedMiB) / (gpuUsedMiB + gpuFreeMiB);
}
