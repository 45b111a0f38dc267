import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import type { Clock } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import type { ServiceContext } from '../../service-program.ts';
import type { AdminChange } from '../admin/admin-server.ts';
import { statusOf } from '../http/access-log.ts';
import type { Exchange } from '../http/exchange.ts';
import { AuditFile, type Entry } from './audit-file.ts';
import type { AuditConfig } from './config.ts';

/** How long the log waits after an error of the disk before it tries again, in ms. */
const RETRY_MS = 1000;

interface AuditOptions {
  readonly config: AuditConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: Registry;
  readonly settle: ServiceContext['settle'];
  /** Address of the client of a request. */
  readonly addressOf: (exchange: Exchange) => string | undefined;
}

/**
 * Audit log of a gateway. Requests never wait for it: their records are buffered, written in batches, and dropped while the buffer is full or the
 * disk fails, which a record then says.
 *
 * ```
 *  requests ──► buffer (maxBuffered) ──► batch ──► file of the day ──► disk
 *                 └ full: counted ─────────┴─► "dropped" record
 * ```
 */
export class AuditLog implements AsyncDisposable {
  readonly #options: AuditOptions;
  readonly #file: AuditFile;
  readonly #records: Counter<'result'>;
  #buffer: Entry[] = [];
  #dropped: { count: number; readonly since: string; readonly reason: 'full' | 'error' } | undefined;
  /** The write in progress. */
  #writing: Promise<void> | undefined;
  #isBroken = true;

  /** @throws SquallError `FOREIGN_FOLDER`, `NO_FOLDER` */
  constructor(options: AuditOptions) {
    this.#options = options;
    this.#file = new AuditFile(options.config.folder, options.config.keepDays);
    const help = 'Records of the audit log, by what became of them';
    this.#records = new Counter({
      ...{ name: 'gateway_audit_records_total', help, labelNames: ['result'], registers: [options.registry] },
    });
    for (const result of ['written', 'dropped']) this.#records.labels(result).inc(0);
  }

  /** Continues the chain, so that what is wrong with the folder shows at once. */
  async start(): Promise<void> {
    await this.#write();
  }

  /** Records a request that has ended. */
  record(exchange: Exchange, durationMs: number): void {
    const { addressOf, config } = this.#options;
    const { trace, requestId, caller, request, route, streamed, attempts, upstream, outcome, reason } = exchange;
    this.#add({
      type: 'request',
      ...{ requestId, traceId: trace.traceId, caller, address: addressOf(exchange), method: request.method, route },
      ...{ status: statusOf(exchange), stream: streamed, attempts, upstream: upstream || undefined },
      ...{ outcome, reason, durationMs: Math.round(durationMs), bodyBytes: exchange.body.length },
      ...exchange.charge?.fields,
      ...(config.prompts && exchange.body.length > 0 ? { body: exchange.body.toString('utf8') } : {}),
    });
  }

  /** Records a change through the admin API, or an attempt at one. */
  recordChange(change: AdminChange): void {
    this.#add({ type: 'admin', ...change });
  }

  #add(content: Entry['content']): void {
    const time = this.#time();
    if (this.#buffer.length < this.#options.config.maxBuffered) this.#buffer.push({ time, content });
    else this.#drop(1, time, 'full');
    this.#writing ??= this.#writeAll();
  }

  /** Writes what is buffered, and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    if (this.#buffer.length > 0 || this.#dropped) await this.#write();
    await this.#options.settle(() => this.#file.close());
    this.#options.log.info({ head: this.#file.head }, 'audit log closed');
  }

  async #writeAll(): Promise<void> {
    // Requests that end in the same turn share a batch.
    await Promise.resolve();
    while (this.#buffer.length > 0) {
      await this.#write();
      if (this.#isBroken) await this.#options.clock.sleep(RETRY_MS);
    }
    this.#writing = undefined;
  }

  /** Writes one batch. */
  async #write(): Promise<void> {
    const batch = this.#buffer;
    const dropped = this.#dropped;
    this.#buffer = [];
    this.#dropped = undefined;
    const time = this.#time();
    if (dropped) batch.push({ time, content: { type: 'dropped', ...dropped } });
    try {
      await this.#options.settle(async () => {
        if (this.#isBroken) await this.#file.resume(time);
        this.#isBroken = false;
        if (batch.length > 0) await this.#file.append(batch);
      });
      this.#records.labels('written').inc(batch.length);
    } catch (error) {
      this.#isBroken = true;
      this.#options.log.error({ reason: messageOf(error) }, 'audit log cannot be written');
      const lost = batch.length - (dropped ? 1 : 0);
      const { count, since } = dropped ?? { count: 0, since: batch[0]?.time ?? time };
      if (lost + count > 0) this.#drop(lost + count, since, 'error', count);
    }
  }

  /** @param known how many of them are counted already */
  #drop(count: number, since: string, reason: 'full' | 'error', known = 0): void {
    this.#dropped ??= { count: 0, since, reason };
    this.#dropped.count += count;
    this.#records.labels('dropped').inc(count - known);
  }

  #time(): string {
    return this.#options.clock.date().toISOString();
  }
}
