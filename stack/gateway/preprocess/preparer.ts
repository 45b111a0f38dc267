import { Counter, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import { PREPARE_PATH } from '../../preprocess/server.ts';
import type { Deadlines, Watched } from '../forward/deadlines.ts';
import { requestHeaders } from '../forward/request-headers.ts';
import { ApiError } from '../http/api-error.ts';
import type { Exchange, Stage } from '../http/exchange.ts';
import type { Transport, TransportFactory, UpstreamHeaders } from '../upstream/transport.ts';
import type { PreprocessClientConfig } from './config.ts';

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** What a pool responded with, or why it did not. */
type Reply =
  | { readonly kind: 'response'; readonly status: number; readonly headers: UpstreamHeaders; readonly body: Buffer }
  | { readonly kind: 'error' | 'timeout' | 'cancelled' };

interface PreparerParts {
  readonly config: PreprocessClientConfig;
  readonly transport: TransportFactory;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly registry: Registry;
}

/**
 * Has requests prepared by pools of workers before they are sent on:
 *
 * ```
 *  validated ─► long enough? room? ─► pool ─► prepared ─► admission, upstream
 *                 │        └ 503         └ 503 overloaded, 504 deadline; no connection: the next pool, else 503
 *                 └ no: as it is
 * ```
 *
 * A pool that is the bottleneck costs only those who need it: it turns them away early, and what does not need it passes by.
 */
export class Preparer implements AsyncDisposable {
  readonly #parts: PreparerParts;
  readonly #pools: readonly Transport[];
  readonly #results: Counter<'result'>;
  readonly #seconds: Histogram;
  #turn = 0;
  #inFlight = 0;

  constructor(parts: PreparerParts) {
    const { config, transport, registry } = parts;
    this.#parts = parts;
    this.#pools = config.urls.map(transport);
    const registers = [registry];
    this.#results = new Counter({
      name: 'gateway_preprocess_requests_total',
      help: 'Requests by how they were prepared',
      labelNames: ['result'],
      registers,
    });
    const help = 'Time until a request was prepared';
    this.#seconds = new Histogram({ name: 'gateway_preprocess_seconds', help, buckets: SECONDS, registers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#pools.map(pool => pool.close()));
  }

  /**
   * Stage that replaces the body by a prepared one.
   * @throws ApiError 503 `preprocess_overloaded` or `preprocess_unavailable`, 504 `deadline_exceeded`, 400; from the returned stage
   */
  get stage(): Stage {
    const { config } = this.#parts;
    return exchange => {
      if (exchange.body.length >= config.minBodyBytes) return this.#prepare(exchange);
      this.#results.labels('bypassed').inc();
    };
  }

  async #prepare(exchange: Exchange): Promise<void> {
    const { config, clock } = this.#parts;
    if (this.#inFlight >= config.maxInFlight)
      throw this.#refused('overloaded', 'Too many requests are being prepared.');
    const sentMs = clock.nowMs();
    const dueMs = Math.min(exchange.deadlineMs, sentMs + config.timeoutMs);
    this.#inFlight += 1;
    const span = exchange.span?.start('preprocess');
    try {
      for (let attempt = 1; ; attempt += 1) {
        this.#turn = (this.#turn + 1) % this.#pools.length;
        const reply = await this.#send(exchange, this.#pools[this.#turn]!, dueMs);
        // One that cannot be reached is no reason not to try another.
        if (reply.kind === 'error' && attempt < this.#pools.length && !exchange.clientDisconnected) continue;
        this.#take(exchange, reply);
        this.#seconds.observe((clock.nowMs() - sentMs) / 1000);
        return;
      }
    } catch (error) {
      span?.end({}, error instanceof ApiError ? error.code : messageOf(error));
      throw error;
    } finally {
      span?.end();
      this.#inFlight -= 1;
    }
  }

  #take(exchange: Exchange, reply: Reply): void {
    const nowMs = this.#parts.clock.nowMs();
    if (reply.kind === 'cancelled')
      throw this.#failed('cancelled', 499, 'client_disconnected', 'The client disconnected.');
    if (reply.kind === 'timeout' && nowMs >= exchange.deadlineMs) throw this.#deadline();
    if (reply.kind !== 'response') throw this.#refused('unavailable', 'The request cannot be prepared at the moment.');
    const { status, headers, body } = reply;
    if (status === 200) {
      exchange.body = body;
      this.#results.labels('prepared').inc();
    } else if (status === 504) throw this.#deadline();
    else if (status === 503) {
      const wait = /^\d{1,5}$/.exec(String(headers['retry-after']))?.[0] ?? '1';
      throw this.#refused('overloaded', 'Too many requests wait to be prepared.', wait);
    } else if (status >= 400 && status < 500)
      throw this.#failed('invalid', 400, 'invalid_prompt', 'The request cannot be prepared.');
    else throw this.#refused('unavailable', 'The request cannot be prepared at the moment.');
  }

  /** Never rejects. */
  #send(exchange: Exchange, pool: Transport, dueMs: number): Promise<Reply> {
    const { clock, deadlines } = this.#parts;
    return new Promise(resolve => {
      const chunks: Buffer[] = [];
      let head: { status: number; headers: UpstreamHeaders } | undefined;
      const settle = (reply: Reply) => {
        deadlines.remove(watched);
        exchange.onClientDisconnect = undefined;
        resolve(reply);
      };
      const end = (kind: 'timeout' | 'cancelled') => {
        settle({ kind });
        call.cancel();
      };
      const watched: Watched = { dueMs, expire: () => end('timeout') };
      const headers = requestHeaders(exchange, exchange.deadlineMs - (dueMs - clock.nowMs()));
      const call = pool.send(
        { method: 'POST', path: PREPARE_PATH, headers, body: exchange.body },
        {
          onConnected: () => {},
          onResponse: (status, own) => {
            head = { status, headers: own };
          },
          onData: chunk => chunks.push(chunk),
          onEnd: () => settle(head ? { kind: 'response', ...head, body: Buffer.concat(chunks) } : { kind: 'error' }),
          onError: () => settle({ kind: 'error' }),
        },
      );
      deadlines.add(watched);
      exchange.onClientDisconnect = () => end('cancelled');
      if (exchange.clientDisconnected) end('cancelled');
    });
  }

  #refused(result: 'overloaded' | 'unavailable', message: string, waitSeconds = '1'): ApiError {
    return this.#failed(result, 503, `preprocess_${result}`, message, ['retry-after', waitSeconds]);
  }

  #deadline(): ApiError {
    return this.#failed('deadline', 504, 'deadline_exceeded', 'The deadline passed while the request was prepared.');
  }

  #failed(result: string, status: number, code: string, message: string, headers: string[] = []): ApiError {
    this.#results.labels(result).inc();
    return new ApiError(status, code, message, null, headers);
  }
}
