import type { Logger } from 'pino';
import type { Clock } from '../../../harness/clock.ts';
import type { Deadlines, Watched } from '../forward/deadlines.ts';
import { perReplica, rulesOf, type ScopedRule, type SharedBuckets, type TakeResult } from './bucket.ts';
import type { LimitsConfig } from './config.ts';
import { decide, type LimitDecision } from './decision.ts';
import type { FallbackReason, LimitMetrics } from './limit-metrics.ts';
import { LocalBuckets } from './local-buckets.ts';
import { OutageDetector } from './outage-detector.ts';

/** Interval between probes of a store that is down. */
const PROBE_INTERVAL_MS = 100;
/** Timeout of a probe, after which the connection is considered dead. */
const PROBE_TIMEOUT_MS = 1000;
const PROBE_NAMES = ['probe'];
const PROBE_RULES = [{ limit: 1000, periodMs: 1000, burst: 1000 }];

interface LimiterOptions {
  readonly config: LimitsConfig;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly metrics: LimitMetrics;
  readonly log: Logger;
  /** Store shared by gateways. Undefined: only local buckets. */
  readonly shared?: SharedBuckets | undefined;
}

/** No decision: the store is down and limits fail closed. */
export const UNAVAILABLE = 'unavailable';

/**
 * Rate limiter that decides in the shared store while it is up, else with local buckets.
 *
 * ```
 * request ─▶ store down? ── yes ──────────────────▶ local buckets
 *               │ no                                   ▲
 *               └▶ take in store ── error, timeout ────┘      probes detect when the store is back up
 * ```
 *
 * Local buckets are kept up to date while the store decides, so that an outage does not grant a second burst.
 */
export class Limiter implements Disposable {
  /** Rules as advertised to clients; empty: no limits. */
  readonly rules: readonly ScopedRule[];
  readonly #localRules: readonly ScopedRule[];
  readonly #local = new LocalBuckets();
  readonly #detector = new OutageDetector();
  readonly #stop = new AbortController();
  readonly #options: LimiterOptions;
  readonly #timeoutMs: number;

  constructor(options: LimiterOptions) {
    const { config } = options;
    this.#options = options;
    this.rules = rulesOf(config);
    this.#localRules = this.rules.map(rule => perReplica(rule, config.replicas));
    this.#timeoutMs = config.redis?.timeoutMs ?? 0;
  }

  /** Connects to the shared store, if there is one. */
  start(): void {
    const { shared, metrics } = this.#options;
    if (!shared) return;
    metrics.redisUp.set(0);
    shared.open(() => {
      if (this.#detector.recordDisconnect()) this.#markDown('connection lost');
    });
    void this.#probeUntilUp(shared);
  }

  /** Closes the connection to the store. */
  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#options.shared?.close();
  }

  /** Decides on one request of the caller `key`. Never rejects; synchronous without a store or while it is down. */
  take(key: string): LimitDecision | typeof UNAVAILABLE | Promise<LimitDecision | typeof UNAVAILABLE> {
    const { shared } = this.#options;
    const names = this.rules.map(({ scope }) => (scope === 'key' ? `key:${key}` : scope));
    const local = this.#local.take(names, this.#localRules, this.#options.clock.nowMs());
    if (!shared) return this.#decideLocally(local);
    if (this.#detector.isDown) return this.#fallBack(local, 'down');
    return this.#takeShared(shared, names, local);
  }

  #takeShared(
    shared: SharedBuckets,
    names: readonly string[],
    local: TakeResult,
  ): Promise<LimitDecision | typeof UNAVAILABLE> {
    const { clock, deadlines, metrics } = this.#options;
    const sentMs = clock.nowMs();
    return new Promise(resolve => {
      let pending = true;
      const settle = () => {
        pending = false;
        deadlines.remove(watched);
        metrics.redisSeconds.observe((clock.nowMs() - sentMs) / 1000);
      };
      const fail = (reason: FallbackReason) => {
        if (!pending) return;
        settle();
        if (this.#detector.recordFailure()) this.#markDown(reason);
        resolve(this.#fallBack(local, reason));
      };
      const watched: Watched = {
        dueMs: sentMs + this.#timeoutMs,
        // After a pause of this process a reply may be waiting in the socket: let it be read first.
        expire: () => void clock.after(0, () => fail('timeout')),
      };
      deadlines.add(watched);
      shared.take(names, this.rules).then(
        taken => {
          if (!pending) return;
          settle();
          this.#detector.recordSuccess();
          resolve(this.#count(decide(taken, this.rules), 'redis'));
        },
        () => fail('error'),
      );
    });
  }

  #fallBack(local: TakeResult, reason: FallbackReason): LimitDecision | typeof UNAVAILABLE {
    this.#options.metrics.fallbacks[reason].inc();
    return this.#options.config.onOutage === 'fail' ? UNAVAILABLE : this.#decideLocally(local);
  }

  #decideLocally(local: TakeResult): LimitDecision {
    return this.#count(decide(local, this.#localRules, this.rules), 'local');
  }

  #count(decision: LimitDecision, source: 'redis' | 'local'): LimitDecision {
    const { metrics } = this.#options;
    if (decision.allowed) metrics.allowed[source].inc();
    else metrics.limited.labels(decision.scope, source).inc();
    return decision;
  }

  #markDown(reason: string): void {
    const { log, metrics, shared, config } = this.#options;
    if (this.#stop.signal.aborted || !shared) return;
    log.warn({ reason, onOutage: config.onOutage }, 'shared rate limits down');
    metrics.redisUp.set(0);
    void this.#probeUntilUp(shared);
  }

  /** Probes the store with the same operation as requests until it is up. */
  async #probeUntilUp(shared: SharedBuckets): Promise<void> {
    const { clock, metrics, log } = this.#options;
    const { signal } = this.#stop;
    for (;;) {
      await clock.sleep(PROBE_INTERVAL_MS, signal).catch(() => {});
      if (signal.aborted) return;
      const probed = await this.#probe(shared);
      if (probed === 'timeout') shared.reconnect();
      if (this.#detector.recordProbe(probed === 'fast')) break;
    }
    log.info('shared rate limits up');
    metrics.redisUp.set(1);
  }

  /** Probes the store once. `timeout`: no reply within {@link PROBE_TIMEOUT_MS}. */
  #probe(shared: SharedBuckets): Promise<'fast' | 'slow' | 'failed' | 'timeout'> {
    const { clock, deadlines } = this.#options;
    const sentMs = clock.nowMs();
    return new Promise(resolve => {
      const watched: Watched = { dueMs: sentMs + PROBE_TIMEOUT_MS, expire: () => resolve('timeout') };
      deadlines.add(watched);
      const onReply = (succeeded: boolean) => {
        deadlines.remove(watched);
        if (!succeeded) resolve('failed');
        else resolve(clock.nowMs() - sentMs <= this.#timeoutMs ? 'fast' : 'slow');
      };
      shared.take(PROBE_NAMES, PROBE_RULES).then(
        () => onReply(true),
        () => onReply(false),
      );
    });
  }
}
