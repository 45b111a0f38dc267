import type { HttpExpectation } from '../../../harness/plan.ts';
import type { Outcome, RequestRecord } from '../../../harness/requests.ts';
import { upstreamOf } from '../../request/upstream.ts';
import type { BodyReader } from './body.ts';
import { BodyInput, fromLatin1 } from './body-input.ts';
import { bodyReader } from './body-reader.ts';
import { isCompressed } from './decompress.ts';
import type { FindHeader, Notes } from './notes.ts';
import { sentenceOf } from './oddities.ts';
import { TokenTimes } from './token-times.ts';

/** Head of a response, and what is expected of it. */
export interface ResponseHead {
  readonly status: number;
  readonly header: FindHeader;
  /** Whether the status is as expected; the body of another is only kept for reports. */
  readonly isExpected: boolean;
  /** Null for the response of an inference server. */
  readonly expect: HttpExpectation | null;
  /** Whether a stream was asked for. */
  readonly stream: boolean | undefined;
  readonly requestHeaders: Readonly<Record<string, string>>;
  /** See `LoadPlan`. */
  readonly upstreamHeader: string | undefined;
}

/** Consumer of a {@link Response}. */
export interface ResponseSink {
  /** Bytes of the body arrived, or a frame with output is complete. @param atMs when the read ended that held its last byte */
  bytes(atMs: number): void;
  token(atMs: number): void;
  /** The outcome is known; called once. @param why explains it */
  ended(outcome: Outcome, why?: string): void;
}

/** Response of one attempt, from its head: its times, its tokens, its outcome, and what is odd about it. */
export class Response {
  readonly head: ResponseHead;
  readonly #sink: ResponseSink;
  readonly #input: BodyInput;
  readonly #reader: BodyReader | undefined;
  readonly #tokens = new TokenTimes();
  #arrivalMs = 0;

  constructor(head: ResponseHead, sink: ResponseSink) {
    const { header, isExpected, expect, stream } = head;
    this.head = head;
    this.#sink = sink;
    const onBytes = (bytes: Buffer, arrivalMs: number) => this.#onBytes(bytes, arrivalMs);
    this.#input = new BodyInput(header('content-encoding'), onBytes, error => sink.ended('malformed', error.message));
    if (!isExpected) return;
    const expected = { stream, contentType: header('content-type') };
    this.#reader = bodyReader(expect, expected, {
      token: () => this.#onToken(),
      ended: outcome => sink.ended(outcome),
    });
  }

  /** @param arrivalMs time of the read in which they arrived */
  feed(bytes: Buffer, arrivalMs: number): void {
    this.#input.feed(bytes, arrivalMs);
  }

  /** Reads the end of the body, and then calls `ended`. */
  end(ended: () => void): void {
    this.#input.end(() => {
      this.#reader?.end();
      ended();
    });
  }

  destroy(): void {
    this.#input.destroy();
  }

  /** Fields of the record. */
  get facts(): Partial<RequestRecord> {
    const { status, header, upstreamHeader } = this.head;
    const { lastMs, reads, gaps } = this.#tokens;
    const completion = this.#reader?.completion;
    const { promptTokens, cachedTokens } = completion?.usage ?? {};
    return {
      ...{ status, upstream: upstreamOf(header, upstreamHeader), gaps },
      outputTokens: this.#reader?.outputTokens() ?? 0,
      ...(lastMs !== undefined && { lastTokenMs: lastMs }),
      ...(completion && { frames: completion.frames, reads }),
      ...(promptTokens !== undefined && { usedPromptTokens: promptTokens }),
      ...(cachedTokens !== undefined && { cachedPromptTokens: cachedTokens }),
    };
  }

  /** Notes what is odd about it. @param secrets see {@link Notes} */
  note(notes: Notes, secrets: readonly string[]): void {
    const { header, requestHeaders } = this.head;
    const encoding = header('content-encoding');
    const isAsked = () => Object.keys(requestHeaders).some(name => name.toLowerCase() === 'accept-encoding');
    if (isCompressed(encoding) && !isAsked()) notes.oddity('compressed', sentenceOf('compressed', encoding), secrets);
    for (const [oddity, example] of this.#reader?.completion?.oddities ?? [])
      notes.oddity(oddity, sentenceOf(oddity, fromLatin1(example)), secrets);
  }

  /** Text that explains a failure: the frame that reports it, else how the stream ended, else the beginning of the body. */
  get telling(): string {
    const { telling = '', frames = 0 } = this.#reader?.completion ?? {};
    if (telling !== '') return fromLatin1(telling);
    if (frames > 0) return `ended after ${frames} frames with output, without a finish_reason or [DONE]`;
    return this.#input.start || 'no body';
  }

  #onBytes(bytes: Buffer, arrivalMs: number): void {
    this.#arrivalMs = arrivalMs;
    this.#sink.bytes(arrivalMs);
    this.#reader?.feed(bytes);
  }

  #onToken(): void {
    this.#tokens.add(this.#arrivalMs);
    this.#sink.token(this.#arrivalMs);
  }
}
