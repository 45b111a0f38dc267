import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../../harness/clock.ts';
import type { GatewayConfig } from '../config.ts';
import { ApiError } from '../http/api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Upstream, UpstreamSet } from '../upstream/upstreams.ts';
import type { Deadlines, Watched } from './deadlines.ts';
import { FAILURES } from './failure.ts';

/** Settings of a queue that is on. */
export type QueueOptions = Exclude<GatewayConfig['queue'], 'off'>;

interface QueueParts {
  readonly options: QueueOptions;
  readonly upstreams: Pick<UpstreamSet, 'candidates' | 'pick'>;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly kind: QueueKind;
  readonly registry: Registry;
}

/** What a queue is called, and what its requests wait for. */
export interface QueueKind {
  /** Prefix of the codes of its errors. */
  readonly code: string;
  /** Names of its metrics. */
  readonly metrics: { readonly waiting: string; readonly rejections: string };
  /** Completes "while no upstream is …". */
  readonly missing: string;
}

/** Requests that wait while no upstream is healthy. */
export const NO_UPSTREAM: QueueKind = {
  code: 'queue',
  metrics: { waiting: 'gateway_requests_queued', rejections: 'gateway_queue_rejections_total' },
  missing: 'available',
};

/** Requests that wait while every healthy upstream has as many as it may have. */
export const NO_ROOM: QueueKind = {
  code: 'bulkhead',
  metrics: { waiting: 'gateway_bulkhead_waiting', rejections: 'gateway_bulkhead_rejections_total' },
  missing: 'free',
};

/** A request on its way from the queue to an upstream, where it counts as in flight. Its methods may be called more than once. */
export interface Passage {
  readonly upstream: Upstream;
  /** Its attempt has begun. */
  begun(): void;
  /** It has its first output, or its attempt has ended. */
  served(): void;
}

/**
 * Requests that wait in the gateway while no upstream is healthy, as after a scale-down to zero, or while none has room, oldest first. Nothing has been sent to
 * their clients yet, so that they wait as for a slow first token. The first upstream to become healthy does not get them all: each has
 * at most `perUpstream` of them that wait for their first output, so that the others wait here, where upstreams that come later can take
 * them. An upstream that serves at once so gets them as fast as it does, and one that is full gets no more. Requests that come meanwhile
 * wait behind those.
 *
 * ```
 *        no upstream, or others wait           an upstream has less than perUpstream of them
 *  request ───────────────────────► queue ────────────────────────────────► attempt
 *                                    │ full, or waited for maxWait: 503 with Retry-After
 *                                    │ client gone: its place is free · deadline of the request: 504
 * ```
 */
export class RequestQueue {
  readonly #parts: QueueParts;
  /** What lets each of them go, in the order of their arrival, and when each began to wait. */
  readonly #waiting = new Map<(isReleased: boolean) => void, number>();
  /** Requests on their way without an output, by their upstream. */
  readonly #passing = new Map<Upstream, number>();
  /** Whether one has been let go whose attempt has not begun. */
  #isEntering = false;
  readonly #rejections: Counter<'reason'>;

