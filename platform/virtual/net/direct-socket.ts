import { NamedSocket } from './named-socket.ts';

/** What a socket sends. */
type Chunk = string | Uint8Array;
type Callback = ((error?: Error | null) => void) | null | undefined;

interface Write {
  readonly chunk: Chunk;
  readonly encoding: BufferEncoding;
  readonly callback: Callback;
}

/**
 * The writing half of a socket. What can leave at once goes past the queue of a stream, whose upkeep costs more than all else of a hop; the
 * rest goes to the stream, in order, and waits there.
 */
export abstract class DirectSocket extends NamedSocket {
  readonly #corked = new CorkedWrites();

  /** Whether the connection can take `bytes` more at once. */
  protected abstract isFree(bytes: number): boolean;
  /** Sends a message to the peer. @param sentMs when it leaves, in ms of virtual time, if not now */
  abstract send(message: Buffer, sentMs?: number): void;

  /** As `net.Socket#write`. */
  override write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    if (this.writableEnded && this.readableEnded && !this.allowHalfOpen)
      return this.#refuse(typeof encoding === 'function' ? encoding : callback);
    const bytes = typeof encoding === 'function' ? undefined : sizeOf(chunk, encoding);
    if (bytes === undefined || !this.isDirect(bytes)) {
      this.#giveToStream();
      return (super.write as (...args: unknown[]) => boolean).call(this, chunk, encoding, callback);
    }
    const write = {
      chunk: chunk as Chunk,
      encoding: (encoding ?? 'utf8') as BufferEncoding,
      callback: callback as Callback,
    };
    if (this.#corked.depth > 0) this.#corked.add(write, bytes);
    else {
      this.send(bufferOf(write));
      if (callback) process.nextTick(callback as () => void, null);
    }
    return true;
  }

  /** As `net.Socket#end`. */
  override end(...args: unknown[]): this {
    this.#giveToStream();
    return (super.end as (...args: unknown[]) => this).call(this, ...args);
  }

  override cork(): void {
    if (this.#corked.depth > 0 || this.isDirect(0)) this.#corked.depth += 1;
    else super.cork();
  }

  override uncork(): void {
    if (this.#corked.depth === 0) {
      super.uncork();
      return;
    }
    this.#corked.depth -= 1;
    if (this.#corked.depth > 0 || this.#corked.isEmpty) return;
    if (this.isDirect(0)) this.send(this.#corked.takeAsOne());
    else this.#giveToStream();
  }

  /** Bytes that were written under a cork. */
  protected get corkedBytes(): number {
    return this.#corked.bytes;
  }

  /** As `net.Socket#destroy`. */
  override destroy(error?: Error): this {
    this.#giveToStream();
    return super.destroy(error);
  }

  /** Whether nothing of this socket waits, so that `bytes` more need not wait either. */
  isDirect(bytes: number): boolean {
    const corkedBytes = this.#corked.bytes + bytes;
    return (
      this.writableLength === 0 &&
      this.writableCorked === 0 &&
      this.writable &&
      corkedBytes < this.writableHighWaterMark &&
      this.isFree(corkedBytes)
    );
  }

  /** Where the end of the peer was also its own, Node says so in other words. */
  #refuse(callback: unknown): false {
    const error = Object.assign(new Error('This socket has been ended by the other party'), { code: 'EPIPE' });
    if (typeof callback === 'function') process.nextTick(callback, error);
    this.destroy(error);
    return false;
  }

  /** From here on the stream keeps what has to wait. */
  #giveToStream(): void {
    for (; this.#corked.depth > 0; this.#corked.depth -= 1) super.cork();
    for (const { chunk, encoding, callback } of this.#corked.take())
      super.write(chunk, encoding, callback ?? undefined);
  }
}

/** What was written to a socket since it was corked. */
class CorkedWrites {
  /** Number of corks that are not undone yet. */
  depth = 0;
  /** Size of all chunks. */
  bytes = 0;
  #writes: Write[] = [];

  /** Whether there is no write, not even one of no bytes, which may have a callback. */
  get isEmpty(): boolean {
    return this.#writes.length === 0;
  }

  /** Adds a write of `bytes` bytes. */
  add(write: Write, bytes: number): void {
    this.#writes.push(write);
    this.bytes += bytes;
  }

  /** Takes out all writes, in order. */
  take(): Write[] {
    const writes = this.#writes;
    if (writes.length > 0) this.#writes = [];
    this.bytes = 0;
    return writes;
  }

  /** Takes out all writes as one message, as one system call writes them. */
  takeAsOne(): Buffer {
    const message = Buffer.allocUnsafe(this.bytes);
    let at = 0;
    for (const { chunk, encoding, callback } of this.take()) {
      if (typeof chunk === 'string') at += message.write(chunk, at, encoding);
      else {
        message.set(chunk, at);
        at += chunk.byteLength;
      }
      if (callback) process.nextTick(callback, null);
    }
    return message;
  }
}

/** Bytes of `chunk`; undefined for what a socket does not take. */
function sizeOf(chunk: unknown, encoding: unknown): number | undefined {
  if (typeof chunk === 'string')
    return encoding === 'latin1' ? chunk.length : Buffer.byteLength(chunk, (encoding ?? 'utf8') as BufferEncoding);
  return chunk instanceof Uint8Array ? chunk.byteLength : undefined;
}

/** What is written as a buffer; bytes are not copied. */
function bufferOf({ chunk, encoding }: Write): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding);
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
