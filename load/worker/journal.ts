import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { every, systemClock } from '../../harness/clock.ts';
import type { RequestRecord } from '../../harness/requests.ts';

const FLUSH_MS = 100;
const FLUSH_CHARACTERS = 256 * 1024;

/** Journal of request records: a file with one JSON object per line, in the order in which the requests ended. */
export interface Journal {
  /** Buffers a record, which is written within 100 ms. */
  append(record: RequestRecord): void;
  /** Resolves when all records are in the file. */
  close(): Promise<void>;
}

/**
 * Opens a journal for appending. Writes are asynchronous, so that a slow disk does not delay requests.
 * @param onError called once if the file cannot be written; later records are lost
 */
export function openJournal(path: string, onError: (error: Error) => void): Journal {
  const file = createWriteStream(path, { flags: 'a', mode: 0o600 });
  file.once('error', onError);
  let buffer = '';
  const flush = () => {
    if (buffer === '') return;
    file.write(buffer);
    buffer = '';
  };
  const end = every(systemClock, FLUSH_MS, flush);
  return {
    append(record) {
      buffer += `${JSON.stringify(record)}\n`;
      if (buffer.length > FLUSH_CHARACTERS) flush();
    },
    close() {
      end();
      flush();
      return new Promise(resolve => file.end(resolve));
    },
  };
}

/** Records of a journal, in file order. An incomplete last line, as after a kill, is ignored. */
export async function* readJournal(path: string): AsyncGenerator<RequestRecord> {
  let previous: string | undefined;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (previous !== undefined) yield JSON.parse(previous);
    previous = line;
  }
  const last = parseOrUndefined(previous ?? '');
  if (last) yield last;
}

function parseOrUndefined(line: string): RequestRecord | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