  constructor(parts: QueueParts) {
    this.#parts = parts;
    const registers = [parts.registry];
    const waiting = this.#waiting;
    new Gauge({
      name: parts.kind.metrics.waiting,
      help: `Requests that wait while no upstream is ${parts.kind.missing}`,
      registers,
      collect() {
        this.set(waiting.size);
      },
    });
    this.#rejections = new Counter({
      name: parts.kind.metrics.rejections,
      help: `Requests rejected while no upstream was ${parts.kind.missing}: too many waited, or for too long`,
      labelNames: ['reason'],
      registers,
    });
  }

  /** Whether requests wait, which those that come later must not overtake. */
  get isBusy(): boolean {
    return this.#waiting.size > 0;
  }

  /** How many wait, and for how long, as the admin API shows it. */
  summary() {
    const { options, clock } = this.#parts;
    const { maxRequests: maxWaiting, maxWaitMs, perUpstream } = options;
    const nowMs = clock.nowMs();
    const [sinceMs = nowMs] = this.#waiting.values();
    return {
      waiting: this.#waiting.size,
      oldestWaitMs: Math.round(nowMs - sinceMs),
      maxWaiting,
      maxWaitMs,
      perUpstream,
    };
  }

  /** Lets the oldest go if an upstream may have it. Whoever changes that calls it: an upstream that has become healthy, and a {@link Passage}. */
  release(): void {
    if (this.#isEntering || this.#waiting.size === 0) return;
    if (this.#candidates().length === this.#full().length) return;
    this.#isEntering = true;
    const [go] = this.#waiting.keys();
    go!(true);
  }

  /**
   * Waits for an upstream. One that is gone again before a request reaches it costs no more than another wait.
   * @param tried upstreams to avoid if there is another
   * @returns undefined when the client has disconnected
   * @throws ApiError 503 when the queue is full or `maxWaitMs` have passed, 504 at the deadline of the request
   */
  async next(exchange: Exchange, tried: readonly Upstream[]): Promise<Passage | undefined> {
    const { options, clock, upstreams } = this.#parts;
    const sinceMs = clock.nowMs();
    const dueMs = sinceMs + options.maxWaitMs;
    if (this.#waiting.size >= options.maxRequests) throw this.#rejection(exchange, 'full');
    const span = exchange.span?.start(this.#parts.kind.code);
    try {
      while (!exchange.clientDisconnected) {
        const isReleased = await this.#released(exchange, sinceMs, Math.min(dueMs, exchange.deadlineMs));
        const upstream =
          isReleased && !exchange.clientDisconnected
            ? upstreams.pick(clock.nowMs(), [...tried, ...this.#full()], exchange)
            : undefined;
        if (upstream) return this.#passageTo(upstream);
        if (isReleased) this.#entered();
        if (exchange.clientDisconnected) break;
        const nowMs = clock.nowMs();
        if (nowMs >= dueMs) throw this.#rejection(exchange, 'timeout');
        if (nowMs >= exchange.deadlineMs) throw pastDeadline(exchange);
      }
      return undefined;
    } finally {
      span?.end();
      exchange.queuedMs += clock.nowMs() - sinceMs;
    }
  }

  #candidates(): readonly Upstream[] {
    return this.#parts.upstreams.candidates(this.#parts.clock.nowMs());
  }

  #full(): readonly Upstream[] {
    return this.#candidates().filter(one => (this.#passing.get(one) ?? 0) >= this.#parts.options.perUpstream);
  }

  #passageTo(upstream: Upstream): Passage {
    const change = (by: 1 | -1) => {
      const count = (this.#passing.get(upstream) ?? 0) + by;
      if (count === 0) this.#passing.delete(upstream);
      else this.#passing.set(upstream, count);
    };
    let [isBegun, isServed] = [false, false];
    change(1);
    upstream.inFlight += 1;
    return {
      upstream,
      begun: () => {
        if (isBegun) return;
        isBegun = true;
        this.#entered();
      },
      served: () => {
        if (isServed) return;
        isServed = true;
        change(-1);
        this.release();
      },
    };
  }

  #entered(): void {
    this.#isEntering = false;
    this.release();
  }

  /** Resolves with true once it may go to an upstream, and with false when the client has disconnected, or at `dueMs`. */
  #released(exchange: Exchange, sinceMs: number, dueMs: number): Promise<boolean> {
    const { deadlines } = this.#parts;
    return new Promise(resolve => {
      const go = (isReleased: boolean) => {
        this.#waiting.delete(go);
        deadlines.remove(watched);
        exchange.onClientDisconnect = undefined;
        resolve(isReleased);
      };
      const watched: Watched = { dueMs, expire: () => go(false) };
      this.#waiting.set(go, sinceMs);
      deadlines.add(watched);
      exchange.onClientDisconnect = () => go(false);
      this.release();
    });
  }

  #rejection(exchange: Exchange, reason: 'full' | 'timeout'): ApiError {
    this.#rejections.inc({ reason });
    exchange.outcome = 'failed';
    const { kind } = this.#parts;
    exchange.reason = `${kind.code}-${reason}`;
    const { maxRequests, maxWaitMs, retryAfterMs } = this.#parts.options;
    const message =
      reason === 'full'
        ? `${maxRequests} requests are waiting for an upstream already.`
        : `No upstream became ${kind.missing} within ${maxWaitMs / 1000} s.`;
    const retryAfter = String(Math.ceil(retryAfterMs / 1000));
    return new ApiError(503, `${kind.code}_${reason}`, message, null, ['retry-after', retryAfter]);
  }
}

function pastDeadline(exchange: Exchange): ApiError {
  exchange.outcome = 'failed';
  exchange.reason = 'deadline';
  const [status, code, message] = FAILURES.deadline;
  return new ApiError(status, code, message);
}
