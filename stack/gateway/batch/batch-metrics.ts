import { Counter, Gauge, type Registry } from 'prom-client';
import { computedGauge } from '../../observability/computed-gauge.ts';
import type { BatchStatus } from './records.ts';

const LINES = ['completed', 'failed', 'retried', 'unused', 'superseded'] as const;

/** What became of a run of a line: `unused` was not sent to an upstream, `superseded` has the result of another run. */
export type LineEnd = (typeof LINES)[number];

/** Metrics of batches, named `gateway_batch_…`. Each gateway counts what it did. */
export class BatchMetrics {
  readonly lines: Counter<'result'>;
  /** Lines that were begun again. */
  readonly reruns: Counter;
  readonly #batches: Counter<'status'>;
  /** 1 while the ledger responds. */
  readonly ledgerUp: Gauge;

  /** @param running lines that this gateway runs now */
  constructor(registry: Registry, running: () => number) {
    const registers = [registry];
    const name = (own: string) => `gateway_batch_${own}`;
    this.lines = new Counter({
      ...{ name: name('lines_total'), help: 'Runs of lines by what became of them', labelNames: ['result'], registers },
    });
    for (const result of LINES) this.lines.labels(result).inc(0);
    this.reruns = new Counter({ name: name('reruns_total'), help: 'Runs of lines that were begun before', registers });
    this.#batches = new Counter({
      ...{
        name: name('batches_total'),
        help: 'Batches by the state they came into',
        labelNames: ['status'],
        registers,
      },
    });
    this.ledgerUp = new Gauge({ name: name('ledger_up'), help: '1 while Redis responds', registers });
    computedGauge(registry, name('lines_running'), 'Lines that run, or wait for admission', running);
  }

  /** Counts a batch that this gateway brought into a state. */
  recordStatus(status: BatchStatus): void {
    this.#batches.labels(status).inc();
  }
}
