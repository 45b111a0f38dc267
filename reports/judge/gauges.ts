import type { TimedEvent } from '../../harness/history.ts';
import type { Readings } from '../../harness/metrics.ts';

/** A gauge that objectives and charts know by name. */
export type Gauge = 'queue' | 'running' | 'in-flight' | 'kv-cache' | 'gpu' | 'gpu-memory' | 'memory';

/** Each gauge with its unit, and how it is read from what a replica told; null where it was not told. */
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

/** What one replica read at one instant; `value` is null in a round in which it told nothing. */
export interface GaugeReading {
  readonly atMs: number;
  readonly value: number | null;
}

/** One replica's readings of a gauge. */
export interface GaugeSeries {
  readonly replica: string;
  /** A reading a round in which it was ready, in order. */
  readonly readings: readonly GaugeReading[];
}

/**
 * The readings of a gauge in [fromMs, toMs), for every replica that told it at least once in the whole run. A round in which
 * a replica was not ready from the question to the record is not one of its rounds: a killed replica has no queue; one that
 * is ready and silent has one that nobody saw.
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

/** Whether a replica was ready all the while. One of which nothing is told, as on a platform of the user's own, always is. */
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
