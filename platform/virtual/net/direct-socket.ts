import { NamedSocket } from './named-socket.ts';

/** What a socket sends. */
type Chunk = string | Uint8Array;

/**
 * The writing half of a socket. What can leave at once goes past the queue of a stream, whose upkeep costs more than all else of a hop; the
 * rest goes to the stream, in order, and waits there.
 */
export abstract class DirectSocket extends NamedSocket {
  readonly #corked = new CorkedWrites();

  /** Whether the connection can take `bytes` more at once. */
  protected abstract isFree(bytes: number): boolean;
  /** Sends a message to the peer. */
  protected abstract send(message: Buffer): void;

  /** As `net.Socket#write`. */
  override write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    const isPlain = callback === undefined && typeof encoding !== 'function';
    const bytes = isPlain ? sizeOf(chunk, encoding) : undefined;
    if (bytes === undefined || !this.#isDirect(bytes)) {
      this.#giveToStream();
      return (super.write as (...args: unknown[]) => boolean).call(this, chunk, encoding, callback);
    }
    if (this.#corked.depth > 0) this.#corked.add(chunk as Chunk, encoding as BufferEncoding, bytes);
    else this.send(bufferOf(chunk as Chunk, encoding as BufferEncoding));
    return true;
  }

  /** As `net.Socket#end`. */
  override end(...args: unknown[]): this {
    this.#giveToStream();
    return (super.end as (...args: unknown[]) => this).call(this, ...args);
  }

  override cork(): void {
    if (this.#corked.depth > 0 || this.#isDirect(0)) this.#corked.depth += 1;
    else super.cork();
  }

  override uncork(): void {
    if (this.#corked.depth === 0) {
      super.uncork();
      return;
    }
    this.#corked.depth -= 1;
    if (this.#corked.depth > 0 || this.#corked.bytes === 0) return;
    if (this.#isDirect(0)) this.send(this.#corked.takeAsOne());
    else this.#giveToStream();
  }

  /** Bytes that were written under a cork. */
  protected get corkedBytes(): number {
    return this.#corked.bytes;
  }

  /** Forgets what was written and has not left. */
  protected forgetCorked(): void {
    this.#corked.take();
  }

  /** Whether nothing of this socket waits, so that `bytes` more need not wait either. */
  #isDirect(bytes: number): boolean {
    const corkedBytes = this.#corked.bytes + bytes;
    return (
      this.writableLength === 0 &&
      this.writableCorked === 0 &&
      this.writable &&
      corkedBytes < this.writableHighWaterMark &&
      this.isFree(corkedBytes)
    );
  }

  /** From here on the stream keeps what has to wait. */
  #giveToStream(): void {
    for (; this.#corked.depth > 0; this.#corked.depth -= 1) super.cork();
    for (const [chunk, encoding] of this.#corked.take()) super.write(chunk, encoding);
  }
}

/** What was written to a socket since it was corked. */
class CorkedWrites {
  /** Number of corks that are not undone yet. */
  depth = 0;
  /** Size of all chunks. */
  bytes = 0;
  #chunks: Chunk[] = [];
  #encodings: (BufferEncoding | undefined)[] = [];

  /** Adds a chunk of `bytes` bytes. */
  add(chunk: Chunk, encoding: BufferEncoding | undefined, bytes: number): void {
    this.#chunks.push(chunk);
    this.#encodings.push(encoding);
    this.bytes += bytes;
  }

  /** Takes out all chunks, in order. */
  take(): [Chunk, BufferEncoding][] {
    const taken = this.#chunks.map((chunk, nth): [Chunk, BufferEncoding] => [chunk, this.#encodings[nth] ?? 'utf8']);
    this.#clear();
    return taken;
  }

  /** Takes out all chunks as one message, as one system call writes them. */
  takeAsOne(): Buffer {
    const message = Buffer.allocUnsafe(this.bytes);
    let at = 0;
    for (let nth = 0; nth < this.#chunks.length; nth += 1) {
      const chunk = this.#chunks[nth]!;
      if (typeof chunk === 'string') at += message.write(chunk, at, this.#encodings[nth] ?? 'utf8');
      else {
        message.set(chunk, at);
        at += chunk.byteLength;
      }
    }
    this.#clear();
    return message;
  }

  #clear(): void {
    this.#chunks = [];
    this.#encodings = [];
    this.bytes = 0;
  }
}

/** Bytes of `chunk`; undefined for what a socket does not take. */
function sizeOf(chunk: unknown, encoding: unknown): number | undefined {
  if (typeof chunk === 'string')
    return encoding === 'latin1' ? chunk.length : Buffer.byteLength(chunk, encoding as BufferEncoding);
  return chunk instanceof Uint8Array ? chunk.byteLength : undefined;
}

/** `chunk` as a buffer; bytes are not copied. */
function bufferOf(chunk: Chunk, encoding?: BufferEncoding): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding);
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
