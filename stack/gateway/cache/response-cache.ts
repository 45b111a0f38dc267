import type { Logger } from 'pino';
import type { Clock } from '../../../harness/clock.ts';
import type { Deadlines } from '../forward/deadlines.ts';
import { UNAVAILABLE } from '../forward/guarded-calls.ts';
import { ApiError } from '../http/api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { SharedResponse } from '../merge/shared-response.ts';
import type { CacheMetrics, CacheResult } from './cache-metrics.ts';
import type { CacheConfig } from './config.ts';
import { decode, type Entry, encode, keepable } from './entry.ts';
import { fallbackFor } from './fallback.ts';
import { GuardedStore } from './guarded-store.ts';
import type { Sealing } from './sealing.ts';
import type { CacheStore } from './store.ts';

interface CacheParts {
  readonly config: CacheConfig;
  readonly store: CacheStore;
  readonly sealing: Sealing;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly metrics: CacheMetrics;
  readonly log: Logger;
}

/** A request that may be served from the cache. */
export interface CacheRequest {
  /** Of what is sent to the upstream, see `request-identity.ts`; undefined: it is neither looked up nor stored. */
  readonly identity: string | undefined;
  /** Whether an entry would do. */
  readonly mayRead: boolean;
}

/** Statuses that say that upstreams are down or overloaded. */
const isDown = (status: number) => status >= 500 || status === 429;

/**
 * Cache of complete responses, which serves one call of `SharedCall`:
 *
 * ```
 *  look up ─┬─ fresh ──────────────────────► the entry, `x-cache: hit`
 *           └─ none, stale, unavailable ───► upstream ─┬─ complete ─► its response, `miss` or `bypass`; stored
 *                                                      └─ failed ───► a stale entry, or the fallback, or the failure
 * ```
 */
export class ResponseCache implements Disposable {
  readonly config: CacheConfig;
  readonly metrics: CacheMetrics;
  readonly #parts: CacheParts;
  readonly #store: GuardedStore;

  constructor(parts: CacheParts) {
    this.#parts = parts;
    this.config = parts.config;
    this.metrics = parts.metrics;
    this.#store = new GuardedStore({ ...parts, timeoutMs: parts.config.redis.timeoutMs });
  }

  /** Connects to the store. */
  start(): void {
    this.#store.open();
  }

  [Symbol.dispose](): void {
    this.#store.close();
  }

  /**
   * Serves a call.
   * @param next sends it to an upstream
   * @throws ApiError of `next`, when there is nothing to send instead
   */
  async serve(
    exchange: Exchange,
    response: SharedResponse,
    { identity, mayRead }: CacheRequest,
    next: () => Promise<void>,
  ): Promise<void> {
    const found = identity && mayRead ? await this.#look(exchange, identity) : UNAVAILABLE;
    const entry = found === UNAVAILABLE ? undefined : found;
    if (entry && this.#ageMs(entry) < this.config.ttlMs) return this.#replay(exchange, response, entry, 'hit');
    const { version } = exchange;
    this.#mark(exchange, found === UNAVAILABLE ? 'bypass' : 'miss');
    const substitute = entry ?? fallbackFor(exchange, this.config.fallback, this.#nowMs());
    if (substitute) response.withhold = isDown;
    try {
      await next();
    } catch (error) {
      if (!(error instanceof ApiError && isDown(error.status))) throw error;
      // A store that was too slow gets a second chance, since the client would get an error.
      const late = identity && mayRead && found === UNAVAILABLE ? await this.#look(exchange, identity) : undefined;
      const last = late && late !== UNAVAILABLE ? late : entry;
      if (!last && !substitute) throw error;
      return this.#substitute(exchange, response, last ?? substitute!, last);
    }
    if (response.isWithheld) return this.#substitute(exchange, response, substitute!, entry);
    // One that the guard has ended early ends well, but is not what the upstream would have sent; that of another version belongs to another identity.
    if (identity && exchange.outcome === 'completed' && exchange.version === version)
      await this.#keep(exchange, response, identity);
  }

  async #look(exchange: Exchange, identity: string): Promise<Entry | undefined | typeof UNAVAILABLE> {
    const { sealing, metrics } = this.#parts;
    const tenant = this.#tenantOf(exchange);
    const span = exchange.span?.start('cache');
    const sealed = await this.#store.get(sealing.nameOf(tenant, identity));
    span?.end({}, sealed === UNAVAILABLE ? 'unavailable' : undefined);
    if (sealed === undefined || sealed === UNAVAILABLE) return sealed;
    const plain = sealing.open(sealed, tenant, identity);
    if (!plain) metrics.unreadable.inc();
    return plain && decode(plain);
  }

  async #keep(exchange: Exchange, response: SharedResponse, identity: string): Promise<void> {
    const { sealing, metrics } = this.#parts;
    const { ttlMs, staleMs, maxEntryBytes } = this.config;
    const entry = keepable(response, maxEntryBytes, this.#nowMs());
    if (!entry) return;
    const tenant = this.#tenantOf(exchange);
    const sealed = sealing.seal(encode(entry), tenant, identity);
    const stored = await this.#store.set(sealing.nameOf(tenant, identity), sealed, Math.ceil(ttlMs + staleMs));
    if (stored) metrics.stored.inc();
  }

  #substitute(exchange: Exchange, response: SharedResponse, substitute: Entry, entry: Entry | undefined): void {
    response.withhold = undefined;
    exchange.outcome = 'completed';
    this.#replay(exchange, response, substitute, entry ? 'stale' : 'fallback');
  }

  #replay(exchange: Exchange, response: SharedResponse, entry: Entry, result: 'hit' | 'stale' | 'fallback'): void {
    const warning = {
      hit: [],
      // RFC 7234, 5.5: the later RFC 9111 no longer defines any, and clients know these.
      stale: ['warning', '110 - "Response is Stale"'],
      fallback: ['warning', '199 - "Default response: no upstream is available"'],
    }[result];
    this.#mark(exchange, result, ['age', String(Math.floor(this.#ageMs(entry) / 1000)), ...warning]);
    exchange.eventStream = entry.headers.some(
      (value, index) => index % 2 === 1 && value.startsWith('text/event-stream'),
    );
    response.writeHead(200, entry.headers);
    response.end(entry.body);
  }

  #mark(exchange: Exchange, result: CacheResult, headers: readonly string[] = []): void {
    exchange.cacheHeaders = ['x-cache', result, ...headers];
  }

  #tenantOf({ caller }: Exchange): string {
    return this.config.acrossKeys ? '' : caller;
  }

  #ageMs({ storedMs }: Entry): number {
    return Math.max(0, this.#nowMs() - storedMs);
  }

  #nowMs(): number {
    return this.#parts.clock.date().getTime();
  }
}
