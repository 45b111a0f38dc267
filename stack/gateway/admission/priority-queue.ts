import { FairQueue } from './fair-queue.ts';
import { LEVELS, type Level } from './level.ts';

/** A request that waits for admission, or has been admitted. */
export interface Ticket {
  readonly level: Level;
  /** Caller, among whom the capacity of a level is shared. */
  readonly key: string;
  /** Part of that capacity that is due to the caller, relative to others. */
  readonly weight: number;
  /** When it began to wait. */
  readonly sinceMs: number;
  /** When it was admitted; undefined while it waits. */
  admittedMs?: number;
}

/** Rules of a {@link PriorityQueue}. */
export interface PriorityRules {
  /** Part of the capacity that is for urgent requests, 0–0.9; at least one slot is for others. */
  readonly reservedRatio: number;
  /** Once there has been no urgent request for this long, others may use the reserved slots. */
  readonly reservedIdleMs: number;
  /** A level that waits is served after so many requests of better ones. */
  readonly turnAfter: number;
  /** By level: how many may wait, and the part of the capacity that may be in use, 0–1. */
  readonly levels: readonly { readonly maxWaiting: number; readonly maxRatio: number }[];
}

/**
 * Decides which requests are admitted, given how many may be at once.
 *
 * ```
 *  P0 urgent       ──► first, into any slot
 *  P1 interactive  ──► then these ─┬─► slots that are not reserved, or all, once P0 has been idle for a while
 *  P2 normal       ──► in turn ────┤   (after `turnAfter` of P1)
 *  P3 batch        ──► if neither waits, or off-peak in turn
 *         each: fair among keys, at most `maxWaiting` in the queue, at most `maxRatio` of the slots
 * ```
 *
 * A request in progress is never interrupted, so a slot that is in use is free for a better level once it ends. The queue decides only: it has neither
 * clock nor timers. {@link next} is to be called after each change, and now and then while requests wait, since reserved slots become free by time alone.
 */
export class PriorityQueue<T extends Ticket> {
  readonly #rules: PriorityRules;
  readonly #queues: readonly FairQueue<T>[] = LEVELS.map(() => new FairQueue<T>());
  readonly #inUse = [0, 0, 0, 0];
  /** Requests of better levels that were admitted while a level waited for its turn. */
  readonly #passedBy = [0, 0, 0, 0];
  #urgentMs = Number.NEGATIVE_INFINITY;

  constructor(rules: PriorityRules) {
    this.#rules = rules;
  }

  /** Number of requests of a level that wait. */
  waiting(level: Level): number {
    return this.#queues[level]!.size;
  }

  /** When the one of a level that waits longest began to; undefined if none waits. */
  oldestMs(level: Level): number | undefined {
    const waiting = this.#queues[level]!.waiting();
    return waiting.length === 0
      ? undefined
      : waiting.reduce((least, { sinceMs }) => Math.min(least, sinceMs), Infinity);
  }

  /** Number of slots in use, by a level or by all. */
  inUse(level?: Level): number {
    return level === undefined ? this.#inUse.reduce((sum, count) => sum + count, 0) : this.#inUse[level]!;
  }

  /** Adds a request, which {@link next} or {@link overflow} may return at once. */
  push(ticket: T, nowMs: number): void {
    if (ticket.level === 0) this.#urgentMs = nowMs;
    this.#queues[ticket.level]!.push(ticket);
  }

  /** Takes out the request that has to go because too many of the level wait since `arrival`; undefined if none has to. */
  overflow(arrival: T): T | undefined {
    const queue = this.#queues[arrival.level]!;
    if (queue.size <= this.#rules.levels[arrival.level]!.maxWaiting) return undefined;
    const excess = queue.excess(arrival);
    queue.remove(excess);
    return excess;
  }

  /** Takes out a request that waits; false if it does not. */
  remove(ticket: T): boolean {
    return this.#queues[ticket.level]!.remove(ticket);
  }

  /**
   * Admits the next request; undefined if none may be admitted.
   * @param limit number of slots, at least 1; those in use beyond it are not taken back
   * @param isOffPeak whether batch requests have turns, and all slots
   */
  next(limit: number, nowMs: number, isOffPeak: boolean): T | undefined {
    const level = this.#nextLevel(limit, nowMs, isOffPeak);
    if (level === undefined) return undefined;
    const ticket = this.#queues[level]!.shift()!;
    ticket.admittedMs = nowMs;
    this.#inUse[level]! += 1;
    this.#passedBy[level] = 0;
    if (level > 0)
      for (const other of LEVELS.slice(level + 1)) if (this.waiting(other) > 0) this.#passedBy[other]! += 1;
    return ticket;
  }

  /** Frees the slot of an admitted request. Idempotent. */
  release(ticket: T, nowMs: number): void {
    const { level, admittedMs } = ticket;
    if (admittedMs === undefined) return;
    delete ticket.admittedMs;
    if (level === 0) this.#urgentMs = nowMs;
    this.#inUse[level]! -= 1;
    this.#queues[level]!.finish(ticket, nowMs - admittedMs);
  }

  /** Number of slots that only urgent requests may use at the moment. */
  reserved(limit: number, nowMs: number): number {
    const { reservedRatio, reservedIdleMs } = this.#rules;
    const isActive = this.#inUse[0]! > 0 || this.waiting(0) > 0 || nowMs - this.#urgentMs < reservedIdleMs;
    return isActive ? Math.min(Math.ceil(reservedRatio * limit), limit - 1) : 0;
  }

  #nextLevel(limit: number, nowMs: number, isOffPeak: boolean): Level | undefined {
    const all = this.inUse();
    if (all >= limit) return undefined;
    const mayGo = (level: Level) => {
      const ratio = level === 3 && isOffPeak ? 1 : this.#rules.levels[level]!.maxRatio;
      return this.waiting(level) > 0 && this.#inUse[level]! < Math.max(1, Math.floor(ratio * limit));
    };
    if (mayGo(0)) return 0;
    if (all - this.#inUse[0]! >= limit - this.reserved(limit, nowMs)) return undefined;
    const candidates = LEVELS.slice(1).filter(mayGo);
    const hasTurn = (level: Level) => (level === 2 || (level === 3 && isOffPeak)) && this.#isDue(level);
    return candidates.find(hasTurn) ?? candidates[0];
  }

  #isDue(level: Level): boolean {
    return this.#passedBy[level]! >= this.#rules.turnAfter;
  }
}
