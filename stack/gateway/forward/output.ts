import { createParser, type EventSourceParser } from 'eventsource-parser';
import { endingOf } from '../../../harness/completion/finish-reason.ts';
import { holdsOutput, isEmbeddings, isError } from '../../../harness/completion/output.ts';

/** What the beginning of a 2xx response shows; undefined as long as it shows nothing. All but `output` are failures, see `failure.ts`. */
export type Verdict = 'output' | 'error' | 'empty' | 'malformed' | undefined;

/** Where a filter withheld the text, that is the response. */
const FILTERED = 'content_filter';
const BEGINNING = /^(?:\xef\xbb\xbf)?\s*/;

/**
 * Reads the beginning of a 2xx response to a completion or embeddings request, up to its first output: text, reasoning, a tool call,
 * audio, a vector. What counts is the body, not its media type, which servers mislabel:
 *
 * ```
 * data: … : … event: …   events, of which comments, roles, usage and unknown ones show nothing
 * anything else          one document, judged at its end
 * ```
 */
export class Opening {
  #text = '';
  #parser: EventSourceParser | undefined;
  #verdict: Verdict;

  /** Whether there were only blanks so far, which some servers send to keep a connection alive. */
  get isBlank(): boolean {
    return this.#parser === undefined && this.#text === '';
  }

  /** Takes the next bytes. Only ASCII matters, so split characters need not be reassembled. */
  feed(bytes: Buffer): Verdict {
    const text = bytes.toString('latin1');
    if (this.#parser) this.#parser.feed(text);
    else this.#begin(this.#text + text);
    return this.#verdict;
  }

  /** Marks the end of the body. */
  end(): Exclude<Verdict, undefined> {
    // The last event may lack its blank line.
    if (this.#parser) this.#parser.feed('\n\n');
    else if (!this.isBlank) this.#show(ofDocument(this.#text));
    return this.#verdict ?? 'empty';
  }

  #begin(text: string): void {
    this.#text = text.replace(BEGINNING, '');
    if (/^[a-z]*:/i.test(this.#text)) this.#readEvents(this.#text);
  }

  #readEvents(text: string): void {
    this.#parser = createParser({
      onEvent: ({ data, event }) => this.#show(event === 'error' ? 'error' : ofEvent(data)),
      // Some servers send errors in a field of their own, `error: {…}`.
      onError: ({ field }) => this.#show(field === 'error' ? 'error' : undefined),
    });
    this.#parser.feed(text);
  }

  #show(verdict: Verdict): void {
    this.#verdict ??= verdict;
  }
}

/**
 * Whether bytes from the middle of a response may carry output: not if they are whole lines without any, such as comments, or events
 * without text. A piece of an event, or of a document, counts as output.
 */
export function mayCarryOutput(bytes: Buffer): boolean {
  const lines = bytes.toString('latin1').split(/\r?\n|\r/);
  return lines.some((line, index) => {
    if (line.trim() === '' || /^(?:|event|id|retry):/.test(line)) return false;
    const data = /^data:(.*)/.exec(line)?.[1];
    const value = data === undefined ? undefined : parse(data);
    if (value !== undefined) return ofValue(value) === 'output';
    return index === lines.length - 1 || (index === 0 && data === undefined);
  });
}

function ofEvent(data: string): Verdict {
  return data.trim() === '[DONE]' ? 'empty' : ofValue(parse(data));
}

function ofDocument(text: string): Verdict {
  const value = parse(text);
  return value === undefined ? 'malformed' : ofValue(value);
}

function ofValue(value: unknown): Verdict {
  if (!isObject(value)) return undefined;
  if (isError(value)) return 'error';
  if (isEmbeddings(value)) return 'output';
  if (!Array.isArray(value.choices)) return undefined;
  const verdicts = value.choices.map(ofChoice);
  return verdicts.includes('output') ? 'output' : verdicts.find(verdict => verdict !== undefined);
}

function ofChoice(choice: unknown): Verdict {
  if (!isObject(choice)) return undefined;
  const { text, delta, message, error, finish_reason: reason } = choice;
  const hasOutput = [delta, message, { text }].some(holder => isObject(holder) && holdsAny(holder));
  if (hasOutput || reason === FILTERED) return 'output';
  return error || endingOf(reason) === 'given-up' ? 'error' : undefined;
}

function holdsAny(holder: Record<string, unknown>): boolean {
  return Object.entries(holder).some(([field, value]) => holdsOutput(field, value));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
