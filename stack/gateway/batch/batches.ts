import { hash } from 'node:crypto';
import { ApiError } from '../http/api-error.ts';
import type { BatchConfig } from './config.ts';
import { type Files, KEYS, type NewFile, RECORD_BYTES } from './files.ts';
import type { Check, Command, Ledger, Scored } from './ledger/ledger.ts';
import { type BatchRecord, type BatchStatus, batchOf, type Ending, type LineError } from './records.ts';

/** Attempts of a commit that others may get in the way of. */
const MAX_CONFLICTS = 50;
/** Open batches that a gateway looks at. */
const MAX_OPEN = 1000;

/** A batch that is going to be created. */
export type NewBatch = Pick<BatchRecord, 'id' | 'tenant' | 'input' | 'endpoint' | 'metadata' | 'createdMs'>;

/** The files that a batch ends with. */
export interface BatchFiles {
  readonly output: Buffer | undefined;
  readonly error: Buffer | undefined;
}

/** Batches of all tenants, in a ledger, from their creation to their end. What happens to their lines is in `lines.ts`. */
export class Batches {
  readonly #ledger: Ledger;
  readonly #config: BatchConfig;
  readonly #files: Files;

  constructor(ledger: Ledger, config: BatchConfig, files: Files) {
    this.#ledger = ledger;
    this.#config = config;
    this.#files = files;
  }

