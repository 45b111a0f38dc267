import type { AttackOutcome, AttackPoint } from '../../../harness/requests.ts';
import type { HowEnded } from './connection.ts';

/** The connections of an attack at one instant; all but `held`, `connecting` count from its start. */
export interface AttackSample {
  /** Since the first connection was due, in ms. */
  readonly atMs: number;
  /** Established now. */
  readonly held: number;
  /** Asked for and not established yet. */
  readonly connecting: number;
  /** Connections that were tried. */
  readonly opened: number;
  /** Never established: refused, reset or not answered by the kernel of the target in time. */
  readonly refused: number;
  /** Established, and closed by the server at once without an answer, or with 429 or 503: it takes no more. */
  readonly turnedAway: number;
  /** Established for a while, then ended by the server. */
  readonly evicted: number;
  /** Ended once they had been answered with 4xx, and neither turned away nor evicted; those answered wrongly are left out. */
  readonly rejected: number;
  /** Answers that came to their end, whatever they said. */
  readonly answered: number;
  /** Those of them below 400. */
  readonly served: number;
  /** Connections that this machine had no port, descriptor or memory for: the attacker's weakness, not the target's strength. */
  readonly exhausted: number;
}

/** How long connections lived until the server ended them, in ms; null where it ended none. */
export interface Evictions {
  readonly count: number;
  readonly medianMs: number | null;
  readonly p95Ms: number | null;
}

/** What an attack did and met. */
export interface AttackReport extends AttackSample {
  /** One a second. */
  readonly timeline: readonly AttackSample[];
  readonly evictions: Evictions;
  /** What the server said when it ended connections, such as `408, FIN`, with how often. */
  readonly lastWords: Readonly<Record<string, number>>;
  /** Statuses of all answers that began. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Mistakes of the server's, in words, with how often. */
  readonly violations: Readonly<Record<string, number>>;
  /** What became of its requests; those of connections that were held to the end did not end. */
  readonly requests: AttackOutcome;
  /** Most connections held at once. */
  readonly peakHeld: number;
  /** Connections that the server answered, closed or rejected. */
  readonly handled: number;
  readonly peakRssBytes: number;
  readonly cpuMs: number;
}

/** An established connection that the server ends within this time without a word was turned away, not evicted. */
const TURNED_AWAY_MS = 100;
const MAX_EVICTIONS = 100_000;
const MAX_WORDS = 200;
const BUSY = new Set([429, 503]);
const BY_SERVER: readonly HowEnded[] = ['fin', 'reset', 'never'];

/** How a connection ended, for {@link Tally.ended}. */
export interface EndedConnection {
  readonly how: HowEnded;
  /** How long it was established. */
  readonly heldMs: number;
  readonly statuses: readonly number[];
  /** Whether it had had all the answers it came for. */
  readonly isServed: boolean;
  /** What the server did wrong with it, in words; undefined where nothing. */
  readonly violation: string | undefined;
}

/** What a server said on a connection, for {@link Tally.said}. */
export interface SaidOnConnection extends Pick<EndedConnection, 'statuses' | 'violation'> {
  /** Whether the server has ended it. */
  readonly isClosed: boolean;
  /** Whether it was given a whole answer, other than to a client that hardly reads. */
  readonly isAnswered: boolean;
}

/** Counts what happens to connections. */
export class Tally {
  readonly #turnedAwayMs: number;
  held = 0;
  connecting = 0;
  opened = 0;
  answered = 0;
  served = 0;
  peakHeld = 0;
  #refused = 0;
  #turnedAway = 0;
  #evicted = 0;
  #rejected = 0;
  #exhausted = 0;
  #handled = 0;
  readonly #evictedAfterMs: number[] = [];
  readonly #lastWords: Record<string, number> = {};
  readonly #statuses: Record<string, number> = {};
  readonly #violations: Record<string, number> = {};
  readonly #requests = { ended: 0, rejected: 0, violations: 0 };
  readonly #timeline: AttackSample[] = [];

  /** @param resolutionMs how late the end of a connection may be seen */
  constructor(resolutionMs: number) {
    this.#turnedAwayMs = TURNED_AWAY_MS + resolutionMs;
  }

