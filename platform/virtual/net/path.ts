import type { Random } from '../../../harness/random.ts';
import type { Owner, VirtualTime } from '../../../harness/virtual/virtual-time.ts';

/** What lies between two hosts, both ways. */
export interface PathSettings {
  /** One-way delay in ms. @default 0.3 */
  readonly delayMs: number;
  /** Added to it, uniform in 0…`jitterMs`, drawn per message; order is kept. @default 0.1 */
  readonly jitterMs: number;
  /** Bytes per ms in each direction. @default unlimited */
  readonly bytesPerMs: number;
  /** Ratio of messages, 0–1, that are lost and sent again after their retransmission timeout. @default 0 */
  readonly lossRatio: number;
  /** `drop` loses every message until the path is `open` again, `reset` resets every connection that is used. @default open */
  readonly mode: 'open' | 'drop' | 'reset';
}

/**
 * A path as it is by default. With 0.3 ms a hop and the costs of `stack.virtual.cpu`, first tokens take as long as on loopback between
 * processes on an idle machine.
 */
export const DEFAULT_PATH: PathSettings = {
  delayMs: 0.3,
  jitterMs: 0.1,
  bytesPerMs: Number.POSITIVE_INFINITY,
  lossRatio: 0,
  mode: 'open',
};

/** First retransmission timeout of data, and of the opening of a connection, in ms, as in Linux; each next one is twice as long. */
const RETRANSMIT_MS = 200;
const RETRANSMIT_SYN_MS = 1000;

interface Message {
  readonly bytes: number;
  readonly sentMs: number;
  readonly isSyn: boolean;
  readonly owner: Owner | undefined;
  readonly arrive: () => void;
}

/** One direction of one connection: messages arrive later, in the order in which they were sent. */
export class Direction {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #path: () => PathSettings;
  /** What was lost, and what has to wait for it. */
  #lost: Message[] = [];
  #freeMs = 0;
  #lastMs = 0;

  /** @param path settings of the path right now */
  constructor(time: VirtualTime, random: Random, path: () => PathSettings) {
    this.#time = time;
    this.#random = random;
    this.#path = path;
  }

  /** Whether something lost waits for the path. */
  get hasLost(): boolean {
    return this.#lost.length > 0;
  }

  /**
   * Sends a message of `bytes`; `arrive` is called as an event of `owner` when it is there.
   * @param sentMs when it leaves, in ms of virtual time, not before now
   */
  send(bytes: number, arrive: () => void, owner?: Owner, isSyn = false, sentMs = this.#time.nowMs()): void {
    if (this.hasLost || this.#path().mode === 'drop') this.#lost.push({ bytes, sentMs, isSyn, owner, arrive });
    else this.#time.at(this.arrivalMs(bytes, sentMs, isSyn), arrive, owner);
  }

  /** Sends a message of `bytes` on an open path. @returns when it arrives, in ms of virtual time */
  arrivalMs(bytes: number, sentMs: number, isSyn = false): number {
    const { delayMs, jitterMs, bytesPerMs, lossRatio } = this.#path();
    this.#freeMs = Math.max(this.#freeMs, this.#time.nowMs(), sentMs) + bytes / bytesPerMs;
    const isLost = lossRatio > 0 && this.#random.next() < lossRatio;
    const retransmitMs = isLost ? (isSyn ? RETRANSMIT_SYN_MS : RETRANSMIT_MS) : 0;
    this.#lastMs = Math.max(this.#lastMs, this.#freeMs + delayMs + jitterMs * this.#random.next() + retransmitMs);
    return this.#lastMs;
  }

  /** The path is open again: what was lost is sent when the oldest of it is due to be sent again. */
  reopened(): void {
    const [oldest] = this.#lost;
    if (!oldest) return;
    this.#time.after(untilRetransmission(oldest, this.#time.nowMs()), () => {
      if (this.#path().mode === 'drop') return;
      for (const { bytes, sentMs, isSyn, owner, arrive } of this.#lost.splice(0))
        this.#time.at(this.arrivalMs(bytes, sentMs, isSyn), arrive, owner);
    });
  }
}

/** Ms from `nowMs` to the next attempt of a message first sent at `sentMs`. */
function untilRetransmission({ sentMs, isSyn }: Message, nowMs: number): number {
  let waitMs = isSyn ? RETRANSMIT_SYN_MS : RETRANSMIT_MS;
  let atMs = sentMs + waitMs;
  while (atMs <= nowMs) {
    waitMs *= 2;
    atMs += waitMs;
  }
  return atMs - nowMs;
}
