import { type FileHandle, open } from 'node:fs/promises';
import { every, systemClock } from '../../harness/clock.ts';
import type { RequestRecord } from '../../harness/requests.ts';

const FLUSH_MS = 100;
const FLUSH_CHARACTERS = 256 * 1024;
/** Records that a loss of power may take, in ms. */
const SYNC_MS = 2000;

/** Bytes after which a journal goes on in its next file, so that whole ones can be sealed while the load goes on: those of 25,000 streams. */
export const JOURNAL_BYTES = 8 * 2 ** 20;

/** Journal of request records: files with one JSON object per line, in the order in which the requests ended. */
export interface Journal {
  /** Buffers a record, which is written within 100 ms. */
  append(record: RequestRecord): void;
  /** Resolves when all records are in the file. */
  close(): Promise<void>;
}

/** File `part` of a journal, from 0: `requests.ndjson`, `requests-1.ndjson`, … Nothing is appended to one whose successor exists. */
export function journalPart(path: string, part: number): string {
  return part === 0 ? path : path.replace(/(\.\w+)$/, `-${part}$1`);
}

/**
 * Opens a journal for appending. Writes are asynchronous, so that a slow disk does not delay requests.
 * @param onError called once if the file cannot be written; later records are lost
 * @param maxBytes after which it goes on in the next file
 */
export function openJournal(path: string, onError: (error: Error) => void, maxBytes = JOURNAL_BYTES): Journal {
  const files = new JournalFiles(path, maxBytes);
  let hasFailed = false;
  const fail = (error: Error) => {
    if (!hasFailed) onError(error);
    hasFailed = true;
  };
  let written = files.open();
  let buffer = '';
  written.catch(fail);
  const flush = () => {
    if (buffer === '') return;
    const text = buffer;
    buffer = '';
    written = written.then(() => files.write(text));
    written.catch(fail);
  };
  const end = every(systemClock, FLUSH_MS, flush);
  return {
    append(record) {
      buffer += `${JSON.stringify(record)}\n`;
      if (buffer.length > FLUSH_CHARACTERS) flush();
    },
    async close() {
      end();
      flush();
      await written;
      await files.close();
    },
  };
}

/** The files of a journal, of which the last is open. No call may begin before the one before has ended. */
class JournalFiles {
  readonly #path: string;
  readonly #maxBytes: number;
  #file: FileHandle | undefined;
  #part = 0;
  #bytes = 0;
  #syncedMs = systemClock.nowMs();

  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  async open(): Promise<void> {
    this.#file = await open(journalPart(this.#path, this.#part), 'a', 0o600);
    this.#bytes = 0;
  }

  async write(text: string): Promise<void> {
    if (this.#bytes >= this.#maxBytes) {
      await this.close();
      this.#part += 1;
      await this.open();
    }
    await this.#file!.appendFile(text);
    this.#bytes += Buffer.byteLength(text);
    if (systemClock.nowMs() - this.#syncedMs > SYNC_MS) await this.#sync();
  }

  async close(): Promise<void> {
    await this.#sync();
    await this.#file!.close();
  }

  async #sync(): Promise<void> {
    await this.#file!.datasync();
    this.#syncedMs = systemClock.nowMs();
  }
}
