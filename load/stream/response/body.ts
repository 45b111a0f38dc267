import type { BodyOutcome, Completion } from './completion.ts';

/** Takes the bytes of a response body, split anywhere. */
export interface BodyReader {
  /** What was read so far; undefined for plain HTTP. */
  readonly completion?: Completion;
  feed(bytes: Buffer): void;
  /** Marks the end of the body. */
  end(): void;
  /** See {@link Completion.outputTokens}; 0 for plain HTTP. */
  outputTokens(): number;
}

/** What a reader finds. */
export interface BodySink {
  /** A frame with output is complete. */
  token(): void;
  /** The outcome is known; called once, and by {@link BodyReader.end} at the latest. */
  ended(outcome: BodyOutcome): void;
}
