import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const TAIL_BYTES = 16_384;

/** A log that a process is about to write to. */
export interface OpenLog {
  /** To be handed to the process: it writes by itself, so that nothing is lost when the harness is gone. */
  readonly descriptor: number;
  /** Length before this process, in bytes. */
  readonly fromByte: number;
  close(): void;
}

/** Opens a log to append to it. */
export function openLog(path: string): OpenLog {
  const descriptor = openSync(path, 'a');
  return { descriptor, fromByte: fstatSync(descriptor).size, close: () => closeSync(descriptor) };
}

/** The last `count` lines at most that were written from byte `fromByte` on; none when there is no such file. */
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
