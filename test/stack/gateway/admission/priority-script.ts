import { type Random, seededRandom } from '../../../../harness/random.ts';
import { LEVELS, type Level } from '../../../../stack/gateway/admission/level.ts';
import type { PriorityQueue, PriorityRules, Ticket } from '../../../../stack/gateway/admission/priority-queue.ts';

/** Rules of a script, drawn at random. */
export function randomRules(random: Random): PriorityRules {
  return {
    reservedRatio: random.pick([0, 0.2, 0.5, 0.9]),
    reservedIdleMs: random.pick([0, 50, 500]),
    turnAfter: random.integer(1, 5),
    levels: LEVELS.map(level => ({
      maxWaiting: random.integer(0, 12),
      maxRatio: level === 3 ? random.pick([0.1, 0.5, 1]) : random.pick([0.3, 1, 1, 1]),
    })),
  };
}

/**
 * Drives a queue with a random script, and looks after every step whether it keeps `rules`, by a model of its own.
 * @returns the first rule that it breaks; undefined if it breaks none
 */
export function brokenRule(seed: number, rules: PriorityRules, queue: PriorityQueue<Ticket>): string | undefined {
  const random = seededRandom(seed).stream('script');
  const model = new Model(rules, queue);
  for (let step = 0; step < 300 && model.broken === undefined; step += 1) {
    const isOffPeak = model.nowMs % 1000 > 700;
    const draw = random.next();
    if (draw < 0.5) model.push(random.pick(LEVELS), `key-${random.integer(1, 4)}`);
    else if (draw < 0.8) model.release(random);
    else if (draw < 0.87) model.leave(random);
    else if (draw < 0.9) model.limit = random.integer(1, 12);
    else model.nowMs += random.integer(1, 200);
    model.admit(isOffPeak);
    model.overflow();
  }
  return model.broken ?? model.finish();
}

class Model {
  nowMs = 0;
  limit = 5;
  broken: string | undefined;
  readonly #rules: PriorityRules;
  readonly #queue: PriorityQueue<Ticket>;
  readonly #waiting = new Set<Ticket>();
  readonly #running = new Set<Ticket>();
  readonly #passed = [0, 0, 0, 0];
  #arrival: Ticket | undefined;
  #urgentMs = Number.NEGATIVE_INFINITY;

  constructor(rules: PriorityRules, queue: PriorityQueue<Ticket>) {
    this.#rules = rules;
    this.#queue = queue;
  }

  push(level: Level, key: string): void {
    const ticket: Ticket = { level, key, weight: 1, sinceMs: this.nowMs };
    this.#arrival = ticket;
    this.#waiting.add(ticket);
    if (level === 0) this.#urgentMs = this.nowMs;
    this.#queue.push(ticket, this.nowMs);
  }

  release(random: Random): void {
    const ticket = [...this.#running][random.integer(0, Math.max(0, this.#running.size - 1))];
    if (!ticket) return;
    this.#running.delete(ticket);
    if (ticket.level === 0) this.#urgentMs = this.nowMs;
    this.#queue.release(ticket, this.nowMs);
    this.#queue.release(ticket, this.nowMs);
  }

  leave(random: Random): void {
    const ticket = [...this.#waiting][random.integer(0, Math.max(0, this.#waiting.size - 1))];
    if (!ticket) return;
    this.#waiting.delete(ticket);
    this.#check(this.#queue.remove(ticket), 'a request that waits can leave');
    this.#check(!this.#queue.remove(ticket), 'a request leaves once');
  }

  admit(isOffPeak: boolean): void {
    for (;;) {
      const mayGo = LEVELS.filter(level => this.#mayGo(level, isOffPeak));
      const ticket = this.#queue.next(this.limit, this.nowMs, isOffPeak);
      if (!ticket) {
        this.#check(mayGo.length === 0, 'no slot stays free while a request may have it');
        break;
      }
      const { level } = ticket;
      this.#check(this.#waiting.has(ticket), 'only a request that waits is admitted, and once');
      this.#check(this.#running.size < this.limit, 'the capacity is not exceeded');
      this.#check(mayGo.includes(level), `no request beyond the bounds of its level: ${level}`);
      this.#check(level === 0 || !mayGo.includes(0), 'urgent requests are first');
      if (level === 3 && !isOffPeak) this.#check(mayGo[0] === 3, 'batch requests are admitted when no other waits');
      this.#waiting.delete(ticket);
      this.#running.add(ticket);
      this.#countTurns(level, mayGo);
    }
    for (const level of LEVELS) {
      this.#check(this.#queue.waiting(level) === this.#count(this.#waiting, level), 'the queue knows who waits');
      this.#check(
        this.#queue.inUse(level) === this.#count(this.#running, level),
        'the queue knows which slots are in use',
      );
    }
  }

  overflow(): void {
    if (!this.#arrival) return;
    const excess = this.#waiting.has(this.#arrival) ? this.#queue.overflow(this.#arrival) : undefined;
    if (excess) {
      const lengthOf = (key: string) =>
        [...this.#waiting].filter(t => t.level === excess.level && t.key === key).length;
      const longest = Math.max(...[...this.#waiting].map(({ key }) => lengthOf(key)));
      this.#check(lengthOf(excess.key) === longest, 'the key with most requests is rejected');
      this.#check(this.#waiting.delete(excess), 'only a request that waits is rejected');
    }
    this.#arrival = undefined;
    for (const level of LEVELS)
      this.#check(
        this.#count(this.#waiting, level) <= this.#rules.levels[level]!.maxWaiting,
        'the lengths are bounded',
      );
  }

  /** All end: nothing may be left in use. */
  finish(): string | undefined {
    for (const ticket of this.#waiting) this.#queue.remove(ticket);
    for (const ticket of this.#running) this.#queue.release(ticket, this.nowMs);
    this.#check(this.#queue.inUse() === 0, 'no slot is leaked');
    this.#check(
      LEVELS.every(level => this.#queue.waiting(level) === 0),
      'nobody is left behind',
    );
    return this.broken;
  }

  #mayGo(level: Level, isOffPeak: boolean): boolean {
    const { reservedRatio, reservedIdleMs, levels } = this.#rules;
    const used = this.#count(this.#running, level);
    const ratio = level === 3 && isOffPeak ? 1 : levels[level]!.maxRatio;
    if (this.#count(this.#waiting, level) === 0 || this.#running.size >= this.limit) return false;
    if (used >= Math.max(1, Math.floor(ratio * this.limit))) return false;
    if (level === 0) return true;
    const isUrgentIdle =
      this.#count(this.#waiting, 0) + this.#count(this.#running, 0) === 0 &&
      this.nowMs - this.#urgentMs >= reservedIdleMs;
    const reserved = isUrgentIdle ? 0 : Math.min(this.limit - 1, Math.ceil(reservedRatio * this.limit));
    return this.#running.size - this.#count(this.#running, 0) < this.limit - reserved;
  }

  /** A level that could have been served is passed by no more often than the rules say. */
  #countTurns(level: Level, mayGo: readonly Level[]): void {
    if (level === 1 && mayGo.includes(2)) this.#passed[2]! += 1;
    if (level === 2) this.#passed[2] = 0;
    this.#check(this.#passed[2]! <= this.#rules.turnAfter, 'a level that waits has its turn');
  }

  #count(tickets: ReadonlySet<Ticket>, level: Level): number {
    let count = 0;
    for (const ticket of tickets) if (ticket.level === level) count += 1;
    return count;
  }

  #check(holds: boolean, rule: string): void {
    if (!holds) this.broken ??= rule;
  }
}
