/** An answer that is an error, in plain text as Consul's agent writes it. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}
