import type { Duplex } from 'node:stream';
import type { Clock } from '../../../harness/clock.ts';
import { errorBody } from '../http/api-error.ts';
import { resetConnection } from './reset.ts';

/** Connections that are being told why they end, at once; more are closed without a word. */
const MOST_TOLD = 256;
/** How long a client may take to read that and close. */
const TELL_MS = 1000;

/**
 * Answers connections that have no request to answer, and closes them. What such a client still sends is read and thrown
 * away for a while, since closing at once would reset the connection under the answer; bounded in time and in number, for
 * those who are told to go must not be what fills the gateway.
 */
export class LastWords {
  readonly #clock: Clock;
  #told = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  say(socket: Duplex, answer: string): void {
    if (this.#told >= MOST_TOLD) {
      resetConnection(socket);
      return;
    }
    this.#told += 1;
    const closed = new AbortController();
    socket.once('close', () => {
      this.#told -= 1;
      closed.abort();
    });
    socket.end(answer);
    void this.#clock.sleep(TELL_MS, closed.signal).then(
      () => resetConnection(socket),
      () => {},
    );
  }
}

/** A whole error answer as text. `headers`: whole lines. */
export function rawAnswer(status: string, code: string, message: string, headers = ''): string {
  const type = status.startsWith('5') ? 'server_error' : 'invalid_request_error';
  const body = errorBody({ message, type, param: null, code });
  const length = Buffer.byteLength(body);
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n${headers}connection: close\r\n\r\n${body}`;
}
