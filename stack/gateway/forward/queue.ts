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
  /** Of the metrics `gateway_requests_queued` and `gateway_queue_rejections_total`. */
  readonly registry: Registry;
}

/** A request on its way from the queue to an upstream. Its methods may be called more than once. */
export interface Passage {
  readonly upstream: Upstream;
  /** Its attempt counts at the upstream now, so that the next pick knows of it. */
  begun(): void;
  /** It has its first output, or its attempt has ended. */
  served(): void;
}

/**
 * Requests that wait in the gateway while no upstream is healthy, as after a scale-down to zero, oldest first. Nothing has been sent to
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
  /** What lets each of them go, in the order of their arrival. */
  readonly #waiting = new Set<(isReleased: boolean) => void>();
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
      name: 'gateway_requests_queued',
      help: 'Requests that wait for a healthy upstream',
      registers,
      collect() {
        this.set(waiting.size);
      },
    });
    this.#rejections = new Counter({
      name: 'gateway_queue_rejections_total',
      help: 'Requests rejected by the queue: it was full, or they waited for too long',
      labelNames: ['reason'],
      registers,
    });
  }

  /** Whether requests wait, which those that come later must not overtake. */
  get isBusy(): boolean {
    return this.#waiting.size > 0;
  }

  /** Lets the oldest go if an upstream may have it. Whoever changes that calls it: an upstream that has become healthy, and a {@link Passage}. */
  release(): void {
    if (this.#isEntering || this.#waiting.size === 0) return;
    if (this.#candidates().length === this.#full().length) return;
    this.#isEntering = true;
    const [go] = this.#waiting;
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
    try {
      while (!exchange.clientDisconnected) {
        const isReleased = await this.#released(exchange, Math.min(dueMs, exchange.deadlineMs));
        const upstream =
          isReleased && !exchange.clientDisconnected
            ? upstreams.pick(clock.nowMs(), [...tried, ...this.#full()])
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
  #released(exchange: Exchange, dueMs: number): Promise<boolean> {
    const { deadlines } = this.#parts;
    return new Promise(resolve => {
      const go = (isReleased: boolean) => {
        this.#waiting.delete(go);
        deadlines.remove(watched);
        exchange.onClientDisconnect = undefined;
        resolve(isReleased);
      };
      const watched: Watched = { dueMs, expire: () => go(false) };
      this.#waiting.add(go);
      deadlines.add(watched);
      exchange.onClientDisconnect = () => go(false);
      this.release();
    });
  }

  #rejection(exchange: Exchange, reason: 'full' | 'timeout'): ApiError {
    this.#rejections.inc({ reason });
    exchange.outcome = 'failed';
    exchange.reason = `queue-${reason}`;
    const { maxRequests, maxWaitMs, retryAfterMs } = this.#parts.options;
    const message =
      reason === 'full'
        ? `${maxRequests} requests are waiting for an upstream already.`
        : `No upstream became available within ${maxWaitMs / 1000} s.`;
    const retryAfter = String(Math.ceil(retryAfterMs / 1000));
    return new ApiError(503, `queue_${reason}`, message, null, ['retry-after', retryAfter]);
  }
}

function pastDeadline(exchange: Exchange): ApiError {
  exchange.outcome = 'failed';
  exchange.reason = 'deadline';
  const [status, code, message] = FAILURES.deadline;
  return new ApiError(status, code, message);
}
