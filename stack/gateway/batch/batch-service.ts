import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '../../../harness/clock.ts';
import type { Random } from '../../../harness/random.ts';
import type { GatewayConfig } from '../config.ts';
import { bound } from '../connections/limits.ts';
import type { Exchange, Stage } from '../http/exchange.ts';
import { BatchMetrics } from './batch-metrics.ts';
import { Batches } from './batches.ts';
import type { BatchConfig } from './config.ts';
import type { Contents } from './contents.ts';
import { Files } from './files.ts';
import type { Ledger } from './ledger/ledger.ts';
import { limitedLedger } from './ledger/limited-ledger.ts';
import { runLine } from './line-run.ts';
import { Lines } from './lines.ts';
import type { BatchEndpoint } from './records.ts';
import { BatchWorker } from './worker.ts';

/** What a gateway's batches need beside their configuration. */
export interface BatchStore {
  readonly ledger: Ledger;
  /** How contents are written in it. @default as they are */
  readonly contents?: Contents | undefined;
  /** A new unique and unguessable id. */
  readonly newId: () => string;
}

interface BatchParts extends BatchStore, Pick<GatewayConfig, 'maxBodyBytes' | 'maxJsonDepth'> {
  readonly config: BatchConfig;
  /** Of the gateway. */
  readonly name: string;
  /** Models that are served; empty: any. */
  readonly models: readonly string[];
  /** How long a line may take, with its wait for admission. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly registry: Registry;
  /** Called when a line has run, as for a request. */
  readonly onRun: (exchange: Exchange, durationMs: number) => void;
}

/** Batches of one gateway: what clients ask of them, and its part of the work. */
export class BatchService implements AsyncDisposable {
  readonly config: BatchConfig;
  readonly files: Files;
  readonly batches: Batches;
  readonly ledger: Ledger;
  readonly newId: () => string;
  readonly #worker: BatchWorker;
  /** Stages of a completion from its validation on, by path. */
  #stages: Readonly<Record<BatchEndpoint, readonly Stage[]>> | undefined;

  constructor(parts: BatchParts) {
    const { config, name, newId, clock, random, timeoutMs, registry, onRun, log, models } = parts;
    const [maxBodyBytes, maxDepth] = [bound(parts.maxBodyBytes), bound(parts.maxJsonDepth)];
    this.config = config;
    this.newId = newId;
    this.ledger = limitedLedger(parts.ledger, config.redis.timeoutMs, clock);
    this.files = new Files(this.ledger, config, parts.contents);
    this.batches = new Batches(this.ledger, config, this.files);
    this.#worker = new BatchWorker({
      ...{ config, clock, log, ledger: this.ledger, files: this.files, batches: this.batches },
      lines: new Lines(this.ledger, config, parts.contents),
      metrics: new BatchMetrics(registry, () => this.#worker.running),
      limits: { models: new Set(models), maxBodyBytes, maxDepth },
      newOwner: () => `${name}/${newId()}`,
      run: ({ endpoint, tenant }, body) =>
        runLine({ endpoint, body, tenant, timeoutMs }, this.#stages![endpoint], random, clock.nowMs()),
      onRun: ({ exchange }) => onRun(exchange, clock.nowMs() - exchange.receivedMs),
    });
  }

  /** Connects to the store, and begins to work. @param stages of a completion from its validation on, by path */
  start(stages: Readonly<Record<BatchEndpoint, readonly Stage[]>>): void {
    this.#stages = stages;
    this.ledger.open();
    void this.#worker.work();
  }

  /** Looks for work at once. */
  wake(): void {
    this.#worker.wake();
  }

  /** Begins no more lines. */
  drain(): void {
    this.#worker.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#worker.stop();
    await this.#worker.cancelAll();
    this.ledger.close();
  }
}

/** Batches of a gateway; undefined where they are off. */
export function openBatches(
  { batch: config, admission, name, models, timeouts, maxBodyBytes, maxJsonDepth }: GatewayConfig,
  store: BatchStore | undefined,
  { clock, random, log, registry, onRun }: Pick<BatchParts, 'clock' | 'random' | 'log' | 'registry' | 'onRun'>,
): BatchService | undefined {
  if (config === 'off' || !store) return undefined;
  const timeoutMs = timeouts.totalMs + (admission === 'off' ? 0 : admission.levels.batch.maxWaitMs);
  return new BatchService({
    ...{ ...store, config, name, models, maxBodyBytes, maxJsonDepth, timeoutMs, clock, log, registry, onRun },
    random: random.stream('batch'),
  });
}