  /** Accepts a batch, once, however often it is called. @throws ApiError 400 without its input file, 429 above `maxOpenPerKey`, 413 without room */
  async create({ id, tenant, input, endpoint, metadata, createdMs }: NewBatch): Promise<void> {
    const { windowMs, maxOpenPerKey } = this.#config;
    for (let attempt = 0; attempt < MAX_CONFLICTS; attempt += 1) {
      if (await this.get(tenant, id)) return;
      const file = await this.#files.get(tenant, input);
      if (file?.purpose !== 'batch')
        throw new ApiError(
          400,
          'invalid_value',
          'Expected the id of one of your files with the purpose batch.',
          'input_file_id',
        );
      const [open = ''] = await this.#ledger.values(KEYS.usage, [`open:${tenant}`]);
      if (Number(open) >= maxOpenPerKey)
        throw new ApiError(
          429,
          'too_many_batches',
          `${open} of your batches have not ended; the limit is ${maxOpenPerKey}.`,
        );
      const text = metadata ? JSON.stringify(metadata) : '';
      const size = RECORD_BYTES + Buffer.byteLength(text);
      const room = await this.#files.room(tenant, size, 'metadata');
      const checks: Check[] = [
        ...room.checks,
        ['', 'HGET', KEYS.batch(id), 'status'],
        [tenant, 'HGET', KEYS.file(input), 'tenant'],
        [open, 'HGET', KEYS.usage, `open:${tenant}`],
      ];
      const fields = {
        ...{ tenant, input, endpoint, status: 'validating', createdMs, expiresMs: createdMs + windowMs },
        ...{ next: 0, completed: 0, failed: 0, size, ...(metadata && { metadata: text }) },
      };
      const commands: Command[] = [
        ...room.commands,
        ['HSET', KEYS.batch(id), ...Object.entries(fields).flat()],
        ['ZADD', KEYS.batches(tenant), createdMs, id],
        ['ZADD', KEYS.open, 0, id],
        ['HINCRBY', KEYS.file(input), 'uses', 1],
        ['HINCRBY', KEYS.usage, `open:${tenant}`, 1],
      ];
      if (await this.#ledger.commit(checks, commands)) return;
    }
    throw new Error('Others came first each time.');
  }

  async get(tenant: string, id: string): Promise<BatchRecord | undefined> {
    const batch = await this.find(id);
    return batch?.tenant === tenant ? batch : undefined;
  }

  /** A batch, whoever asks. */
  async find(id: string): Promise<BatchRecord | undefined> {
    return batchOf(id, await this.#ledger.fields(KEYS.batch(id)));
  }

  /** Ids of a tenant's batches, the newest first. */
  async ids(tenant: string): Promise<string[]> {
    const found = await this.#ledger.range(KEYS.batches(tenant), Number.POSITIVE_INFINITY, -1);
    return found.map(({ member }) => member).reverse();
  }

  /** Batches that have not ended, by when their next step may be taken. */
  open(): Promise<Scored[]> {
    return this.#ledger.range(KEYS.open, Number.POSITIVE_INFINITY, MAX_OPEN);
  }

  /** Takes the next step of a batch for a while. @returns false where another gateway has */
  takeStep({ member, score }: Scored, nowMs: number): Promise<boolean> {
    const checks: Check[] = [[String(score), 'ZSCORE', KEYS.open, member]];
    return this.#ledger.commit(checks, [['ZADD', KEYS.open, nowMs + this.#config.leaseMs, member]]);
  }

  /** Has the lines of a batch run from now on. */
  begin({ id }: BatchRecord, total: number, nowMs: number): Promise<boolean> {
    const fields = ['status', 'in_progress', 'at:in_progress', nowMs, 'total', total];
    return this.#ledger.commit([is('validating', id)], [['HSET', KEYS.batch(id), ...fields]]);
  }

  /** Ends a batch whose input cannot be used. */
  fail(batch: BatchRecord, errors: readonly LineError[], nowMs: number): Promise<boolean> {
    const text = JSON.stringify(errors);
    const size = batch.size + Buffer.byteLength(text);
    const fields = ['status', 'failed', 'at:failed', nowMs, 'errors', text, 'size', size];
    const counted = this.#files.counted(batch.tenant, size - batch.size);
    const commands: Command[] = [['HSET', KEYS.batch(batch.id), ...fields], ...counted, ...this.#ended(batch, nowMs)];
    return this.#ledger.commit([is('validating', batch.id)], commands);
  }

  /** Asks for the end of a batch that is `validating` or `in_progress`. @returns false where it no longer is */
  cancel({ id, status }: BatchRecord, nowMs: number): Promise<boolean> {
    const fields = ['status', 'cancelling', 'at:cancelling', nowMs];
    return this.#ledger.commit([is(status, id)], [['HSET', KEYS.batch(id), ...fields]]);
  }

  /** Has no more lines run. Results that come later are not taken. */
  finalize({ id, status, completed, failed }: BatchRecord, ending: Ending, nowMs: number): Promise<boolean> {
    const checks: Check[] = [
      is(status, id),
      [String(completed), 'HGET', KEYS.batch(id), 'completed'],
      [String(failed), 'HGET', KEYS.batch(id), 'failed'],
    ];
    return this.#ledger.commit(checks, [
      ['HSET', KEYS.batch(id), 'status', 'finalizing', 'at:finalizing', nowMs, 'ending', ending],
      ['DEL', KEYS.owners(id)],
      ['DEL', KEYS.leases(id)],
      ['ZADD', KEYS.open, 0, id],
    ]);
  }

  /** Ends a batch with its files, whose ids are those of the batch, so that there are never two of a kind. */
  end(batch: BatchRecord, files: BatchFiles, nowMs: number): Promise<boolean> {
    const { id, tenant, ending } = batch;
    const made: NewFile[] = (['output', 'error'] as const).flatMap(kind => {
      const content = files[kind];
      const own = { id: `file-${hash('sha256', `${id} ${kind}`).slice(0, 32)}`, name: `${id}_${kind}.jsonl` };
      return content ? [{ ...own, tenant, purpose: 'batch_output', createdMs: nowMs, content }] : [];
    });
    const fields = made.flatMap(({ id: file, name }) => [name.endsWith('_output.jsonl') ? 'output' : 'error', file]);
    const bytes = made.reduce((sum, { content }) => sum + this.#files.sizeOf(content), 0);
    return this.#ledger.commit(
      [is('finalizing', id)],
      [
        ['DEL', KEYS.results(id)],
        ['DEL', KEYS.attempts(id)],
        ...made.flatMap(file => this.#files.creation(file)),
        ...this.#files.counted(tenant, bytes),
        ['HSET', KEYS.batch(id), 'status', ending, `at:${ending}`, nowMs, ...fields],
        ...this.#ended(batch, nowMs),
      ],
    );
  }

  /** Forgets a batch that has ended long ago. */
  async remove({ id, tenant, size }: BatchRecord): Promise<void> {
    await this.#ledger.commit(
      [[tenant, 'HGET', KEYS.batch(id), 'tenant']],
      [
        ...this.#files.counted(tenant, -size),
        ['DEL', KEYS.batch(id)],
        ['ZREM', KEYS.batches(tenant), id],
        ['ZREM', KEYS.expiry, `batch ${id}`],
      ],
    );
  }

  #ended({ id, tenant, input }: BatchRecord, nowMs: number): Command[] {
    return [
      ['ZREM', KEYS.open, id],
      ['HINCRBY', KEYS.file(input), 'uses', -1],
      ['HINCRBY', KEYS.usage, `open:${tenant}`, -1],
      ['ZADD', KEYS.expiry, nowMs + this.#config.keepMs, `batch ${id}`],
    ];
  }
}

function is(status: BatchStatus, id: string): Check {
  return [status, 'HGET', KEYS.batch(id), 'status'];
}
