/** Where the next byte of an answer belongs. */
type Part = 'head' | 'sized-body' | 'endless-body' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers';

const MAX_HEAD = 65_536;

/**
 * Counts the answers that come over one connection (HTTP/1.1, RFC 9112 §6). It keeps nothing but the head of the answer under way.
 * Bodies without a length end with the connection. Not implemented: answers to HEAD and CONNECT, which nobody here sends.
 */
export class AnswerReader {
  /** Status of each answer that began, 1xx left out. */
  readonly statuses: number[] = [];
  /** Answers that came to their end. */
  complete = 0;
  #part: Part = 'head';
  #line = '';
  #left = 0;

  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) at = this.#take(bytes, at);
  }

  /** Uses up bytes from `at` on and returns where it stopped; always further on. */
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
      // Empty lines before an answer are nobody's.
      if (this.#line.trim() === '') this.#line = '';
      else if (/\n\r?\n$/.test(this.#line)) this.#headDone();
      return;
    }
    const line = this.#line.trim();
    this.#line = '';
    if (this.#part === 'trailers') {
      if (line === '') this.#answerDone();
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
    if (status === 204 || status === 304) this.#answerDone();
    else if (/^transfer-encoding:.*chunked/im.test(head)) this.#part = 'chunk-size';
    else if (length === undefined) this.#part = 'endless-body';
    else this.#body(Number(length));
  }

  #body(bytes: number): void {
    this.#left = bytes;
    this.#part = 'sized-body';
    if (bytes === 0) this.#answerDone();
  }

  #bodyPartDone(): void {
    if (this.#part === 'sized-body') this.#answerDone();
    else if (this.#part === 'chunk-end') this.#part = 'chunk-size';
    else {
      this.#part = 'chunk-end';
      this.#left = 2;
    }
  }

  #answerDone(): void {
    this.complete += 1;
    this.#part = 'head';
  }
}
