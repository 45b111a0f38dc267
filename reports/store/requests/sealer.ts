import { rmSync } from 'node:fs';
import type { RequestRecord } from '../../../harness/requests.ts';
import type { Partition } from '../../../harness/segment.ts';
import { GROWING_ROWS } from './columns.ts';
import { GrowingFile } from './growing.ts';
import { journalsOf, recordsIn } from './journals.ts';

/** What a {@link Sealer} seals. */
export interface SealerOptions {
  /** Run directory. */
  readonly directory: string;
  readonly runId: string;
  /** Arrivals that the run sends. */
  readonly partition: Partition;
  /** @default 32,768 */
  readonly groupRows?: number | undefined;
}

/** Row groups that may wait for a request that is still in flight: those of 20 minutes at 208 requests a second. */
const MAX_WAITING_GROUPS = 8;

/**
 * Moves the requests of a run that goes on from its journals, of which no worker will append to them any more, into the growing file: a row
 * group as soon as all its requests have ended, since the file is in scheduled order. A journal is deleted when all its requests are
 * there, and so no request is in neither; those that are in both have an index up to the last of the file.
 *
 * ```
 * requests-7.ndjson  ┐
 * requests-8.ndjson  ├─► sorted: 0 1 2 3 … 32,767 │ 32,768 … (36,001 in flight) ─► requests.parquet.growing
 * requests-9.ndjson  ┘ appended to
 * ```
 *
 * Where more than eight row groups wait for one request, it gives up: all that is left remains in the journals and is sorted at the end.
 */
export class Sealer implements Disposable {
  readonly #options: SealerOptions;
  readonly #groupRows: number;
  readonly #waiting = new Map<number, RequestRecord>();
  /** Journals that were read, with the largest index in each. */
  readonly #read = new Map<string, number>();
  #file: GrowingFile | undefined;
  /** Index of the next record of the file, and the first after it that has not ended. */
  #next: number;
  #missing: number;
  #hasGivenUp = false;

  constructor(options: SealerOptions) {
    this.#options = options;
    this.#groupRows = options.groupRows ?? GROWING_ROWS;
    this.#next = options.partition.first;
    this.#missing = this.#next;
  }

  /** Seals what can be sealed by now. @throws Error for a full disk, SquallError `BAD_JOURNAL` for a journal that was changed; all is left as it was */
  async seal(): Promise<void> {
    for (const journals of journalsOf(this.#options.directory))
      for (const path of journals.slice(0, -1)) {
        if (this.#hasGivenUp) return;
        if (!this.#read.has(path)) await this.#take(path);
      }
  }

  [Symbol.dispose](): void {
    this.#file?.[Symbol.dispose]();
  }

  async #take(path: string): Promise<void> {
    let last = -1;
    for await (const batch of recordsIn(path))
      for (const record of batch) {
        last = Math.max(last, record.index);
        if (record.index >= this.#next) this.#waiting.set(record.index, record);
      }
    this.#read.set(path, last);
    const { step } = this.#options.partition;
    while (this.#waiting.has(this.#missing)) this.#missing += step;
    while (this.#missing - this.#next >= this.#groupRows * step) this.#writeGroup();
    for (const [read, lastIndex] of this.#read)
      if (lastIndex < this.#next) {
        rmSync(read);
        this.#read.delete(read);
      }
    if (this.#waiting.size <= MAX_WAITING_GROUPS * this.#groupRows) return;
    this.#waiting.clear();
    this.#hasGivenUp = true;
  }

  #writeGroup(): void {
    const { directory, runId, partition } = this.#options;
    const indexes = Array.from({ length: this.#groupRows }, (_, nth) => this.#next + nth * partition.step);
    this.#file ??= new GrowingFile(directory);
    this.#file.append(
      indexes.map(index => this.#waiting.get(index)!),
      () => runId,
    );
    for (const index of indexes) this.#waiting.delete(index);
    this.#next += this.#groupRows * partition.step;
  }
}
