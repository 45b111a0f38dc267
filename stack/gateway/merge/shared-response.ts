import { type IncomingMessage, ServerResponse } from 'node:http';

/** How many bytes a follower takes at once, at most, unless a single piece is longer. */
const MAX_TAKEN_BYTES = 65_536;

/** Status and headers, alternating names and values. */
interface Head {
  readonly status: number;
  readonly headers: readonly string[];
}

/** Why a response ended before it was complete. */
export interface Abortion {
  readonly code: string;
  readonly message: string;
}

/** One who reads a shared response at a speed of its own. */
export interface Follower {
  /** Number of pieces taken, and their bytes; kept by {@link SharedResponse.take}. */
  taken: { pieces: number; bytes: number };
  /** Whether it can take nothing at the moment. */
  readonly isBlocked: boolean;
  /** Takes what is new. */
  advance(): void;
  /** It is too far behind: what it would have to take next is no longer there. */
  cut(): void;
}

/**
 * Response of one call that goes to any number of followers. What was sent so far is kept up to `maxBytes`, so that late ones begin at its
 * beginning; a longer response keeps what the slowest has not taken yet.
 *
 * ```
 *                 ┌ slowest            ┌ fastest           an upstream is read as fast as the fastest follower takes it;
 *  ░░░░░░░░░░░░░░░▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓│ ◄── upstream      one who is more than maxBytes behind is cut
 *                 └── at most maxBytes ┘
 * ```
 */
export class SharedResponse extends ServerResponse {
  override headersSent = false;
  head: Head | undefined;
  trailers: readonly [string, string][] = [];
  abortion: Abortion | undefined;
  isComplete = false;
  /** Which responses are not passed on, by status, so that another can follow. */
  withhold: ((status: number) => boolean) | undefined;
  isWithheld = false;
  readonly #followers = new Set<Follower>();
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  /** Pieces that are no longer kept, which came before the others. */
  #dropped = 0;
  #bytes = 0;
  #keptBytes = 0;
  #isWaiting = false;

  constructor(request: IncomingMessage, maxBytes: number) {
    super(request);
    this.#maxBytes = maxBytes;
  }

  /** Whether its beginning is still there. */
  get isWhole(): boolean {
    return this.#dropped === 0;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  get followers(): ReadonlySet<Follower> {
    return this.#followers;
  }

  /** Whether all of it has been taken. */
  isTakenBy({ taken }: Follower): boolean {
    return taken.pieces === this.#dropped + this.#pieces.length;
  }

  /** The body, if it is complete and all of it is kept. */
  get body(): Buffer | undefined {
    return this.isComplete && this.isWhole ? Buffer.concat(this.#pieces) : undefined;
  }

  follow(follower: Follower): void {
    this.#followers.add(follower);
    follower.advance();
    this.resumeIfPossible();
  }

  leave(follower: Follower): void {
    this.#followers.delete(follower);
    if (this.#followers.size > 0) this.#forget();
  }

  /** The next bytes for a follower; undefined when there are none yet. */
  take({ taken }: Follower): Buffer | undefined {
    const from = taken.pieces - this.#dropped;
    let to = from;
    let bytes = 0;
    for (let piece = this.#pieces[to]; piece; piece = this.#pieces[to]) {
      if (to > from && bytes + piece.length > MAX_TAKEN_BYTES) break;
      bytes += piece.length;
      to += 1;
    }
    taken.pieces += to - from;
    taken.bytes += bytes;
    if (to === from) return undefined;
    return to - from === 1 ? this.#pieces[from]! : Buffer.concat(this.#pieces.slice(from, to));
  }

  /** Called by a follower that can take more again. */
  resumeIfPossible(): void {
    if (!this.#isWaiting || this.#isBlocked()) return;
    this.#isWaiting = false;
    this.emit('drain');
  }

  /** Ends it before it is complete. */
  abort(abortion: Abortion): void {
    this.abortion = abortion;
    this.#announce();
  }

  override writeHead(status: number, ...[headers]: unknown[]): this {
    this.isWithheld = this.withhold?.(status) ?? false;
    if (this.isWithheld) return this;
    this.headersSent = true;
    this.head = { status, headers: headers as readonly string[] };
    return this;
  }

  override write(piece: Buffer | string): boolean {
    if (this.isWithheld) return true;
    const bytes = Buffer.from(piece);
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
    this.#keptBytes += bytes.length;
    this.#announce();
    this.#forget();
    this.#isWaiting = this.#isBlocked();
    return !this.#isWaiting;
  }

  override addTrailers(trailers: object): void {
    this.trailers = [...this.trailers, ...(trailers as [string, string][])];
  }

  override end(piece?: unknown): this {
    if (this.isWithheld) return this;
    this.isComplete = true;
    if (piece === undefined) this.#announce();
    else this.write(piece as Buffer | string);
    return this;
  }

  override destroy(): this {
    this.abort({ code: 'upstream_reset', message: 'The response broke off.' });
    return this;
  }

  /** Whether every follower is blocked. */
  #isBlocked(): boolean {
    for (const follower of this.#followers) if (!follower.isBlocked) return false;
    return this.#followers.size > 0;
  }

  #announce(): void {
    for (const follower of this.#followers) follower.advance();
  }

  /** Drops what nobody needs any more, and those who are too far behind. */
  #forget(): void {
    if (this.#bytes <= this.#maxBytes) return;
    const fastest = Math.max(...[...this.#followers].map(({ taken }) => taken.bytes));
    for (const follower of this.#followers) {
      const { bytes } = follower.taken;
      if (bytes < fastest && this.#bytes - bytes > this.#maxBytes) follower.cut();
    }
    const needed = Math.min(...[...this.#followers].map(({ taken }) => taken.pieces));
    const dropped = this.#pieces.splice(0, needed - this.#dropped);
    this.#dropped += dropped.length;
    for (const piece of dropped) this.#keptBytes -= piece.length;
  }
}
