/** A blank line, which ends an event: two line ends, each of which is CR LF, LF or CR. */
const BLANK_LINE = /(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)/g;

/** Splits the bytes of an event stream (text/event-stream) into whole events with the blank lines after them. No byte is lost or changed. */
export class EventSplitter {
  #rest: Buffer = Buffer.alloc(0);

  /** Bytes of an event that is not complete. */
  get pendingBytes(): number {
    return this.#rest.length;
  }

  /** Takes the next bytes. @returns the events that they complete */
  push(chunk: Buffer): Buffer[] {
    const from = Math.max(0, this.#rest.length - 3);
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const events: Buffer[] = [];
    let start = 0;
    // Line ends are ASCII, so that split characters need not be reassembled.
    for (const { index, 0: blank } of bytes.toString('latin1', from).matchAll(BLANK_LINE)) {
      const end = from + index + blank.length;
      events.push(bytes.subarray(start, end));
      start = end;
    }
    this.#rest = bytes.subarray(start);
    return events;
  }

  /** What is left at the end of the stream: an event without its blank line, or nothing. */
  end(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest;
  }
}
