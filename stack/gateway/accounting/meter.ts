import { mayCarryOutput } from '../forward/output.ts';
import { completionTexts, isObject } from '../guard/completion-texts.ts';
import { EventSplitter } from '../guard/event-splitter.ts';
import type { UpstreamHeaders } from '../upstream/transport.ts';
import { NO_TOKENS, type Tokens } from './prices.ts';

/** Most tokens of a response that are believed, far above any; the cost of more could be beyond the integers of Redis, which then adds none of a batch. */
const MAX_TOKENS = 1_000_000_000;
/** Characters of a text that are taken for a token where nothing better is known. */
export const CHARACTERS_PER_TOKEN = 4;
/** Longest document that is read. */
const MAX_DOCUMENT_BYTES = 16_777_216;
/**
 * Usage in a JSON object, with the comma before or after it. A text that contains this has its quotes escaped, so that it does not match.
 */
const USAGE = /(,\s*)?"usage"\s*:\s*(\{(?:[^{}]|\{[^{}]*\})*\})(\s*,)?/;
const NO_CHOICES = /"choices"\s*:\s*\[\s*\]/;
const EMPTY = Buffer.alloc(0);

/** What of the usage in a stream is not for the client: nothing, that in events with choices, or all of it. */
export type Stripped = 'nothing' | 'steps' | 'all';

/**
 * Reads the tokens of one response as it passes: from `usage` in a document, or in the events of a stream, the last of which counts. Where a stream has
 * none, events with output count as tokens, and four characters of a document's texts as one. What the client did not request is taken out, whole events of usage too; no other byte is changed.
 */
export class Meter {
  readonly #stripped: Stripped;
  readonly #isStreamed: boolean;
  #splitter: EventSplitter | undefined;
  #document: Buffer[] | undefined;
  #documentBytes = 0;
  #reported: Tokens | undefined;
  #outputEvents = 0;
  #isOfSteps = false;

  /** @param isStreamed whether the client requested a stream */
  constructor(isStreamed: boolean, stripped: Stripped) {
    this.#isStreamed = isStreamed;
    this.#stripped = stripped;
  }

  /** Takes the head. @returns the headers for the client */
  begin(status: number, headers: UpstreamHeaders): UpstreamHeaders {
    const isEncoded = !/^(?:identity)?$/i.test(String(headers['content-encoding'] ?? ''));
    if (status < 200 || status > 299 || isEncoded) return headers;
    const type = String(headers['content-type'] ?? '');
    if (!type.startsWith('text/event-stream') && (!this.#isStreamed || /json/i.test(type))) {
      this.#document = [];
      return headers;
    }
    this.#splitter = new EventSplitter();
    if (this.#stripped === 'nothing') return headers;
    const { 'content-length': _length, ...others } = headers;
    return others;
  }

  /** Takes the next bytes. @returns those for the client */
  push(chunk: Buffer): Buffer {
    if (this.#splitter) return joined(this.#splitter.push(chunk).map(event => this.#read(event)));
    if (!this.#document) return chunk;
    this.#documentBytes += chunk.length;
    if (this.#documentBytes > MAX_DOCUMENT_BYTES) this.#document = undefined;
    else this.#document.push(chunk);
    return chunk;
  }

  /** Takes the end. @returns what is left for the client */
  end(): Buffer {
    const rest = this.#splitter?.end() ?? EMPTY;
    if (this.#document) this.#readDocument(Buffer.concat(this.#document));
    this.#document = undefined;
    return rest.length === 0 ? rest : this.#read(rest);
  }

  /** Tokens so far; without the prompt where the response did not report them, `isReported` then is false. */
  get tokens(): Tokens & { readonly isReported: boolean } {
    if (this.#reported) return { ...this.#reported, isReported: true };
    return { ...NO_TOKENS, completion: this.#outputEvents, isReported: this.#outputEvents === 0 };
  }

  #readDocument(bytes: Buffer): void {
    let value: unknown;
    try {
      value = JSON.parse(bytes.toString('utf8'));
    } catch {}
    if (!isObject(value)) return;
    this.#reported = tokensIn(value.usage);
    if (this.#reported) return;
    const texts = completionTexts(value).streamed.map(({ holder, key }) => String(holder[key]).length);
    this.#outputEvents = Math.ceil(texts.reduce((sum, length) => sum + length, 0) / CHARACTERS_PER_TOKEN);
  }

  #read(event: Buffer): Buffer {
    // One character a byte, so that places are the same.
    const text = event.toString('latin1');
    const match = USAGE.exec(text);
    const reported = match && tokensOf(match[2]!);
    if (!reported && !this.#isOfSteps && mayCarryOutput(event)) this.#outputEvents += 1;
    if (!match) return event;
    const isLast = NO_CHOICES.test(text);
    this.#isOfSteps ||= reported !== undefined && !isLast;
    this.#reported = reported ?? this.#reported;
    if (this.#stripped === 'nothing' || (this.#stripped === 'steps' && isLast)) return event;
    if (isLast) return EMPTY;
    const [whole, before, , after = ''] = match;
    const end = match.index + whole.length - (before === undefined ? 0 : after.length);
    return Buffer.concat([event.subarray(0, match.index), event.subarray(end)]);
  }
}

function joined(pieces: readonly Buffer[]): Buffer {
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

function tokensOf(json: string): Tokens | undefined {
  try {
    return tokensIn(JSON.parse(json));
  } catch {
    return undefined;
  }
}

/** Tokens of OpenAI's `usage`; undefined if it is none. */
function tokensIn(usage: unknown): Tokens | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  const { prompt_tokens, completion_tokens = 0, prompt_tokens_details: details } = usage as Record<string, unknown>;
  const cached = (details as { cached_tokens?: unknown } | null | undefined)?.cached_tokens ?? 0;
  const isCount = (count: unknown) =>
    Number.isSafeInteger(count) && (count as number) >= 0 && (count as number) <= MAX_TOKENS;
  if (![prompt_tokens, completion_tokens, cached].every(isCount)) return undefined;
  const prompt = prompt_tokens as number;
  return { prompt, cached: Math.min(prompt, cached as number), completion: completion_tokens as number };
}
