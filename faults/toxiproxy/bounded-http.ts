import { messageOf, SquallError } from '../../harness/errors.ts';

/** An answer that is an error, with the server's own words. */
export class RefusedError extends SquallError {
  /** The HTTP status, 400–599. */
  readonly status: number;

  constructor(status: number, message: string) {
    super('fault', 'TOXIPROXY_REFUSED', message, { next: 'Read what the fault proxy answered.' });
    this.status = status;
  }
}

/**
 * The transport that toxiproxy-node-client should have: same methods as its own `HttpClient`, but bounded by a signal
 * and keeping the body of error answers. One serves one operation, however many requests that takes.
 */
export class BoundedHttp {
  readonly #operation: string;
  readonly #timeoutMs: number;
  readonly #timeout: AbortSignal;
  readonly #caller: AbortSignal | undefined;

  /** `operation` names the work in errors, such as `add toxic slow to gateway→inference-1`. */
  constructor(operation: string, timeoutMs: number, caller?: AbortSignal) {
    this.#operation = operation;
    this.#timeoutMs = timeoutMs;
    this.#timeout = AbortSignal.timeout(timeoutMs);
    this.#caller = caller;
  }

  async get<T>(url: string): Promise<{ data: T }> {
    return this.#json(url, await this.#send('GET', url));
  }

  async post<T>(url: string, body?: unknown): Promise<{ data: T }> {
    return this.#json(url, await this.#send('POST', url, body));
  }

  async delete(url: string): Promise<void> {
    await this.#send('DELETE', url);
  }

  getText(url: string): Promise<string> {
    return this.#send('GET', url);
  }

  async #send(method: string, url: string, body?: unknown): Promise<string> {
    const signal = this.#caller ? AbortSignal.any([this.#caller, this.#timeout]) : this.#timeout;
    const json =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    let text: string;
    let response: Response;
    try {
      response = await fetch(url, { method, signal, ...json });
      text = await response.text();
    } catch (error) {
      throw this.#explain(url, error);
    }
    if (response.ok) return text;
    const why = text.trim() === '' ? 'an empty body' : text.trim().slice(0, 500);
    throw new RefusedError(
      response.status,
      `Could not ${this.#operation}: ${method} ${url} answered ${response.status}, ${why}`,
    );
  }

  #json<T>(url: string, text: string): { data: T } {
    if (text === '') return { data: undefined as T };
    try {
      return { data: JSON.parse(text) };
    } catch (cause) {
      const message = `Could not ${this.#operation}: expected JSON from ${url}, got ${JSON.stringify(text.slice(0, 200))}`;
      throw new SquallError('fault', 'TOXIPROXY_ANSWER', message, {
        cause,
        next: 'Check that this is a Toxiproxy API.',
      });
    }
  }

  #explain(url: string, error: unknown): unknown {
    if (this.#caller?.aborted) return this.#caller.reason;
    if (this.#timeout.aborted) {
      const message = `Could not ${this.#operation}: expected ${url} to answer within ${this.#timeoutMs} ms, got nothing`;
      return new SquallError('fault', 'TOXIPROXY_TIMEOUT', message, { cause: error, next: 'Restart the fault proxy.' });
    }
    const cause =
      error instanceof Error && error.cause ? `${error.message}, ${messageOf(error.cause)}` : messageOf(error);
    const message = `Could not ${this.#operation}: no answer from ${url} (${cause})`;
    return new SquallError('fault', 'TOXIPROXY_UNREACHABLE', message, { cause: error, next: 'Start the fault proxy.' });
  }
}
