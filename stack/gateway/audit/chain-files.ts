import { createReadStream } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuditRecord, opened, type Torn, tornOf } from './record.ts';

const NAME = /^audit-(\d{4}-\d{2}-\d{2})\.jsonl$/;
const NEWLINE = 0x0a;
const FIRST_LOOK_BYTES = 65_536;

/** Name of the file of a day, `YYYY-MM-DD`. */
export function fileOf(day: string): string {
  return `audit-${day}.jsonl`;
}

/** Day of a file, `YYYY-MM-DD`. */
export function dayOf(file: string): string {
  return NAME.exec(file)?.[1] ?? '';
}

/** Names of the files of the chain in a folder, from the oldest on. */
export async function chainFiles(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter(name => NAME.test(name)).sort();
}

/** A line of a file, without its line end. */
export interface Line {
  readonly file: string;
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
  /** False for what follows the last line end. */
  readonly isTerminated: boolean;
}

/** The lines of some files, one after the other. */
export async function* linesOf(folder: string, files: readonly string[]): AsyncGenerator<Line> {
  for (const file of files) {
    let number = 0;
    let rest: Buffer[] = [];
    for await (const chunk of createReadStream(join(folder, file)) as AsyncIterable<Buffer>) {
      let from = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
        number += 1;
        yield { file, number, bytes: Buffer.concat([...rest, chunk.subarray(from, end)]), isTerminated: true };
        rest = [];
        from = end + 1;
      }
      if (from < chunk.length) rest.push(chunk.subarray(from));
    }
    if (rest.length > 0) yield { file, number: number + 1, bytes: Buffer.concat(rest), isTerminated: false };
  }
}

/** The end of a file. */
export interface Tail {
  /** The last whole record; undefined if there is none. */
  readonly last: AuditRecord | undefined;
  /** What follows the last line end. */
  readonly torn: Torn | undefined;
}

/** Reads the end of a file, however long it is. */
export async function tailOf(path: string): Promise<Tail> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  for (let bytes = FIRST_LOOK_BYTES; ; bytes *= 4) {
    const length = Math.min(bytes, size);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const lines = split(buffer);
    const rest = lines.pop()!;
    // The first one may be cut, unless the whole file was read.
    if (length < size) lines.shift();
    const records = lines.map(opened).filter(record => record !== undefined);
    const last = records.at(-1);
    if (last || length === size) return { last, torn: rest.length > 0 ? tornOf(rest) : undefined };
  }
}

/** Parts between line ends; the last one follows the last of them. */
function split(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let from = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
    parts.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return [...parts, bytes.subarray(from)];
}
