import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { LEVEL_NAMES, LEVELS, type Level } from './level.ts';

const WAIT_SECONDS = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600];

/**
 * How a request's wait ended: `admitted`, at once or later · `full`, `timeout`: rejected by the level's bounds · `deadline`: that of the request ·
 * `cancelled`: the client disconnected. One that is downgraded is counted at each level.
 */
export type WaitEnd = 'admitted' | 'full' | 'timeout' | 'deadline' | 'cancelled';

interface AdmissionSources {
  /** Slots that there are. */
  limit(): number;
  /** Slots that only urgent requests may use at the moment. */
  reserved(): number;
  waiting(level: Level): number;
  inUse(level: Level): number;
}

/** Metrics of admission, named `gateway_admission_…`, by level. */
export class AdmissionMetrics {
  readonly #ends: Counter<'level' | 'end'>;
  readonly #downgrades: Counter<'level'>;
  readonly #waits: readonly Histogram.Internal<'level'>[];

  constructor(registry: Registry, sources: AdmissionSources) {
    const registers = [registry];
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        ...{ name: `gateway_admission_${name}`, help, registers },
        collect() {
          this.set(value());
        },
      });
    const byLevel = (name: string, help: string, value: (level: Level) => number) =>
      new Gauge({
        ...{ name: `gateway_admission_${name}`, help, labelNames: ['level'], registers },
        collect() {
          for (const level of LEVELS) this.set({ level: LEVEL_NAMES[level] }, value(level));
        },
      });
    gauge('limit', 'Requests that may be in progress at once', sources.limit);
    gauge('reserved', 'Part of the limit that only urgent requests may use now', sources.reserved);
    byLevel('waiting', 'Requests that wait for admission', sources.waiting);
    byLevel('in_use', 'Admitted requests in progress', sources.inUse);
    this.#ends = new Counter({
      name: 'gateway_admission_requests_total',
      help: 'Requests by level and how their wait for admission ended',
      labelNames: ['level', 'end'],
      registers,
    });
    this.#downgrades = new Counter({
      name: 'gateway_admission_downgrades_total',
      help: 'Requests that went on at the next level, as they allowed, by the level that they left',
      labelNames: ['level'],
      registers,
    });
    const waits = new Histogram({
      name: 'gateway_admission_wait_seconds',
      help: 'Time that admitted requests waited',
      labelNames: ['level'],
      buckets: WAIT_SECONDS,
      registers,
    });
    this.#waits = LEVEL_NAMES.map(level => waits.labels(level));
  }

  /** Counts the end of a wait. */
  recordEnd(level: Level, end: WaitEnd, waitedMs: number): void {
    this.#ends.inc({ level: LEVEL_NAMES[level], end });
    if (end === 'admitted') this.#waits[level]!.observe(waitedMs / 1000);
  }

  /** Counts a request that leaves a level for the next. */
  recordDowngrade(level: Level): void {
    this.#downgrades.inc({ level: LEVEL_NAMES[level] });
  }
}
