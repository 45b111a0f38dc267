import { endingOf } from '../../../harness/completion/finish-reason.ts';
import { holdsOutput, isEmbeddings, isError } from '../../../harness/completion/output.ts';
import type { Outcome } from '../../../harness/requests.ts';
import type { Oddity } from './oddities.ts';
import { isObject, larger, receivedTokens, type Usage, usageOf } from './usage.ts';

/** Outcomes that the body of a response decides. */
export type BodyOutcome = Extract<Outcome, 'ok' | 'empty' | 'engine-abort' | 'truncated' | 'malformed'>;

/**
 * Meaning of a frame.
 *
 * - `plain`: output, and nothing else that matters
 * - `token`: output (text, reasoning, a tool call, …) beside something else
 * - `nothing`: no output, such as the role, the finish reason or the usage, or what is read over
 * - `done`: the `[DONE]` that ends a stream
 * - `error`: the server reports a failure
 */
export type FrameMeaning = 'plain' | 'token' | 'nothing' | 'done' | 'error';

/** Response that is expected. */
export interface Expected {
  /** Whether a stream was asked for. @default true */
  readonly stream?: boolean | undefined;
  /** `Content-Type` of the response; undefined if absent. */
  readonly contentType?: string | undefined;
}

type Json = Record<string, unknown>;

/**
 * Response of an inference server, folded from its frames: a streamed or whole chat completion, text completion or list of embeddings.
 * As tolerant as the official clients, and more: what is neither output nor an error is read over and noted as an oddity. Runs in
 * k6 too.
 */
export class Completion {
  /** Frames with output. */
  frames = 0;
  usage: Usage = {};
  /** The frame that explains a failure: an error, or what is no frame at all; empty if none does. */
  telling = '';
  /** First example of each oddity. */
  readonly oddities = new Map<Oddity, string>();
  readonly #expected: Expected;
  /** Choices with output or a finish reason, and how each has ended. */
  readonly #choices = new Map<unknown, 'open' | 'complete' | 'given-up'>();
  #hasReasoning = false;
  /** The first frame that may have held what this reader does not know. */
  #unlike = '';
  #isWhole = false;
  #isEmbedding = false;
  #isDone = false;

  constructor(expected: Expected = {}) {
    this.#expected = expected;
  }

  /** Takes the data of one frame. @param name its `event`, empty for none @param isBare whether it was a line of JSON by itself */
  take(data: string, name = '', isBare = false): FrameMeaning {
    const text = data.trim();
    if (/^"?\[done\]"?$/i.test(text)) {
      if (data !== '[DONE]') this.odd('blank-done', JSON.stringify(data));
      this.#isDone = true;
      return 'done';
    }
    if (name === 'error') return this.#failed(data);
    const isNamed = name !== '' && name !== 'message';
    if (isNamed) this.odd('event-name', name);
    if (text === '') return this.#readOver('empty-data');
    const chunk = parsed(text);
    if (chunk === undefined) return this.#readOver('not-json', data);
    if (!isObject(chunk)) return this.#readOver('not-object', data, chunk !== null);
    if (isError(chunk)) return this.#failed(data);
    const usage = usageOf(chunk);
    if (usage) this.usage = larger(this.usage, usage);
    if (isEmbeddings(chunk)) return this.#takeEmbeddings();
    const { choices } = chunk;
    if (!Array.isArray(choices))
      return isNamed ? 'nothing' : this.#readOver('no-choices', data, !usage && chunk.type === undefined);
    return this.#takeChoices(choices, data, isBare, usage !== undefined || isNamed);
  }

  /** Takes a line that is neither of server-sent events nor of JSON. */
  takeStray(line: string): void {
    this.#unlike ||= line;
    this.telling ||= line;
  }

  /** Counts a frame of output that was recognised without {@link take}. */
  takeToken(): void {
    this.frames += 1;
  }

  /** Notes an oddity; only its first example is kept. */
  odd(oddity: Oddity, example = ''): void {
    if (!this.oddities.has(oddity)) this.oddities.set(oddity, example);
  }

