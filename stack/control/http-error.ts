/** Error response in plain text, as in Consul's agent. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}
