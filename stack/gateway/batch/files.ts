import { ApiError } from '../http/api-error.ts';
import type { BatchConfig } from './config.ts';
import { type Contents, PLAIN } from './contents.ts';
import type { Check, Command, Ledger } from './ledger/ledger.ts';
import { type FileRecord, fileOf } from './records.ts';

/** Attempts of a commit that others may get in the way of. */
const MAX_CONFLICTS = 50;
/** What a file or a batch counts for beside its contents: about what its records take in the store, however short it is. */
export const RECORD_BYTES = 1024;

/** Keys of the ledger. */
export const KEYS = {
  file: (id: string) => `file:${id}`,
  content: (id: string) => `content:${id}`,
  files: (tenant: string) => `files:${tenant}`,
  batch: (id: string) => `batch:${id}`,
  batches: (tenant: string) => `batches:${tenant}`,
  /** Lines of a batch that run, or wait for their next attempt, by when another gateway may take them. */
  leases: (id: string) => `leases:${id}`,
  /** Who runs a line. */
  owners: (id: string) => `owners:${id}`,
  /** How often a line was begun. */
  attempts: (id: string) => `attempts:${id}`,
  results: (id: string) => `results:${id}`,
  /** Batches that have not ended, by when another gateway may take the step of all their lines. */
  open: 'open',
  /** What is going to be deleted, by when: `file ID` or `batch ID`. */
  expiry: 'expiry',
  /** Bytes of files and batches (`bytes:TENANT`, `bytes`) and batches that have not ended (`open:TENANT`). */
  usage: 'usage',
} as const;

/** A file that is going to be stored. */
export type NewFile = Pick<FileRecord, 'id' | 'tenant' | 'name' | 'purpose' | 'createdMs'> & {
  readonly content: Buffer;
};

/** Files of all tenants, in a ledger. A tenant's file does not exist for any other. */
export class Files {
  readonly #ledger: Ledger;
  readonly #config: BatchConfig;
  readonly #contents: Contents;

  constructor(ledger: Ledger, config: BatchConfig, contents = PLAIN) {
    this.#ledger = ledger;
    this.#config = config;
    this.#contents = contents;
  }

  /** Stores a file, once, however often it is called. @throws ApiError 413 above a limit of `maxBytesPerKey` or `maxBytes` */
  async create(file: NewFile): Promise<void> {
    const { id, tenant, content } = file;
    for (let attempt = 0; attempt < MAX_CONFLICTS; attempt += 1) {
      if (await this.get(tenant, id)) return;
      const room = await this.room(tenant, this.sizeOf(content), 'file');
      const checks: Check[] = [['', 'HGET', KEYS.file(id), 'tenant'], ...room.checks];
      if (await this.#ledger.commit(checks, [...this.creation(file), ...room.commands])) return;
    }
    throw new Error('Other uploads came first each time.');
  }

  /** What takes so many bytes, if there is room for them: `checks` hold until that changes. @param param of the error @throws ApiError 413 */
  async room(tenant: string, bytes: number, param: string) {
    const { maxBytesPerKey, maxBytes } = this.#config;
    const { own, all, checks } = await this.usage(tenant);
    if (own + bytes > maxBytesPerKey || all + bytes > maxBytes) {
      const limit = own + bytes > maxBytesPerKey ? `${maxBytesPerKey} bytes for your` : `${maxBytes} bytes for all`;
      throw new ApiError(413, 'storage_full', `The limit is ${limit} files. Delete some first.`, param);
    }
    return { checks, commands: this.counted(tenant, bytes) };
  }

  /** Commands that count bytes of files or batches; negative, they no longer do. */
  counted(tenant: string, bytes: number): Command[] {
    return [`bytes:${tenant}`, 'bytes'].map(name => ['HINCRBY', KEYS.usage, name, bytes]);
  }

  /** Commands that store a file, but for its bytes in the usage. */
  creation({ id, tenant, name, purpose, createdMs, content }: NewFile): Command[] {
    const fields = { tenant, name, purpose, bytes: content.length, size: this.sizeOf(content), createdMs };
    return [
      ['SET', KEYS.content(id), this.#contents.write(content, KEYS.content(id))],
      ['HSET', KEYS.file(id), ...Object.entries(fields).flat()],
      ['ZADD', KEYS.files(tenant), createdMs, id],
      ['ZADD', KEYS.expiry, createdMs + this.#config.keepMs, `file ${id}`],
    ];
  }

  /** Bytes in use; `checks` hold until they change. */
  async usage(tenant: string) {
    const names = [`bytes:${tenant}`, 'bytes'];
    const [own = '', all = ''] = await this.#ledger.values(KEYS.usage, names);
    const checks: Check[] = [own, all].map((value, nth) => [value, 'HGET', KEYS.usage, names[nth]!]);
    return { own: Number(own), all: Number(all), checks };
  }

  async get(tenant: string, id: string): Promise<FileRecord | undefined> {
    const file = fileOf(id, await this.#ledger.fields(KEYS.file(id)));
    return file?.tenant === tenant ? file : undefined;
  }

  /** Content of a file, whoever asks; undefined if there is none, or it is none of ours. */
  async content(id: string): Promise<Buffer | undefined> {
    const stored = await this.#ledger.bytes(KEYS.content(id));
    return stored && this.#contents.read(stored, KEYS.content(id));
  }

  /** What a file counts for. */
  sizeOf(content: Buffer): number {
    return this.#contents.sizeOf(content.length) + RECORD_BYTES;
  }

  /** Ids of a tenant's files, the newest first. */
  async ids(tenant: string): Promise<string[]> {
    const found = await this.#ledger.range(KEYS.files(tenant), Number.POSITIVE_INFINITY, -1);
    return found.map(({ member }) => member).reverse();
  }

  /** Deletes a file that no batch needs. @returns whether it did, or it was gone already */
  async remove({ id, tenant, size }: FileRecord): Promise<boolean> {
    for (let attempt = 0; attempt < MAX_CONFLICTS; attempt += 1) {
      const file = await this.get(tenant, id);
      if (!file) return true;
      if (file.uses > 0) return false;
      const checks: Check[] = [[tenant, 'HGET', KEYS.file(id), 'tenant']];
      const [uses] = await this.#ledger.values(KEYS.file(id), ['uses']);
      checks.push([uses ?? '', 'HGET', KEYS.file(id), 'uses']);
      const commands: Command[] = [
        ['DEL', KEYS.content(id)],
        ['DEL', KEYS.file(id)],
        ['ZREM', KEYS.files(tenant), id],
        ['ZREM', KEYS.expiry, `file ${id}`],
        ...this.counted(tenant, -size),
      ];
      if (await this.#ledger.commit(checks, commands)) return true;
    }
    return false;
  }
}