  established(): void {
    this.connecting -= 1;
    this.held += 1;
    this.peakHeld = Math.max(this.peakHeld, this.held);
  }

  /** A connection is over; it is counted by what ended it. */
  ended({ how, heldMs, statuses, isServed, violation }: EndedConnection): void {
    const isClosed = BY_SERVER.includes(how);
    this.said({ statuses, violation, isClosed, isAnswered: isServed });
    if (how === 'exhausted') this.#exhausted += 1;
    if (how === 'never') this.#refused += 1;
    const status = statuses.at(-1) ?? 0;
    if (BUSY.has(status)) this.#turnedAway += 1;
    if ((how !== 'fin' && how !== 'reset') || isServed) {
      if (isRefusal(status) && !BUSY.has(status) && violation === undefined) this.#rejected += 1;
      return;
    }
    add(this.#lastWords, [...(status === 0 ? [] : [status]), how === 'fin' ? 'FIN' : 'RST'].join(', '));
    if (BUSY.has(status)) return;
    if (status === 0 && heldMs < this.#turnedAwayMs) {
      this.#turnedAway += 1;
      return;
    }
    this.#evicted += 1;
    if (this.#evictedAfterMs.length < MAX_EVICTIONS) this.#evictedAfterMs.push(heldMs);
  }

  /**
   * Statuses that a connection was told, once all of them are known, and what was wrong with them. A violation is a request that was not
   * refused, whatever was said: two refusals of one request let the second request through.
   */
  said({ statuses, violation, isClosed, isAnswered }: SaidOnConnection): void {
    if (isClosed || isAnswered || statuses.some(status => status >= 400)) this.#handled += 1;
    for (const status of statuses) add(this.#statuses, String(status));
    if (violation !== undefined) {
      add(this.#violations, violation);
      this.#requests.violations += 1;
      this.#requests.ended += 1;
      return;
    }
    const closed = isClosed && statuses.length === 0 ? 1 : 0;
    this.#requests.ended += statuses.length + closed;
    this.#requests.rejected += statuses.filter(isRefusal).length + closed;
  }

  sample(atMs: number): AttackSample {
    return {
      atMs: Math.round(atMs),
      held: this.held,
      connecting: this.connecting,
      opened: this.opened,
      refused: this.#refused,
      turnedAway: this.#turnedAway,
      evicted: this.#evicted,
      rejected: this.#rejected,
      answered: this.answered,
      served: this.served,
      exhausted: this.#exhausted,
    };
  }

  /** Takes a sample into the timeline. */
  note(atMs: number): void {
    this.#timeline.push(this.sample(atMs));
  }

  report(atMs: number): AttackReport {
    const sorted = this.#evictedAfterMs.toSorted((a, b) => a - b);
    const at = (q: number) => {
      const value = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
      return value === undefined ? null : Math.round(value);
    };
    const { user, system } = process.cpuUsage();
    return {
      ...this.sample(atMs),
      timeline: this.#timeline,
      evictions: { count: this.#evicted, medianMs: at(0.5), p95Ms: at(0.95) },
      lastWords: this.#lastWords,
      statuses: this.#statuses,
      violations: this.#violations,
      requests: this.#requests,
      peakHeld: this.peakHeld,
      handled: this.#handled,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      cpuMs: Math.round((user + system) / 1000),
    };
  }
}

/**
 * The course of an attack, in at most `maxPoints` points, for reports. A point that joins several samples has the counts of the last,
 * and the largest number of open connections of any. Pure.
 * @param maxPoints at least 2
 */
export function attackPoints(timeline: readonly AttackSample[], maxPoints: number): AttackPoint[] {
  const size = Math.ceil(timeline.length / maxPoints);
  return Array.from({ length: Math.ceil(timeline.length / size) }, (_, index) => {
    const group = timeline.slice(index * size, (index + 1) * size);
    const { atMs, evicted: closed, refused, turnedAway, rejected, served } = group.at(-1)!;
    const open = Math.max(...group.map(sample => sample.held));
    return { atMs, open, closed, rejected: refused + turnedAway + rejected, served };
  });
}

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500;
}

function add(counts: Record<string, number>, key: string): void {
  if (counts[key] === undefined && Object.keys(counts).length >= MAX_WORDS) return;
  counts[key] = (counts[key] ?? 0) + 1;
}
