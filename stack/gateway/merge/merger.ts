import { type ForwardContext, forward } from '../forward/forward.ts';
import type { Exchange } from '../http/exchange.ts';
import type { MergeConfig } from './config.ts';
import { MergeMetrics } from './merge-metrics.ts';
import { requestIdentity } from './request-identity.ts';
import { type CallContext, SharedCall } from './shared-call.ts';

/**
 * Merges identical concurrent requests into one upstream call:
 *
 * ```
 *  request ──┬─ not reusable ───────────────► forward
 *            ├─ none like it in progress ───► call ──► upstream
 *  request ──┴─ one in progress ────────────► joins it: what was sent so far, then what comes
 * ```
 *
 * One that leaves does not affect the others; when the last one has left, the upstream call is cancelled. What fails before the first byte is
 * retried once for all.
 */
export class Merger {
  readonly #config: MergeConfig;
  readonly #context: ForwardContext;
  readonly #callContext: CallContext;
  readonly #calls = new Map<string, SharedCall>();

  constructor(config: MergeConfig, context: ForwardContext) {
    this.#config = config;
    this.#context = context;
    const { clock, metrics, timeouts } = context;
    const onFirstByte = (exchange: Exchange) => {
      exchange.firstByteMs = clock.nowMs() - exchange.receivedMs;
    };
    this.#callContext = {
      forwardContext: { ...context, onFirstByte },
      maxBytes: config.maxBytes,
      totalMs: timeouts.totalMs,
      metrics: new MergeMetrics(metrics.registry, () => [...this.#calls.values()].map(({ response }) => response)),
    };
  }

  /** Serves a request. @throws ApiError when nothing has been sent to the client */
  async serve(exchange: Exchange): Promise<void> {
    const { metrics } = this.#callContext;
    const identity = mayShare(exchange) ? requestIdentity(exchange) : undefined;
    if (identity === undefined) {
      metrics.requests.alone.inc();
      return forward(exchange, this.#context);
    }
    // Whoever joins waits with the call, so it must not be one of a lower level.
    const level = this.#context.admission?.levelOf(exchange) ?? '';
    const key = this.#config.acrossKeys ? `${level} ${identity}` : `${level} ${exchange.caller} ${identity}`;
    const running = this.#calls.get(key);
    const nowMs = this.#context.clock.nowMs();
    if (running?.isJoinable && nowMs - running.startMs <= this.#config.windowMs) {
      metrics.requests.joined.inc();
      exchange.isMerged = true;
      return running.join(exchange, this.#context);
    }
    metrics.requests.started.inc();
    return this.#start(key, exchange);
  }

  #start(key: string, exchange: Exchange): Promise<void> {
    const call = new SharedCall(exchange, this.#callContext);
    this.#calls.set(key, call);
    const served = call.join(exchange, this.#context);
    void call.run().then(() => {
      if (this.#calls.get(key) === call) this.#calls.delete(key);
    });
    return served;
  }
}

/** Whether the client accepts a response that was not made for it. */
function mayShare({ request }: Exchange): boolean {
  return !/\b(?:no-store|no-cache)\b/i.test(request.headers['cache-control'] ?? '');
}
