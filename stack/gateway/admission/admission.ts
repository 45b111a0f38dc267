import type { Registry } from 'prom-client';
import type { Clock } from '../../../harness/clock.ts';
import { DEADLINE_RESOLUTION_MS, type Deadlines, type Watched } from '../forward/deadlines.ts';
import { FAILURES } from '../forward/failure.ts';
import { ApiError } from '../http/api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';
import { AdmissionMetrics, type WaitEnd } from './admission-metrics.ts';
import type { AdmissionConfig } from './config.ts';
import { type Claim, createClaims, PRIORITY_HEADER } from './entitlements.ts';
import { LEVEL_NAMES, LEVELS, type Level } from './level.ts';
import { isOffPeak } from './off-peak.ts';
import { PriorityQueue, type Ticket } from './priority-queue.ts';

/** With the value `allow`, a request that cannot be admitted in time goes on at the next level. */
const DOWNGRADE_HEADER = 'x-priority-downgrade';
/** Interval at which the queue is looked at while requests wait, for what becomes free by time alone. */
const TICK_MS = 100;

interface AdmissionParts {
  readonly config: AdmissionConfig;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly registry: Registry;
  /** Requests that the upstreams take at once, infinite without such a limit: so the rest waits here, by its levels. */
  readonly room: () => number;
}

/** One request, from when it waits until its slot is free. */
interface Entry extends Ticket, Watched {
  end(how: WaitEnd): void;
}

