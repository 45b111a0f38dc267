/**
 * Kind of an error, by where it has to be fixed. It determines the exit code:
 *
 * - `option`, `scenario`: an option or a scenario of the user (exit 3)
 * - `environment`: something is missing on this machine, a port is taken, a folder is read-only (exit 4)
 * - `stack`, `fault`: a service under test or a fault does not work (exit 4)
 */
export type ErrorKind = 'option' | 'scenario' | 'environment' | 'stack' | 'fault';

/** Details of a {@link SquallError} besides its message. */
export interface SquallErrorOptions {
  /** Next step for the reader, as one imperative sentence. */
  readonly next?: string;
  readonly cause?: unknown;
}

/**
 * Error that a person can act on. A failed request is a record and a failed check is a verdict; neither is thrown.
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

/** Message of any thrown value, for a log line or a `reason`. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
