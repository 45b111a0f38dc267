import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { privateFolder } from '../../../harness/host/private-folder.ts';
import { chainFiles, dayOf, fileOf, tailOf } from './chain-files.ts';
import { type AuditContent, type ChainHead, EMPTY_CHAIN, sealed, type Torn } from './record.ts';

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
const DAY_MS = 86_400_000;

/** A record before it has a place in the chain. */
export interface Entry {
  /** ISO 8601, in UTC. */
  readonly time: string;
  readonly content: AuditContent;
}

/** The files of one chain: continues it where it ended, begins a file each day (UTC), and deletes those that have expired. */
export class AuditFile {
  readonly #folder: string;
  readonly #keepDays: number;
  #file: FileHandle | undefined;
  #day = '';
  #head: ChainHead = EMPTY_CHAIN;

  /** @throws SquallError `FOREIGN_FOLDER`, `NO_FOLDER` */
  constructor(folder: string, keepDays: number) {
    this.#folder = privateFolder(folder);
    this.#keepDays = keepDays;
  }

  get head(): ChainHead {
    return this.#head;
  }

  /** Finds where the chain ended, and records a start there, after a line that is torn. @throws the system's error */
  async resume(time: string): Promise<void> {
    await this.close();
    this.#head = EMPTY_CHAIN;
    let torn: Torn | undefined;
    const files = (await chainFiles(this.#folder)).reverse();
    this.#day = files.length > 0 ? dayOf(files[0]!) : '';
    for (const [index, file] of files.entries()) {
      const tail = await tailOf(join(this.#folder, file));
      if (index === 0) torn = tail.torn;
      if (!tail.last) continue;
      this.#head = { seq: tail.last.seq, hash: tail.last.hash };
      break;
    }
    const content: AuditContent = { type: 'start', ...(torn && { torn }) };
    if (this.#day === '') return this.append([{ time, content }]);
    this.#file = await this.#open(this.#day);
    // A line end makes the torn line one of its own.
    await this.#file.appendFile(`${torn ? '\n' : ''}${this.#seal(content, time)}\n`);
    await this.#file.datasync();
  }

  /** Writes records; they are on the disk when it resolves. @throws the system's error, after which the chain must be resumed */
  async append(entries: readonly Entry[]): Promise<void> {
    let lines: string[] = [];
    const write = async () => {
      if (lines.length > 0) await this.#file!.appendFile(`${lines.join('\n')}\n`);
      lines = [];
    };
    const expired: string[] = [];
    for (const { time, content } of entries) {
      const day = time.slice(0, 10);
      // The clock may have been set back.
      if (day > this.#day || !this.#file) {
        await write();
        lines = await this.#rotate(day > this.#day ? day : this.#day, time, expired);
      }
      lines.push(this.#seal(content, time));
    }
    await write();
    await this.#file?.datasync();
    // What has expired is recorded before it is deleted.
    for (const file of expired) await unlink(join(this.#folder, file));
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  #seal(content: AuditContent, time: string): string {
    const { line, ...head } = sealed(content, time, this.#head);
    this.#head = head;
    return line;
  }

  /** Begins the file of `day`. @returns its first lines */
  async #rotate(day: string, time: string, expired: string[]): Promise<string[]> {
    await this.close();
    this.#file = await this.#open(day);
    this.#day = day;
    const lines = [this.#seal({ type: 'file', file: fileOf(day) }, time)];
    const oldest = fileOf(new Date(Date.parse(day) - (this.#keepDays - 1) * DAY_MS).toISOString().slice(0, 10));
    for (const file of await chainFiles(this.#folder)) {
      if (file >= oldest) break;
      const { last } = await tailOf(join(this.#folder, file));
      if (last) lines.push(this.#seal({ type: 'expired', file, last: { seq: last.seq, hash: last.hash } }, time));
      expired.push(file);
    }
    return lines;
  }

  #open(day: string): Promise<FileHandle> {
    return open(join(this.#folder, fileOf(day)), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  }
}
