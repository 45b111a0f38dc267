import { completionTexts } from './completion-texts.ts';
import { DONE_EVENT, eventOf, readEvent } from './event.ts';
import { EventRedactor, redactDocument } from './event-redactor.ts';
import { EventSplitter } from './event-splitter.ts';
import type { SecretKind } from './secrets.ts';

const FIELDS = ['data:', 'event:', 'id:', 'retry:', ':'];
const BLANKS = /^(?:\xef\xbb\xbf)?\s*/;

const NOTHING = Buffer.alloc(0);

interface FilterOptions {
  /** What is redacted; empty: nothing. */
  readonly kinds: readonly SecretKind[];
  readonly maxBytes: number;
  readonly onFound: (kind: SecretKind) => void;
}

/**
 * What a response of an upstream passes on its way to the client: whole events, without secrets, and with an end where the guard ends it.
 * What the body is decides, not its media type.
 */
export class ResponseFilter {
  readonly #options: FilterOptions;
  readonly #redactor: EventRedactor | undefined;
  readonly #splitter = new EventSplitter();
  #form: 'unknown' | 'events' | 'document' = 'unknown';
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** The latest event of a completion, as a pattern for the last one. */
  #latest: Record<string, unknown> | undefined;
  /** Choices that have not ended. */
  readonly #open = new Set<number>();
  #isDone = false;

  constructor(options: FilterOptions) {
    this.#options = options;
    this.#redactor = options.kinds.length > 0 ? new EventRedactor(options.kinds, options.onFound) : undefined;
  }

  /** Takes bytes of the body. @returns those to send; undefined if the response is larger than what can be redacted, and must not be sent */
  push(chunk: Buffer): Buffer | undefined {
    if (this.#form === 'events') return this.#takeEvents(chunk);
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#form === 'unknown') this.#form = formOf(this.#whole());
    if (this.#form === 'events') return this.#takeEvents(this.#takeAll());
    if (this.#form === 'document' && !this.#redactor) return this.#takeAll();
    return this.#bytes > this.#options.maxBytes ? undefined : NOTHING;
  }

  /** Marks the end of the body. @returns the rest of it */
  end(): Buffer {
    const { kinds, onFound } = this.#options;
    if (!this.#redactor) return Buffer.concat([this.#takeAll(), this.#splitter.end()]);
    if (this.#form !== 'events') return redactDocument(this.#takeAll(), kinds, onFound);
    const rest = this.#splitter.end();
    return Buffer.concat([...(rest.length > 0 ? this.#take(rest) : []), ...this.#redactor.end()]);
  }

  /** What is held back of a stream that has broken off, without the event that is incomplete. */
  cut(): Buffer {
    return Buffer.concat(this.#redactor?.end() ?? []);
  }

  /**
   * Ends a stream before its end, as if each choice had reached its maximum number of tokens.
   * @returns the rest of it; undefined if it is no stream of completions, or has ended
   */
  finish(): Buffer | undefined {
    if (this.#form !== 'events' || !this.#latest || this.#isDone) return undefined;
    const { choices: _choices, usage: _usage, ...head } = this.#latest;
    const empty = head.object === 'text_completion' ? { text: '' } : { delta: {} };
    const choices = [...this.#open].map(index => ({ index, ...empty, finish_reason: 'length' }));
    const last = choices.length > 0 ? [eventOf(JSON.stringify({ ...head, choices }))] : [];
    return Buffer.concat([this.cut(), ...last, DONE_EVENT]);
  }

  #takeEvents(chunk: Buffer): Buffer | undefined {
    const events = this.#splitter.push(chunk).flatMap(bytes => this.#take(bytes));
    if (this.#splitter.pendingBytes > this.#options.maxBytes) return undefined;
    return events.length === 1 ? events[0]! : Buffer.concat(events);
  }

  /** @returns what can be sent after it */
  #take(bytes: Buffer): Buffer[] {
    const event = readEvent(bytes);
    if (event.isDone) this.#isDone = true;
    const texts = event.value && completionTexts(event.value);
    if (event.value && texts && texts.choices.length > 0) {
      this.#latest = event.value;
      for (const index of texts.choices) this.#open.add(index);
      for (const index of texts.finished) this.#open.delete(index);
    }
    return this.#redactor ? this.#redactor.push(event, texts) : [bytes];
  }

  #whole(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }

  #takeAll(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#bytes = 0;
    return all;
  }
}

function formOf(body: Buffer): 'unknown' | 'events' | 'document' {
  const text = body.toString('latin1', 0, 4096).replace(BLANKS, '');
  if (FIELDS.some(field => text.startsWith(field))) return 'events';
  return FIELDS.some(field => field.startsWith(text)) ? 'unknown' : 'document';
}
