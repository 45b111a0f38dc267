/** The part of a response to which the next byte belongs. */
type Part = 'head' | 'sized-body' | 'endless-body' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers';

const MAX_HEAD = 65_536;

/**
 * Counts the responses on one connection (HTTP/1.1, RFC 9112 §6). Only the head of the current response is kept in memory. Bodies without
 * a length end with the connection. Not implemented: responses to HEAD and CONNECT, which no attack sends.
 */
export class ResponseReader {
  /** Statuses of the responses that began, without 1xx. */
  readonly statuses: number[] = [];
  /** Number of complete responses. */
  complete = 0;
  #part: Part = 'head';
  #line = '';
  #left = 0;

  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) at = this.#take(bytes, at);
  }

  /** Consumes bytes from `at` on and returns the next position, which is always greater. */
  #take(bytes: Buffer, at: number): number {
    switch (this.#part) {
      case 'endless-body':
        return bytes.length;
      case 'sized-body':
      case 'chunk':
      case 'chunk-end': {
        const used = Math.min(this.#left, bytes.length - at);
        this.#left -= used;
        if (this.#left === 0) this.#bodyPartDone();
        return at + used;
      }
      default:
        return this.#takeLine(bytes, at);
    }
  }

  #takeLine(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(0x0a, at);
    const stop = end < 0 ? bytes.length : end + 1;
    this.#line += bytes.toString('latin1', at, stop);
    if (this.#line.length > MAX_HEAD) this.#part = 'endless-body';
    else if (end >= 0) this.#lineDone();
    return stop;
  }

  #lineDone(): void {
    if (this.#part === 'head') {
      // Empty lines before a response belong to none.
      if (this.#line.trim() === '') this.#line = '';
      else if (/\n\r?\n$/.test(this.#line)) this.#headDone();
      return;
    }
    const line = this.#line.trim();
    this.#line = '';
    if (this.#part === 'trailers') {
      if (line === '') this.#responseDone();
      return;
    }
    this.#left = Number.parseInt(line, 16) || 0;
    this.#part = this.#left === 0 ? 'trailers' : 'chunk';
  }

  #headDone(): void {
    const head = this.#line;
    this.#line = '';
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]);
    if (!status) {
      this.#part = 'endless-body';
      return;
    }
    if (status < 200) return;
    this.statuses.push(status);
    const length = /^content-length:\s*(\d+)/im.exec(head)?.[1];
    if (status === 204 || status === 304) this.#responseDone();
    else if (/^transfer-encoding:.*chunked/im.test(head)) this.#part = 'chunk-size';
    else if (length === undefined) this.#part = 'endless-body';
    else this.#body(Number(length));
  }

  #body(bytes: number): void {
    this.#left = bytes;
    this.#part = 'sized-body';
    if (bytes === 0) this.#responseDone();
  }

  #bodyPartDone(): void {
    if (this.#part === 'sized-body') this.#responseDone();
    else if (this.#part === 'chunk-end') this.#part = 'chunk-size';
    else {
      this.#part = 'chunk-end';
      this.#left = 2;
    }
  }

  #responseDone(): void {
    this.complete += 1;
    this.#part = 'head';
  }
}
