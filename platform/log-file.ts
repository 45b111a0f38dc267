import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const TAIL_BYTES = 16_384;

/** A log file opened for a process. */
export interface OpenLog extends Disposable {
  /** Passed to the process, which writes to it directly, so that nothing is lost if the harness is killed. */
  readonly descriptor: number;
  /** Length at opening, in bytes. */
  readonly fromByte: number;
}

/** Opens a log for appending, for this user alone. */
export function openLog(path: string): OpenLog {
  const descriptor = openSync(path, 'a', 0o600);
  return { descriptor, fromByte: fstatSync(descriptor).size, [Symbol.dispose]: () => closeSync(descriptor) };
}

/** Last lines, at most `count`, from byte `fromByte` on; none if the file does not exist. */
export function lastLines(path: string, fromByte: number, count: number): string[] {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const { size } = fstatSync(descriptor);
    const start = Math.max(fromByte, size - TAIL_BYTES);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    readSync(descriptor, buffer, 0, buffer.length, start);
    const lines = buffer.toString('utf8').trimEnd().split('\n');
    return lines.filter(line => line !== '').slice(-count);
  } catch {
    return [];
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
