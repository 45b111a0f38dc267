import type { AttackOutcome, AttackPoint } from '../../../harness/requests.ts';
import type { HowEnded } from './connection.ts';

/** Connections of an attack at one instant; all counts but `open` and `connecting` are cumulative. */
export interface AttackSample {
  /** Milliseconds since the start of the attack. */
  readonly atMs: number;
  /** Established and open at this instant. */
  readonly open: number;
  /** Not established yet at this instant. */
  readonly connecting: number;
  /** Connections attempted. */
  readonly opened: number;
  /** Never established: refused, reset or not accepted by the target's kernel in time. */
  readonly notEstablished: number;
  /** Closed by the server right after being established without a response, or responded to with 429, 503 or a correct 4xx. */
  readonly rejected: number;
  /** Closed by the server after being open for a while. */
  readonly closedByServer: number;
  /** Complete responses, whatever their status. */
  readonly responses: number;
  /** Complete responses below 400. */
  readonly served: number;
  /** Connections for which this machine had no port, descriptor or memory: a limit of the attacker, not a strength of the target. */
  readonly exhausted: number;
}

/** Result of an attack. */
export interface AttackReport extends AttackSample {
  /** One sample per second. */
  readonly timeline: readonly AttackSample[];
  /** How long connections were open until the server closed them, in ms; null if it closed none. */
  readonly openMs: { readonly median: number | null; readonly p95: number | null };
  /** How the server closed connections, such as `408, FIN`, with counts. */
  readonly closedWith: Readonly<Record<string, number>>;
  /** Statuses of all responses that began, with counts. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Descriptions of the server's mistakes, with counts. */
  readonly violations: Readonly<Record<string, number>>;
  /** Outcomes of its requests; those on connections that stayed open to the end have none. */
  readonly requests: AttackOutcome;
  /** Maximum of simultaneously open connections. */
  readonly peakOpen: number;
  /** Connections that the server responded to, closed or rejected. */
  readonly handled: number;
  readonly peakRssBytes: number;
  readonly cpuMs: number;
}

/** A connection that the server closes within this time without a response counts as rejected. */
const REJECTED_MS = 100;
const MAX_DURATIONS = 100_000;
const MAX_KEYS = 200;
const BUSY = new Set([429, 503]);
const BY_SERVER: readonly HowEnded[] = ['fin', 'reset', 'not-established'];

interface EndedConnection {
  readonly how: HowEnded;
  /** How long it was established. */
  readonly openMs: number;
  readonly statuses: readonly number[];
  /** Whether it got every response that it was opened for. */
  readonly isServed: boolean;
  /** Description of the server's mistake; undefined for none. */
  readonly violation: string | undefined;
}

/** Counts what happens to connections. */
export class Tally {
  readonly counts = {
    open: 0,
    connecting: 0,
    opened: 0,
    notEstablished: 0,
    rejected: 0,
    closedByServer: 0,
    responses: 0,
    served: 0,
    exhausted: 0,
  };
  readonly #rejectedMs: number;
  readonly #openMs: number[] = [];
  readonly #closedWith: Record<string, number> = {};
  readonly #statuses: Record<string, number> = {};
  readonly #violations: Record<string, number> = {};
  readonly #requests = { ended: 0, rejected: 0, violations: 0 };
  readonly #timeline: AttackSample[] = [];
  #handled = 0;
  #peakOpen = 0;

  /** @param resolutionMs maximum delay until a close is noticed */
  constructor(resolutionMs: number) {
    this.#rejectedMs = REJECTED_MS + resolutionMs;
  }

  established(): void {
    this.counts.connecting -= 1;
    this.counts.open += 1;
    this.#peakOpen = Math.max(this.#peakOpen, this.counts.open);
  }

  /** Counts a connection that is over. */
  ended({ how, openMs, statuses, isServed, violation }: EndedConnection): void {
    const { counts } = this;
    this.responded(statuses, violation, { isClosed: BY_SERVER.includes(how), isComplete: isServed });
    if (how === 'exhausted') counts.exhausted += 1;
    if (how === 'not-established') counts.notEstablished += 1;
    const status = statuses.at(-1) ?? 0;
    const isCut = (how === 'fin' || how === 'reset') && !isServed;
    if (isCut)
      increment(this.#closedWith, [...(status === 0 ? [] : [status]), how === 'fin' ? 'FIN' : 'RST'].join(', '));
    const isRejected = isCut ? status === 0 && openMs < this.#rejectedMs : is4xx(status) && violation === undefined;
    if (isRejected || BUSY.has(status)) counts.rejected += 1;
    else if (isCut) {
      counts.closedByServer += 1;
      if (this.#openMs.length < MAX_DURATIONS) this.#openMs.push(openMs);
    }
  }

  /**
   * Counts the responses on a connection once all of them are known. A violation is a request that was not rejected, whatever the statuses:
   * two 4xx for one request let the second request through.
   * @param violation description of the server's mistake; undefined for none
   * @param state whether the server closed the connection, and whether it sent a complete response to a client that reads
   */
  responded(
    statuses: readonly number[],
    violation: string | undefined,
    { isClosed, isComplete }: { readonly isClosed: boolean; readonly isComplete: boolean },
  ): void {
    if (isClosed || isComplete || statuses.some(status => status >= 400)) this.#handled += 1;
    for (const status of statuses) increment(this.#statuses, String(status));
    if (violation !== undefined) {
      increment(this.#violations, violation);
      this.#requests.violations += 1;
      this.#requests.ended += 1;
      return;
    }
    const closed = isClosed && statuses.length === 0 ? 1 : 0;
    this.#requests.ended += statuses.length + closed;
    this.#requests.rejected += statuses.filter(is4xx).length + closed;
  }

  sample(atMs: number): AttackSample {
    return { atMs: Math.round(atMs), ...this.counts };
  }

  /** Adds a sample to the timeline. */
  record(atMs: number): void {
    this.#timeline.push(this.sample(atMs));
  }

  report(atMs: number): AttackReport {
    const sorted = this.#openMs.toSorted((a, b) => a - b);
    const quantile = (q: number) => {
      const value = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
      return value === undefined ? null : Math.round(value);
    };
    const { user, system } = process.cpuUsage();
    return {
      ...this.sample(atMs),
      timeline: this.#timeline,
      openMs: { median: quantile(0.5), p95: quantile(0.95) },
      closedWith: this.#closedWith,
      statuses: this.#statuses,
      violations: this.#violations,
      requests: this.#requests,
      peakOpen: this.#peakOpen,
      handled: this.#handled,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      cpuMs: Math.round((user + system) / 1000),
    };
  }
}

/**
 * Downsamples the timeline of an attack to at most `maxPoints` points, for reports. A point that merges several samples has the counts of
 * the last and the maximum of `open`. Pure.
 * @param maxPoints at least 2
 */
export function attackPoints(timeline: readonly AttackSample[], maxPoints: number): AttackPoint[] {
  const size = Math.ceil(timeline.length / maxPoints);
  return Array.from({ length: Math.ceil(timeline.length / size) }, (_, index) => {
    const group = timeline.slice(index * size, (index + 1) * size);
    const { atMs, closedByServer: closed, notEstablished, rejected, served } = group.at(-1)!;
    const open = Math.max(...group.map(sample => sample.open));
    return { atMs, open, closed, rejected: notEstablished + rejected, served };
  });
}

function is4xx(status: number): boolean {
  return status >= 400 && status < 500;
}

function increment(counts: Record<string, number>, key: string): void {
  if (counts[key] === undefined && Object.keys(counts).length >= MAX_KEYS) return;
  counts[key] = (counts[key] ?? 0) + 1;
}
