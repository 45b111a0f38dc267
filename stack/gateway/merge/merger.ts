import type { ResponseCache } from '../cache/response-cache.ts';
import { type ForwardContext, forward } from '../forward/forward.ts';
import type { Exchange } from '../http/exchange.ts';
import type { MergeConfig } from './config.ts';
import { MergeMetrics } from './merge-metrics.ts';
import { requestIdentity } from './request-identity.ts';
import { type CallContext, type Serve, SharedCall } from './shared-call.ts';

interface MergerParts {
  readonly merge: MergeConfig | 'off';
  /** Undefined where it is off. */
  readonly cache: ResponseCache | undefined;
  readonly context: ForwardContext;
}

/** Whether an earlier response would do for a request, and whether its own may be kept. */
interface Permission {
  readonly mayRead: boolean;
  readonly mayKeep: boolean;
}

/**
 * Merges identical concurrent requests into one call, which looks into the cache, if there is one, and goes to an upstream:
 *
 * ```
 *  request ──┬─ not reusable ───────────────► forward
 *            ├─ none like it in progress ───► call ──► cache ──► upstream
 *  request ──┴─ one in progress ────────────► joins it: what was sent so far, then what comes
 * ```
 *
 * One that leaves does not affect the others; when the last one has left, the upstream call is cancelled. What fails before the first byte is
 * retried once for all. A call with a complete response is joined until that is in the cache, so that an entry that expires causes one upstream call.
 */
export class Merger {
  readonly #parts: MergerParts;
  readonly #callContext: CallContext;
  readonly #calls = new Map<string, SharedCall>();
  readonly #acrossKeys: boolean;

  constructor(parts: MergerParts) {
    const { merge, cache, context } = parts;
    this.#parts = parts;
    const { clock, metrics, timeouts } = context;
    const onFirstByte = (exchange: Exchange) => {
      exchange.firstByteMs = clock.nowMs() - exchange.receivedMs;
    };
    this.#acrossKeys = merge !== 'off' && merge.acrossKeys && (cache?.config.acrossKeys ?? true);
    this.#callContext = {
      forwardContext: { ...context, onFirstByte },
      maxBytes: Math.max(merge === 'off' ? 0 : merge.maxBytes, cache?.config.maxEntryBytes ?? 0),
      totalMs: timeouts.totalMs,
      metrics: new MergeMetrics(metrics.registry, () => [...this.#calls.values()].map(({ response }) => response)),
    };
  }

  /** Serves a request. @throws ApiError when nothing has been sent to the client */
  async serve(exchange: Exchange): Promise<void> {
    const { cache } = this.#parts;
    try {
      await this.#serve(exchange);
    } finally {
      const result = exchange.cacheHeaders[1];
      if (cache && result !== undefined) cache.metrics.requests[result as keyof typeof cache.metrics.requests].inc();
    }
  }

  async #serve(exchange: Exchange): Promise<void> {
    const { merge, cache, context } = this.#parts;
    const { metrics } = this.#callContext;
    const { mayRead, mayKeep } = permissionOf(exchange);
    const identity = mayKeep ? requestIdentity(exchange) : undefined;
    const isShared = merge !== 'off' && mayRead && identity !== undefined;
    if (!isShared) {
      metrics.requests.alone.inc();
      if (!cache) return forward(exchange, context);
      if (!identity && cache.config.fallback === 'off') {
        exchange.cacheHeaders = ['x-cache', 'bypass'];
        return forward(exchange, context);
      }
    }
    const serve: Serve | undefined =
      cache && ((shared, response, next) => cache.serve(shared, response, { identity, mayRead }, next));
    if (!isShared) return this.#start(exchange, serve);
    // Whoever joins waits with the call, so it must not be one of a lower level, nor one that may become that.
    const terms = context.admission?.termsOf(exchange) ?? '';
    const key = this.#acrossKeys ? `${terms} ${identity}` : `${terms} ${exchange.caller} ${identity}`;
    const running = this.#calls.get(key);
    const nowMs = context.clock.nowMs();
    if (running?.isJoinable && nowMs - running.startMs <= merge.windowMs) {
      metrics.requests.joined.inc();
      exchange.isMerged = true;
      return running.join(exchange, context);
    }
    metrics.requests.started.inc();
    return this.#start(exchange, serve, key);
  }

  #start(exchange: Exchange, serve: Serve | undefined, key?: string): Promise<void> {
    const call = new SharedCall(exchange, this.#callContext);
    if (key !== undefined) this.#calls.set(key, call);
    const served = call.join(exchange, this.#parts.context);
    void call.run(serve).then(() => {
      if (key !== undefined && this.#calls.get(key) === call) this.#calls.delete(key);
    });
    return served;
  }
}

/** What the client allows by `cache-control` (RFC 9111, 5.2.1). */
function permissionOf({ request }: Exchange): Permission {
  const control = request.headers['cache-control'] ?? '';
  const mayKeep = !/\bno-store\b/i.test(control);
  return { mayKeep, mayRead: mayKeep && !/\b(?:no-cache|max-age=0)\b/i.test(control) };
}
