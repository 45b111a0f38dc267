import type { Duplex } from 'node:stream';
import type { Clock } from '../../../harness/clock.ts';
import { errorBody } from '../http/api-error.ts';
import { resetConnection } from './reset.ts';

/** Lingering closes at once; further connections are reset without a response. */
const MAX_LINGERING = 256;
/** How long a client may take to read the response and close. */
const LINGER_MS = 1000;

/**
 * Sends a response on connections without a pending request, then closes them. Closing at once would reset the connection and
 * discard the response, so input is read and discarded for a while. Both the time and the number of lingering connections are
 * bounded, since rejected clients must not exhaust the gateway.
 */
export class LingeringCloses {
  readonly #clock: Clock;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  respond(socket: Duplex, response: string): void {
    if (this.#count >= MAX_LINGERING) {
      resetConnection(socket);
      return;
    }
    this.#count += 1;
    const closed = new AbortController();
    socket.once('close', () => {
      this.#count -= 1;
      closed.abort();
    });
    socket.end(response);
    void this.#clock.sleep(LINGER_MS, closed.signal).then(
      () => resetConnection(socket),
      () => {},
    );
  }
}

/** Complete error response as raw text. `headers`: complete lines. */
export function rawResponse(status: string, code: string, message: string, headers = ''): string {
  const type = status.startsWith('5') ? 'server_error' : 'invalid_request_error';
  const body = errorBody({ message, type, param: null, code });
  const length = Buffer.byteLength(body);
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n${headers}connection: close\r\n\r\n${body}`;
}