/**
 * Admission by priority: as many requests as there are slots are forwarded, the others wait by level. See {@link PriorityQueue} for the order.
 *
 * ```
 *  request ─► level ─► slot? ─ yes ─────────────────────────► forward ─► slot free ─► next
 *               ▲         └ no ─► wait ─ slot ─────────────────▲
 *               │                  │ full: 429 · waited for too long: 503, both with Retry-After
 *               └── downgrade ─────┘ client gone: out of the queue · deadline of the request: 504
 * ```
 *
 * A slot is in use until the response has ended, however many attempts it takes, and also while the request waits for a healthy upstream.
 */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #queue: PriorityQueue<Entry>;
  readonly #claimOf: ReturnType<typeof createClaims>;
  readonly #adaptive: AdaptiveLimit | undefined;
  readonly #fixed: number;
  readonly #metrics: AdmissionMetrics;
  readonly #tick: Watched;
  #isTicking = false;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    const { config, clock, registry } = parts;
    const { capacity, replicas } = config;
    this.#queue = new PriorityQueue({ ...config, levels: LEVEL_NAMES.map(name => config.levels[name]) });
    this.#claimOf = createClaims(config);
    this.#fixed = typeof capacity === 'number' ? Math.max(1, Math.floor(capacity / replicas)) : 0;
    this.#adaptive = typeof capacity === 'number' ? undefined : new AdaptiveLimit(capacity);
    this.#metrics = new AdmissionMetrics(registry, {
      limit: () => this.#limit(),
      reserved: () => this.#queue.reserved(this.#limit(), clock.nowMs()),
      waiting: level => this.#queue.waiting(level),
      inUse: level => this.#queue.inUse(level),
    });
    this.#tick = { dueMs: 0, expire: () => this.#onTick() };
  }

  /**
   * Runs `send` once the exchange is admitted, and not at all when its client has disconnected. Its response has the granted level as `x-priority`.
   * @throws ApiError 400 for a malformed `x-priority`, 429 `admission_full`, 503 `admission_timeout`, 504 at the deadline of the request; and what
   * `send` throws
   */
  async admit(exchange: Exchange, send: () => Promise<void>): Promise<void> {
    const { clock } = this.#parts;
    let claim = this.#claimOf(exchange.caller, exchange.request.headers[PRIORITY_HEADER]);
    for (;;) {
      exchange.priority = claim.level;
      const sinceMs = clock.nowMs();
      const { entry, ended } = this.#wait(exchange, claim);
      const span = typeof ended === 'string' ? undefined : exchange.span?.start('admission');
      const end = await ended;
      span?.end({ 'squall.priority': claim.level }, end === 'admitted' ? undefined : end);
      const waitedMs = clock.nowMs() - sinceMs;
      exchange.queuedMs += waitedMs;
      this.#metrics.recordEnd(claim.level, end, waitedMs);
      if (end === 'admitted') return this.#run(exchange, entry, send);
      if (end === 'cancelled') return markCancelled(exchange);
      const lower = this.#downgraded(exchange, claim, end);
      if (!lower) throw this.#rejection(exchange, claim.level, end);
      claim = lower;
    }
  }

  /** How a request is to be admitted: its level, and whether it may go on at a lower one. @throws ApiError 400 for a malformed `x-priority` */
  termsOf({ caller, request }: Exchange): string {
    const { level } = this.#claimOf(caller, request.headers[PRIORITY_HEADER]);
    return mayDowngrade(request) ? `${level} and below` : `${level}`;
  }

  /** What is in use and what waits, by level, as the admin API shows it. */
  summary() {
    const { config, clock } = this.#parts;
    const nowMs = clock.nowMs();
    const limit = this.#limit();
    const levels = LEVELS.map(level => {
      const { maxWaiting, maxWaitMs, maxRatio } = config.levels[LEVEL_NAMES[level]!];
      const [inUse, waiting] = [this.#queue.inUse(level), this.#queue.waiting(level)];
      const oldestWaitMs = Math.round(nowMs - (this.#queue.oldestMs(level) ?? nowMs));
      return { level, name: LEVEL_NAMES[level]!, inUse, waiting, oldestWaitMs, maxWaiting, maxWaitMs, maxRatio };
    });
    return { limit, reserved: this.#queue.reserved(limit, nowMs), levels };
  }

  async #run(exchange: Exchange, entry: Entry, send: () => Promise<void>): Promise<void> {
    const { clock } = this.#parts;
    const admittedMs = entry.admittedMs!;
    try {
      if (exchange.clientDisconnected) return markCancelled(exchange);
      await send();
    } finally {
      const nowMs = clock.nowMs();
      const inUse = this.#queue.inUse();
      this.#queue.release(entry, nowMs);
      if (!exchange.clientDisconnected) this.#adaptive?.record({ ...sampleOf(exchange, admittedMs), inUse }, nowMs);
      this.#admit();
    }
  }

  /** Queues a request; `ended` is how its wait ends. */
  #wait(exchange: Exchange, claim: Claim): { readonly entry: Entry; readonly ended: WaitEnd | Promise<WaitEnd> } {
    const { config, clock, deadlines } = this.#parts;
    const nowMs = clock.nowMs();
    const maxWaitMs = config.levels[LEVEL_NAMES[claim.level]!].maxWaitMs;
    // A deadline is noticed a little late, which must not add to the wait.
    const dueMs = nowMs + Math.max(0, maxWaitMs - DEADLINE_RESOLUTION_MS);
    const isFair = config.fairQueuing !== 'off';
    let resolve: ((end: WaitEnd) => void) | undefined;
    let ended: WaitEnd | undefined;
    const entry: Entry = {
      ...{ level: claim.level, weight: isFair ? claim.weight : 1, key: isFair ? exchange.caller : '', sinceMs: nowMs },
      dueMs: Math.min(dueMs, exchange.deadlineMs),
      expire: () => this.#leave(entry, clock.nowMs() >= exchange.deadlineMs ? 'deadline' : 'timeout'),
      end: how => {
        deadlines.remove(entry);
        exchange.onClientDisconnect = undefined;
        ended = how;
        resolve?.(how);
      },
    };
    if (exchange.clientDisconnected) return { entry, ended: 'cancelled' };
    this.#queue.push(entry, nowMs);
    this.#admit();
    if (ended === undefined) this.#queue.overflow(entry)?.end('full');
    if (ended !== undefined) return { entry, ended };
    deadlines.add(entry);
    exchange.onClientDisconnect = () => this.#leave(entry, 'cancelled');
    this.#startTicking();
    return {
      entry,
      ended: new Promise<WaitEnd>(settle => {
        resolve = settle;
      }),
    };
  }

  /** Admits all that may be admitted. */
  #admit(): void {
    const { config, clock } = this.#parts;
    if (LEVELS.every(level => this.#queue.waiting(level) === 0)) return;
    const offPeak = isOffPeak(config.offPeak, clock.date());
    for (;;) {
      const entry = this.#queue.next(this.#limit(), clock.nowMs(), offPeak);
      if (!entry) return;
      entry.end('admitted');
    }
  }

  #leave(entry: Entry, how: WaitEnd): void {
    if (!this.#queue.remove(entry)) return;
    entry.end(how);
    this.#admit();
  }

  #startTicking(): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#tick.dueMs = this.#parts.clock.nowMs() + TICK_MS;
    this.#parts.deadlines.add(this.#tick);
  }

  #onTick(): void {
    this.#isTicking = false;
    this.#admit();
    if (LEVELS.some(level => this.#queue.waiting(level) > 0)) this.#startTicking();
  }

  #limit(): number {
    return Math.min(this.#adaptive?.limit ?? this.#fixed, this.#parts.room());
  }

  #downgraded(exchange: Exchange, { level, weight }: Claim, end: WaitEnd): Claim | undefined {
    if (!mayDowngrade(exchange.request) || level === 3 || (end !== 'full' && end !== 'timeout')) return undefined;
    this.#metrics.recordDowngrade(level);
    return { level: (level + 1) as Level, weight };
  }

  #rejection(exchange: Exchange, level: Level, end: WaitEnd): ApiError {
    if (end === 'deadline') {
      exchange.outcome = 'failed';
      exchange.reason = 'deadline';
      return new ApiError(...FAILURES.deadline);
    }
    const { config } = this.#parts;
    const name = LEVEL_NAMES[level]!;
    const { maxWaiting, maxWaitMs } = config.levels[name];
    const message =
      end === 'full'
        ? `${maxWaiting} requests of the level ${name} wait already, and no key has more of them than this one.`
        : `No capacity for a request of the level ${name} became free within ${maxWaitMs} ms.`;
    const retryAfter = String(Math.ceil(config.retryAfterMs / 1000));
    return new ApiError(end === 'full' ? 429 : 503, `admission_${end}`, message, null, ['retry-after', retryAfter]);
  }
}

function mayDowngrade({ headers }: Exchange['request']): boolean {
  return headers[DOWNGRADE_HEADER] === 'allow';
}

/** What the limit learns from a request that has ended. */
function sampleOf(exchange: Exchange, admittedMs: number) {
  const { streamed, firstByteMs, receivedMs, reason } = exchange;
  const hasFirstToken = streamed && firstByteMs !== undefined;
  return {
    admittedMs,
    ttftMs: hasFirstToken ? receivedMs + firstByteMs - admittedMs : undefined,
    isOverload: reason !== undefined && (reason.endsWith('-timeout') || reason === 'rate-limited'),
  };
}

function markCancelled(exchange: Exchange): void {
  exchange.outcome = 'cancelled';
  exchange.reason = 'client-disconnected';
}
