import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';

/** Absolute path of a file or folder as a user wrote it; `~/` is the home folder, which no shell expands in files or after `=`. */
export function pathFrom(written: string, base: string = process.cwd()): string {
  return resolve(
    base,
    written.replace(/^~(?=\/|$)/, () => homedir()),
  );
}

/** A regular file opened for reading. */
export interface OpenFile extends Disposable {
  readonly descriptor: number;
  readonly stats: Stats;
}

/**
 * Opens a regular file for reading. Devices, pipes and sockets are not even opened: they may never end, or never begin.
 * @throws Error that says what it is instead, or the system's
 */
export function openRegular(path: string): OpenFile {
  requireRegular(statSync(path));
  // Without O_NONBLOCK a pipe that took the file's place meanwhile would wait for a writer for ever.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(descriptor);
    requireRegular(stats);
    return { descriptor, stats, [Symbol.dispose]: () => closeSync(descriptor) };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function requireRegular(stats: Stats): void {
  if (stats.isFile()) return;
  const found = stats.isDirectory() ? 'a folder' : stats.isFIFO() ? 'a named pipe' : 'a device or a socket';
  throw new Error(`it is ${found}, not a regular file`);
}

const BLOCK_BYTES = 64 * 1024;

/**
 * Blocks of a regular file, at most `maxBytes` in all; each overwrites the one before.
 * @param check further requirements of the file
 * @throws Error for a larger file, that of `check`, and as {@link openRegular}
 */
export function* blocksOf(path: string, maxBytes: number, check: (stats: Stats) => void = () => {}): Generator<Buffer> {
  using file = openRegular(path);
  check(file.stats);
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  // Not the size that the system reports, which is 0 for files in /proc, and may grow.
  let bytes = 0;
  for (let size = readSync(file.descriptor, block); size > 0; size = readSync(file.descriptor, block)) {
    bytes += size;
    if (bytes > maxBytes || file.stats.size > maxBytes) throw new Error(`it is larger than ${sizeText(maxBytes)}`);
    yield block.subarray(0, size);
  }
}

/** The bytes of {@link blocksOf} in one. */
export function readBytes(...file: Parameters<typeof blocksOf>): Buffer {
  const blocks: Buffer[] = [];
  for (const block of blocksOf(...file)) blocks.push(Buffer.from(block));
  return Buffer.concat(blocks);
}

/**
 * Text of a regular file in UTF-8, without a byte order mark.
 * @throws Error for one in another encoding, and as {@link blocksOf}
 */
export function readText(...file: Parameters<typeof blocksOf>): string {
  const bytes = readBytes(...file);
  if (bytes.includes(0))
    throw new Error('it contains bytes of 0, as UTF-16 and binary files do, and is not UTF-8 text');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('it is not UTF-8 text');
  }
}

function sizeText(bytes: number): string {
  const [unit, unitBytes] = bytes >= 2 ** 30 ? ['GiB', 2 ** 30] : bytes >= 2 ** 20 ? ['MiB', 2 ** 20] : ['KiB', 1024];
  return `${bytes / unitBytes} ${unit}`;
}