  /**
   * Outcome at the proper end of the body, or at its `[DONE]`.
   *
   * | tokens | ended by | outcome |
   * |---|---|---|
   * | – | a finish reason of no complete response | `engine-abort` |
   * | none | `[DONE]`, a finish reason, or no byte at all | `empty`; `malformed` if a frame was neither a chunk nor a ping |
   * | some | `[DONE]` or a finish reason | `ok` |
   * | some | `[DONE]`, with a finish reason of some choices only | `engine-abort` |
   * | – | neither | `truncated` |
   */
  outcome(bytes: number): BodyOutcome {
    const endings = [...this.#choices.values()];
    const isFinished = endings.length > 0 && !endings.includes('open');
    const isComplete = this.#isDone || isFinished || this.#isOneWhole;
    const isSilent = !endings.includes('complete');
    if (this.frames > 0) this.#noteForm(isFinished);
    if (endings.includes('given-up')) return 'engine-abort';
    if (this.frames === 0 && this.#unlike !== '') return this.#failed(this.#unlike) && 'malformed';
    if (bytes > 0 && !isComplete) return 'truncated';
    if (this.frames === 0) return 'empty';
    if (isSilent && !this.#isEmbedding) this.odd('no-finish-reason');
    return endings.includes('open') && !isSilent ? 'engine-abort' : 'ok';
  }

  /** Output tokens, as reported if that can be true, otherwise the number of frames with output. @param bytes length of the body */
  outputTokens(bytes: number): number {
    if (this.#isEmbedding) return 0;
    const { frames, usage } = this;
    const { tokens, isDoubtful } = receivedTokens(usage, { frames, bytes, hasReasoning: this.#hasReasoning });
    if (isDoubtful) this.odd('usage', `${usage.outputTokens} tokens, ${frames} frames with output`);
    return tokens;
  }

  #takeChoices(choices: readonly unknown[], data: string, isBare: boolean, saysMore: boolean): FrameMeaning {
    let hasOutput = false;
    let isPlain = !saysMore;
    for (const choice of choices) {
      if (!isObject(choice)) this.odd('no-delta', data);
      else if (choice.error) return this.#failed(data);
      else {
        const output = this.#outputOf(choice, data, isBare);
        const ends = this.#takeEnding(choice, output, data);
        hasOutput ||= output;
        isPlain &&= !ends;
      }
    }
    if (!hasOutput) return 'nothing';
    this.frames += 1;
    return isPlain ? 'plain' : 'token';
  }

  /** Whether a choice holds output, in `delta`, in the `message` of a whole response, or in the `text` of /v1/completions. */
  #outputOf(choice: Json, data: string, isBare: boolean): boolean {
    const { delta, message, text } = choice;
    const holder = [delta, message].find(isObject) ?? { text };
    if (isBare && holder === delta) this.odd('json-lines');
    else if (isBare) this.#isWhole = true;
    else if (holder === message || (holder !== delta && text === undefined)) this.odd('no-delta', data);
    let isOutput = false;
    for (const field in holder) {
      const value = holder[field];
      if (!holdsOutput(field, value)) continue;
      isOutput = true;
      if (field === 'content' && typeof value !== 'string') this.odd('content-parts');
      this.#hasReasoning ||= field.startsWith('reasoning') || field.startsWith('thinking');
    }
    return isOutput;
  }

  /** @returns whether the choice has ended */
  #takeEnding(choice: Json, hasOutput: boolean, data: string): boolean {
    const { index = 0, finish_reason: reason } = choice;
    const ending = endingOf(reason);
    if (ending === null) {
      if (hasOutput && !this.#choices.has(index)) this.#choices.set(index, 'open');
      return false;
    }
    if (ending === 'synonym') this.odd('finish-reason', JSON.stringify(reason));
    if (ending === 'given-up') this.telling = data;
    this.#choices.set(index, ending === 'given-up' ? 'given-up' : 'complete');
    return true;
  }

  #takeEmbeddings(): FrameMeaning {
    this.#isWhole = true;
    this.#isEmbedding = true;
    this.frames += 1;
    return 'token';
  }

  #failed(data: string): FrameMeaning {
    this.telling = data;
    return 'error';
  }

  #readOver(oddity: Oddity, data = '', isUnlike = oddity === 'not-json'): FrameMeaning {
    if (oddity === 'not-json') this.telling ||= data;
    if (isUnlike) this.#unlike ||= data;
    this.odd(oddity, data);
    return 'nothing';
  }

  /** Whether the body was one whole response: of several in lines none is. */
  get #isOneWhole(): boolean {
    return this.#isWhole && this.frames <= 1;
  }

  /** Notes how the response differs from the one that was asked for. */
  #noteForm(isFinished: boolean): void {
    const { stream = true, contentType } = this.#expected;
    if (this.#isOneWhole) {
      if (stream && !this.#isEmbedding) this.odd('whole-response');
      return;
    }
    if (!stream) this.odd('unasked-stream');
    else if (!isEventStream(contentType)) this.odd('media-type', contentType);
    if (!this.#isDone && isFinished && !this.oddities.has('json-lines')) this.odd('no-done');
  }
}

/** Whether a content type, which may be absent, is that of server-sent events. */
export function isEventStream(contentType = 'text/event-stream'): boolean {
  return /^\s*text\/event-stream\s*(;|$)/i.test(contentType);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
