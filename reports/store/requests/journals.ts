import { createReadStream, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { messageOf, SquallError } from '../../../harness/errors.ts';
import { openRegular } from '../../../harness/input/files.ts';
import type { RequestRecord, Requests } from '../../../harness/requests.ts';
import { type Chunk, ROWS } from './row.ts';
import { TableBuilder } from './table.ts';

/** Journals that the generator's workers append to, in order of the ends of requests: a worker after each so many bytes to the next. */
const JOURNALS = /^requests(?:\.(\d+))?(?:-(\d+))?\.ndjson$/;
/** Records that are sorted in memory: those that ended while these were in flight have to be among them, or a chunk is sorted again. */
const MAX_UNSORTED = 8 * ROWS;

/** Paths of the journals of a run directory, by worker; each worker appends only to its last. */
export function journalsOf(directory: string): string[][] {
  const found = readdirSync(directory).flatMap(name => {
    const [, worker = '1', part = '0'] = JOURNALS.exec(name) ?? [''];
    return JOURNALS.test(name) ? [{ path: join(directory, name), worker: Number(worker), part: Number(part) }] : [];
  });
  const workers = Map.groupBy(
    found.sort((a, b) => a.worker - b.worker || a.part - b.part),
    ({ worker }) => worker,
  );
  return [...workers.values()].map(journals => journals.map(({ path }) => path));
}

/** Records that are sealed already. */
export interface SealedBefore {
  readonly builder: TableBuilder;
  readonly chunks: readonly Chunk[];
  /** Index of the last, up to which there are all; -1 without one. */
  readonly lastIndex: number;
}

const NONE_BEFORE: Omit<SealedBefore, 'builder'> = { chunks: [], lastIndex: -1 };

/**
 * Records of all journals, in scheduled order, of which only those in memory that are being sorted. A last line truncated by a kill is ignored.
 * @param journals as {@link journalsOf} returns them
 * @param before whose records come first; journals may still have them. @default none
 * @throws SquallError `BAD_JOURNAL`
 */
export async function readJournals(
  journals: readonly (readonly string[])[],
  signal?: AbortSignal,
  { builder, chunks, lastIndex }: SealedBefore = { ...NONE_BEFORE, builder: new TableBuilder() },
): Promise<Requests> {
  const sorted = new Sorted(builder);
  let open = journals.map(paths => recordsOf(paths, builder, signal));
  // In turn, since they were written side by side.
  while (open.length > 0) {
    const taken = await Promise.all(open.map(async lines => ({ lines, batch: await lines.next() })));
    for (const { batch } of taken)
      if (!batch.done) for (const record of batch.value) if (record.index > lastIndex) sorted.add(record);
    open = taken.filter(({ batch }) => !batch.done).map(({ lines }) => lines);
  }
  return builder.table([...chunks, ...sorted.chunks()]);
}

/** Sorts records that come nearly in order: by chunks of their index, of which the last few are open. */
class Sorted {
  readonly #builder: TableBuilder;
  readonly #open = new Map<number, RequestRecord[]>();
  readonly #stored = new Map<number, readonly Chunk[]>();
  #count = 0;

  constructor(builder: TableBuilder) {
    this.#builder = builder;
  }

  add(record: RequestRecord): void {
    const number = Math.floor(record.index / ROWS);
    const records = this.#open.get(number) ?? [];
    if (records.length === 0) this.#open.set(number, records);
    records.push(record);
    this.#count += 1;
    if (this.#count > MAX_UNSORTED) this.#store(Math.min(...this.#open.keys()));
  }

  chunks(): Chunk[] {
    for (const number of [...this.#open.keys()]) this.#store(number);
    return [...this.#stored].sort(([a], [b]) => a - b).flatMap(([, chunks]) => chunks);
  }

  #store(number: number): void {
    const added = this.#open.get(number)!;
    this.#open.delete(number);
    this.#count -= added.length;
    const before = (this.#stored.get(number) ?? []).flatMap(chunk => this.#builder.recordsOf(chunk));
    const records = [...before, ...added].sort((a, b) => a.index - b.index);
    const chunks: Chunk[] = [];
    for (let from = 0; from < records.length; from += ROWS) {
      const part = records.slice(from, from + ROWS);
      chunks.push(this.#builder.chunk(part.length, name => part.map(record => record[name])));
    }
    this.#stored.set(number, chunks);
  }
}

/** Lines of a journal that are handed on together. */
const BATCH = 1000;

/** Records of the journals of a worker, some at a time. */
async function* recordsOf(
  paths: readonly string[],
  builder: TableBuilder,
  signal?: AbortSignal,
): AsyncGenerator<RequestRecord[], undefined> {
  for (const path of paths) yield* recordsIn(path, builder, signal);
  return;
}

/**
 * Records of a journal, some at a time, in the order in which the requests ended. A last line that a kill cut off is ignored.
 * @param builder which checks them
 * @throws SquallError `BAD_JOURNAL`
 */
export async function* recordsIn(
  path: string,
  builder: TableBuilder = new TableBuilder(),
  signal?: AbortSignal,
): AsyncGenerator<RequestRecord[], undefined> {
  try {
    openRegular(path)[Symbol.dispose]();
  } catch (cause) {
    throw badJournal(`Expected ${path} to be a journal of requests, but: ${messageOf(cause)}`, cause);
  }
  let bad: { readonly line: number; readonly why: string; readonly cause: unknown } | undefined;
  let line = 0;
  let batch: RequestRecord[] = [];
  for await (const text of createInterface({ input: createReadStream(path, signal ? { signal } : {}) })) {
    line += 1;
    if (text === '') continue;
    if (bad) break;
    try {
      const record: RequestRecord = JSON.parse(text);
      builder.check(record);
      batch.push(record);
    } catch (cause) {
      // What the parser says quotes the line, which may be of any file.
      bad = { line, cause, why: cause instanceof SyntaxError ? '' : `: ${messageOf(cause)}` };
    }
    if (batch.length === BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (bad && bad.line !== line)
    throw badJournal(`Line ${bad.line} of ${path} is not a request record${bad.why}`, bad.cause);
  yield batch;
  return;
}

function badJournal(message: string, cause: unknown): SquallError {
  const next = 'Restore the file, or move it away to judge the run without it.';
  return new SquallError('environment', 'BAD_JOURNAL', message, { next, cause });
}
