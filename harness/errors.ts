/**
 * What went wrong, by who can mend it. The kind decides the exit code:
 *
 * - `option`, `scenario`: what the person typed or wrote (exit 3)
 * - `environment`: this machine lacks something, a port is taken, a folder is read-only (exit 4)
 * - `stack`, `fault`: a part under test or a fault could not be driven (exit 4)
 */
export type ErrorKind = 'option' | 'scenario' | 'environment' | 'stack' | 'fault';

/** Details of a {@link SquallError} beside its message. */
export interface SquallErrorOptions {
  /** What the reader should do now, as one imperative sentence. */
  readonly next?: string;
  readonly cause?: unknown;
}

/**
 * An error that a person can act on. A failed request is a record and a failed check is a verdict: neither is thrown.
 * `code` is stable and upper case, for example `UNKNOWN_SCENARIO`.
 */
export class SquallError extends Error {
  override readonly name = 'SquallError';
  readonly kind: ErrorKind;
  readonly code: string;
  readonly next: string | undefined;

  constructor(kind: ErrorKind, code: string, message: string, options: SquallErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.code = code;
    this.next = options.next;
  }
}

/** The message of anything that was thrown, for a log line or a `reason`. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
