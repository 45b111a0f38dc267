import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Client, Head } from 'autocannon';
import type { Outcome } from '../../harness/requests.ts';
import { CONNECT_TIMEOUT, NOT_HTTP, outcomeOfError, type RequestPhase } from '../stream/wire/failure.ts';

/** What happens on one of autocannon's connections, in the order of a request. */
export interface WireEvents {
  /** It is about to send: the last chance to say what. */
  begin(): void;
  headers(status: number, headers: ReadonlyMap<string, string>): void;
  body(bytes: Buffer): void;
  /** The whole answer is in. */
  end(): void;
  /** It is not, and will never be. @param error undefined where the server or a time limit ended it in silence */
  lost(outcome: Outcome, error: Error | undefined): void;
}

/** Limits of the plan, in ms, and whether answers have a head alone. */
export interface WireOptions {
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly isHead: boolean;
}

/** Of http-parser-js: the key of the callback for the head of an answer. */
const HEAD_IS_IN = 2;

/**
 * Watches a client of autocannon from its `setupClient`, and mends what it gets wrong: it goes on parsing where a lost connection
 * broke off, trusts any certificate, overlooks answers that are no HTTP or that end with their connection, waits for the body of an answer to HEAD, sends
 * on connections of which the server has just said that it closes them, has one time limit for connecting and the whole answer, and
 * tells a timeout and a closed connection alike. With this, outcomes mean what the streaming client's mean.
 *
 * Not done: it takes an informational answer (1xx) for the answer.
 */
export function watchWire(client: Client, options: WireOptions, events: WireEvents): void {
  let socket: Socket | undefined;
  let phase: RequestPhase = 'connecting';
  let isOpen = false;
  let isClosing = false;
  /** Nobody saw a request that was sent when the server had already said goodbye. */
  const isUnseen = () => isOpen && isClosing && phase === 'waiting';
  client.timeout = options.idleTimeoutMs;
  client.pipelinedRequests.addBody = bytes => events.body(bytes);
  client.on('request', () => {
    const isAgain = isUnseen() && client.conn !== socket;
    if (client.conn === socket) phase = 'waiting';
    else {
      if (isOpen && !isAgain) tellLoss(client, socket!, phase, events);
      if (!socket && options.isHead) skipBodies(client);
      socket = client.conn;
      isClosing = false;
      phase = 'connecting';
      adopt(client, socket, options, () => {
        phase = 'waiting';
      });
    }
    isOpen = true;
    if (!isAgain) events.begin();
  });
  client.on('headers', ({ statusCode, headers, shouldKeepAlive }: Head) => {
    phase = 'answering';
    isClosing = !shouldKeepAlive;
    events.headers(statusCode, mapOf(headers));
  });
  client.on('response', () => {
    isOpen = false;
    events.end();
  });
  client.on('connError', (error: Error) => {
    if (!isOpen || isUnseen()) return;
    isOpen = false;
    events.lost(outcomeOfError(error, phase), error);
  });
}

/** What a socket came to that autocannon has replaced without an error. */
function tellLoss({ parser }: Client, socket: Socket, phase: RequestPhase, events: WireEvents): void {
  // The server has not ended it, so autocannon gave it up.
  if (!socket.readableEnded) events.lost(phase === 'connecting' ? 'connect-timeout' : 'idle-timeout', undefined);
  // A body without a length is whole when its connection ends in peace.
  else if (parser.state === 'BODY_RAW') events.end();
  else events.lost(phase === 'answering' ? 'truncated' : 'reset', undefined);
}

/** A new socket gets a parser without a past, and the limits of the plan. */
function adopt(client: Client, socket: Socket, { connectTimeoutMs }: WireOptions, connected: () => void): void {
  client.pipelinedRequests.clear();
  client.parser.reinitialize('RESPONSE');
  const fail = (code: string) => socket.destroy(Object.assign(new Error(code), { code }));
  const timer = setTimeout(() => fail(CONNECT_TIMEOUT), connectTimeoutMs);
  socket.once('close', () => clearTimeout(timer));
  socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
    clearTimeout(timer);
    // autocannon itself would go on.
    if (socket instanceof TLSSocket && !socket.authorized) fail(String(socket.authorizationError));
    else connected();
  });
  // autocannon has read by now.
  socket.on('data', () => {
    if (client.parser.hadError) fail(NOT_HTTP);
    else client.timeoutTicker.reschedule(client.timeout);
  });
}

function skipBodies({ parser }: Client): void {
  const headIsIn = parser[HEAD_IS_IN];
  parser[HEAD_IS_IN] = head => {
    headIsIn(head);
    return true;
  };
}

/** By names in lower case; of several values of one name the last. */
function mapOf(raw: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2) headers.set(raw[i]!.toLowerCase(), raw[i + 1]!);
  return headers;
}
