import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '../../../harness/clock.ts';
import type { GatewayConfig } from '../config.ts';
import { ApiError } from '../http/api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Deadlines, Watched } from './deadlines.ts';
import { FAILURES } from './failure.ts';

/** Settings of a queue that is on. */
export type QueueOptions = Exclude<GatewayConfig['queue'], 'off'>;

interface QueueParts {
  readonly options: QueueOptions;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** Of the metrics `gateway_requests_queued` and `gateway_queue_rejections_total`. */
  readonly registry: Registry;
}

/**
 * Requests that wait in the gateway while no upstream is healthy, as after a scale-down to zero, oldest first. Nothing has been sent to
 * their clients yet, so that they wait as for a slow first token.
 *
 * ```
 *                  no upstream                 an upstream becomes healthy
 *  request ───────────────────────► queue ────────────────────────────────► attempt
 *                                    │ full, or waited for maxWait: 503 with Retry-After
 *                                    │ client gone: its place is free · deadline of the request: 504
 * ```
 */
export class RequestQueue {
  readonly #parts: QueueParts;
  /** What lets each of them go, in the order of their arrival. */
  readonly #waiting = new Set<() => void>();
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

  /** Lets all go, since an upstream has become healthy. */
  release(): void {
    for (const go of this.#waiting) go();
  }

  /**
   * Waits until `pick` finds an upstream. An upstream that is gone again before a request reaches it costs no more than another wait.
   * @returns undefined when the client has disconnected
   * @throws ApiError 503 when the queue is full or `maxWaitMs` have passed, 504 at the deadline of the request
   */
  async next<Upstream>(exchange: Exchange, pick: () => Upstream | undefined): Promise<Upstream | undefined> {
    const { options, clock } = this.#parts;
    const sinceMs = clock.nowMs();
    const dueMs = sinceMs + options.maxWaitMs;
    if (this.#waiting.size >= options.maxRequests) throw this.#rejection(exchange, 'full');
    try {
      while (!exchange.clientDisconnected) {
        await this.#released(exchange, Math.min(dueMs, exchange.deadlineMs));
        if (exchange.clientDisconnected) break;
        const upstream = pick();
        if (upstream) return upstream;
        const nowMs = clock.nowMs();
        if (nowMs >= dueMs) throw this.#rejection(exchange, 'timeout');
        if (nowMs >= exchange.deadlineMs) throw pastDeadline(exchange);
      }
      return undefined;
    } finally {
      exchange.queuedMs += clock.nowMs() - sinceMs;
    }
  }

  /** Resolves once an upstream is healthy, the client has disconnected, or at `dueMs`. */
  #released(exchange: Exchange, dueMs: number): Promise<void> {
    const { deadlines } = this.#parts;
    return new Promise(resolve => {
      const go = () => {
        this.#waiting.delete(go);
        deadlines.remove(watched);
        exchange.onClientDisconnect = undefined;
        resolve();
      };
      const watched: Watched = { dueMs, expire: go };
      this.#waiting.add(go);
      deadlines.add(watched);
      exchange.onClientDisconnect = go;
    });
  }

  #rejection(exchange: Exchange, reason: 'full' | 'timeout'): ApiError {
    this.#rejections.inc({ reason });
    exchange.outcome = 'failed';
    exchange.reason = `queue-${reason}`;
    const { maxRequests, maxWaitMs, retryAfterMs } = this.#parts.options;
    const message =
      reason === 'full'
        ? `No upstream is available yet, and ${maxRequests} requests are waiting for one already.`
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
