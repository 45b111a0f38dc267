import { writePiece } from '../../chunked-body.ts';
import type { Watched } from '../forward/deadlines.ts';
import { FAILURES } from '../forward/failure.ts';
import type { ForwardContext } from '../forward/forward.ts';
import { abortResponse } from '../forward/relay.ts';
import { ApiError } from '../http/api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Abortion, Follower, SharedResponse } from './shared-response.ts';

/** How long a client that is cut off may take to read up to the error. */
const CUT_MS = 5000;
const TOO_SLOW: Abortion = {
  code: 'reader_too_slow',
  message: 'The response is shared with faster readers, and this one fell too far behind. Send the request again.',
};

/** The call that a member is part of: its response, and the exchange that stands for all members. */
export interface MemberOf {
  readonly response: SharedResponse;
  readonly exchange: Exchange;
  /** Called when the member has gone before the end. */
  onLeave(): void;
  /** Called when it is cut, since it is too slow. */
  onCut(): void;
}

/** One client of a shared call: sends it the response from the beginning, at its own speed, until the end or until it leaves. */
export class Member implements Follower, Watched {
  taken = { pieces: 0, bytes: 0 };
  isBlocked = false;
  readonly dueMs: number;
  readonly #exchange: Exchange;
  readonly #call: MemberOf;
  readonly #context: ForwardContext;
  readonly #end = Promise.withResolvers<void>();
  #hasBegun = false;
  #isOver = false;

  constructor(exchange: Exchange, call: MemberOf, context: ForwardContext) {
    this.#exchange = exchange;
    this.#call = call;
    this.#context = context;
    this.dueMs = exchange.deadlineMs;
  }

  /**
   * Follows the call until its end.
   * @throws ApiError when nothing has been sent to the client
   */
  follow(): Promise<void> {
    const exchange = this.#exchange;
    exchange.onClientDisconnect = () => this.#disconnected();
    // The call has a deadline of its own.
    if (this.dueMs < this.#call.exchange.deadlineMs) this.#context.deadlines.add(this);
    this.#call.response.follow(this);
    if (exchange.clientDisconnected) this.#disconnected();
    return this.#end.promise;
  }

  advance(): void {
    const { response } = this.#call;
    if (this.isBlocked || this.#isOver || !response.head) return;
    this.#begin();
    for (let piece = response.take(this); piece; piece = response.take(this)) {
      if (!this.#write(piece)) return;
    }
    if (response.abortion) this.#abort(response.abortion);
    else if (response.isComplete) this.#complete();
  }

  cut(): void {
    this.#call.onCut();
    this.#exchange.outcome = 'truncated';
    this.#exchange.reason = 'reader-too-slow';
    this.#abortWith(TOO_SLOW, CUT_MS);
    this.#over();
  }

  /** The deadline of this client passed, which may be before that of the call. */
  expire(): void {
    const [status, code, message] = FAILURES.deadline;
    this.#adopt();
    this.#exchange.reason = 'deadline';
    this.#exchange.outcome = this.#hasBegun ? 'truncated' : 'failed';
    if (this.#hasBegun) this.#abortWith({ code, message });
    this.#over(this.#hasBegun ? undefined : new ApiError(status, code, message));
    this.#call.onLeave();
  }

  /** The call has failed before its response began. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#adopt();
    this.#over(error);
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#adopt();
    const { response, request } = this.#exchange;
    const { status, headers } = this.#call.response.head!;
    this.#exchange.eventStream = this.#call.exchange.eventStream;
    const isChunkable = request.httpVersion === '1.1';
    response.writeHead(status, [...this.#exchange.headers(), ...(isChunkable ? headers : withoutTrailer(headers))]);
    this.#context.onFirstByte(this.#exchange);
  }

  /** False when it must wait for the client. */
  #write(piece: Buffer): boolean {
    const { response } = this.#exchange;
    const shared = this.#call.response;
    if (shared.isComplete && shared.isTakenBy(this) && shared.trailers.length === 0) {
      this.#complete(piece);
      return false;
    }
    if (writePiece(response, piece)) return true;
    this.isBlocked = true;
    response.once('drain', () => {
      this.isBlocked = false;
      this.advance();
      shared.resumeIfPossible();
    });
    return false;
  }

  #complete(last?: Buffer): void {
    const { response, request } = this.#exchange;
    const { trailers } = this.#call.response;
    this.#adopt();
    if (request.httpVersion === '1.1') for (const trailer of trailers) response.addTrailers([trailer]);
    response.end(last);
    this.#over();
  }

  #abort(abortion: Abortion): void {
    this.#adopt();
    this.#abortWith(abortion);
    this.#over();
  }

  #abortWith({ code, message }: Abortion, lingerMs?: number): void {
    const { deadlines, clock } = this.#context;
    abortResponse(this.#exchange, code, message, deadlines, clock.nowMs(), lingerMs);
  }

  #disconnected(): void {
    if (this.#isOver) return;
    this.#adopt();
    this.#exchange.outcome = 'cancelled';
    this.#exchange.reason = 'client-disconnected';
    this.#over();
    this.#call.onLeave();
  }

  /** Takes over what is known of the call, for headers and the log. */
  #adopt(): void {
    const { attempts, upstream, queuedMs, cacheHeaders, outcome, reason, priority, version } = this.#call.exchange;
    const adopted = { attempts, upstream, queuedMs, cacheHeaders, outcome, reason, priority, version };
    Object.assign(this.#exchange, adopted);
  }

  #over(error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#exchange.onClientDisconnect = undefined;
    this.#context.deadlines.remove(this);
    this.#call.response.leave(this);
    if (error === undefined) this.#end.resolve();
    else this.#end.reject(error);
  }
}

/** Trailers exist only in chunked bodies. */
function withoutTrailer(headers: readonly string[]): string[] {
  return headers.filter((_, index) => headers[index - (index % 2)] !== 'trailer');
}
