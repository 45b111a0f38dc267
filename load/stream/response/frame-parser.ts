/** Consumer of the frames of a body. */
export interface FrameSink {
  /** Data of an event, or JSON by itself (`isBare`). @param name `event` of it, empty for none */
  frame(data: string, name: string, isBare: boolean): void;
  /** A line that is neither. */
  stray(line: string): void;
  /** An event that is not followed by a blank line. */
  unseparated(): void;
  /** An event or a body is longer than allowed; nothing follows. */
  overflow(): void;
}

/** Maximum length of an event, in characters; a longer one is an error, so that a server cannot fill the client's memory. */
export const MAX_EVENT_CHARACTERS = 1024 * 1024;
/** Maximum length of a whole response in JSON, in characters. */
const MAX_DOCUMENT_CHARACTERS = 16 * MAX_EVENT_CHARACTERS;
/** The byte order mark, and its bytes as Latin-1. */
const BYTE_ORDER_MARK = /^(?:\ufeff|\u00ef\u00bb\u00bf)/;

/**
 * Finds the frames in the text of a body, split anywhere: server-sent events (WHATWG, with any line ending), JSON lines, a JSON document
 * over several lines, and mixtures of them. Takes Latin-1 as well as decoded text: what separates frames is ASCII.
 *
 * A frame is passed on as soon as its last character is in. An event without a blank line after it is passed on when the next begins.
 * Not implemented are `id` and `retry`, since nothing here reconnects. Runs in k6 too.
 */
export class FrameParser {
  /** Whether there was a frame, after which no JSON document can begin. */
  hasFrames = false;
  readonly #sink: FrameSink;
  #rest = '';
  #data: string | undefined;
  #name = '';
  /** Lines of a JSON document that a single one did not hold. */
  #document: string[] | undefined;
  #documentCharacters = 0;
  #isFirstLine = true;
  #skipsLineFeed = false;
  #hasOverflowed = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Whether the text so far ends between two frames. */
  get isBetweenEvents(): boolean {
    return (
      this.#rest === '' && this.#data === undefined && this.#name === '' && !this.#document && !this.#skipsLineFeed
    );
  }

  feed(piece: string): void {
    if (this.#hasOverflowed) return;
    let text = piece;
    if (this.#skipsLineFeed && text !== '') {
      this.#skipsLineFeed = false;
      if (text.startsWith('\n')) text = text.slice(1);
    }
    if (text.includes('\r')) {
      this.#skipsLineFeed = text.endsWith('\r');
      text = text.replace(/\r\n?/g, '\n');
    }
    let from = 0;
    for (let to = text.indexOf('\n'); to !== -1 && !this.#hasOverflowed; to = text.indexOf('\n', from)) {
      const line = this.#rest + text.slice(from, to);
      this.#rest = '';
      from = to + 1;
      this.#line(line);
    }
    this.#rest += text.slice(from);
    this.#limit(this.#rest.length);
  }

  /** Passes on what was not ended by a blank line. */
  end(): void {
    if (this.#hasOverflowed) return;
    if (this.#rest !== '') this.#line(this.#rest);
    this.#rest = '';
    if (this.#document) this.#frame(this.#document.join('\n'), '', true);
    this.#document = undefined;
    if (this.#data === undefined) return;
    this.#sink.unseparated();
    this.#dispatch();
  }

  #line(whole: string): void {
    const line = this.#isFirstLine ? whole.replace(BYTE_ORDER_MARK, '') : whole;
    this.#isFirstLine = false;
    if (this.#document) this.#addToDocument(line);
    else if (line === '') this.#dispatch();
    else if (line.startsWith('data:')) this.#addData(line.slice(line[5] === ' ' ? 6 : 5));
    else if (line.startsWith('event:')) this.#name = line.slice(6).trim();
    else if (line === 'data') this.#addData('');
    else if (!/^(?::|id(?::|$)|retry(?::|$)|event$)/.test(line)) this.#other(line);
  }

  #addData(value: string): void {
    if (this.#data === undefined) this.#data = value;
    else if (isComplete(this.#data)) {
      this.#sink.unseparated();
      this.#dispatch();
      this.#data = value;
    } else this.#data += `\n${value}`;
    this.#limit(this.#data.length);
  }

  /** A line that is no field of an event. */
  #other(line: string): void {
    const text = line.trim();
    if (text.startsWith('data:')) return void this.#addData(text.slice(5));
    if (this.#data !== undefined) {
      this.#sink.unseparated();
      this.#dispatch();
    }
    if (text === '[DONE]' || (text.startsWith('{') && isComplete(text))) this.#frame(text, '', true);
    else if (/^[{[]/.test(text) && !this.hasFrames) this.#document = [line];
    else if (text !== '') this.#sink.stray(line);
  }

  #addToDocument(line: string): void {
    this.#document!.push(line);
    this.#documentCharacters += line.length;
    if (this.#documentCharacters > MAX_DOCUMENT_CHARACTERS) this.#overflow();
  }

  #dispatch(): void {
    const [data, name] = [this.#data, this.#name];
    this.#data = undefined;
    this.#name = '';
    if (data !== undefined) this.#frame(data, name, false);
  }

  #frame(data: string, name: string, isBare: boolean): void {
    this.hasFrames = true;
    this.#sink.frame(data, name, isBare);
  }

  /** A first line that may be a document, of one line or of many, may be as long as that. */
  #limit(characters: number): void {
    if (characters <= MAX_EVENT_CHARACTERS) return;
    const isDocument = !this.hasFrames && /^\s*[{[]/.test(this.#rest.slice(0, 64));
    if (!isDocument || characters > MAX_DOCUMENT_CHARACTERS) this.#overflow();
  }

  #overflow(): void {
    if (this.#hasOverflowed) return;
    this.#hasOverflowed = true;
    this.#sink.overflow();
  }
}

/** Whether data is a frame by itself, so that a further line cannot belong to it. */
function isComplete(data: string): boolean {
  if (data.trim() === '[DONE]') return true;
  if (!data.trimEnd().endsWith('}')) return false;
  try {
    JSON.parse(data);
    return true;
  } catch {
    return false;
  }
}
