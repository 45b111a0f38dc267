import { closeSync, readSync } from 'node:fs';
import { type FileMetaData, parquetMetadataAsync, type RowGroup } from 'hyparquet';
import { type OpenFile, openRegular } from '../../../harness/input/files.ts';
import { type ColumnValues, type PutNumbers, type Room, readColumn } from './pages.ts';

/** A Parquet file, read one column of a row group at a time; closed when it is disposed of, or no longer used. */
export class ParquetFile implements Disposable {
  readonly metadata: FileMetaData;
  readonly #file: OpenFile;
  /** What was read last, used again since what is allocated for each column is freed too late. */
  #bytes = new Uint8Array();

  /** @throws Error for another file, and for one that is cut */
  static async open(path: string): Promise<ParquetFile> {
    const file = openRegular(path);
    try {
      const { size } = file.stats;
      const slice = async (from: number, to = size) => bytesOf(file, from, new Uint8Array(to - from)).buffer;
      return new ParquetFile(file, await parquetMetadataAsync({ byteLength: size, slice }));
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
  }

  /** A file whose footer is elsewhere. @throws Error as {@link openRegular} */
  static of(path: string, metadata: FileMetaData): ParquetFile {
    return new ParquetFile(openRegular(path), metadata);
  }

  private constructor(file: OpenFile, metadata: FileMetaData) {
    this.#file = file;
    this.metadata = metadata;
    CLOSING.register(this, file.descriptor, this);
  }

  /** A column of a row group, see {@link readColumn}. */
  column(group: RowGroup, name: string, put: PutNumbers, room: Room): ColumnValues | undefined {
    return readColumn((from, length) => this.#read(from, length), this.metadata, group, name, put, room);
  }

  /** Bytes that a column has in all row groups. */
  bytesOf(name: string): number {
    const chunks = this.metadata.row_groups.flatMap(({ columns }) => columns);
    const own = chunks.filter(({ meta_data }) => meta_data?.path_in_schema[0] === name);
    return own.reduce((sum, { meta_data }) => sum + Number(meta_data!.total_compressed_size), 0);
  }

  [Symbol.dispose](): void {
    CLOSING.unregister(this);
    this.#file[Symbol.dispose]();
  }

  #read(from: number, length: number): Uint8Array {
    if (from + length > this.#file.stats.size) throw new Error('it is cut');
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(Math.ceil(1.25 * length));
    return bytesOf(this.#file, from, this.#bytes.subarray(0, length));
  }
}

const CLOSING = new FinalizationRegistry<number>(descriptor => closeSync(descriptor));

/** Fills bytes with those of a file. */
function bytesOf<Bytes extends Uint8Array>({ descriptor }: OpenFile, from: number, into: Bytes): Bytes {
  let at = 0;
  while (at < into.length) {
    const size = readSync(descriptor, into, at, into.length - at, from + at);
    if (size === 0) throw new Error('it is cut');
    at += size;
  }
  return into;
}
