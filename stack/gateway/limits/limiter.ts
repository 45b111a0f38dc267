import type { Logger } from 'pino';
import type { Clock } from '../../../harness/clock.ts';
import type { Deadlines, Watched } from '../forward/deadlines.ts';
import { rulesOf, type ScopedRule, shareOf, type Taken } from './bucket.ts';
import type { LimitsConfig } from './config.ts';
import { decide, type LimitDecision } from './decision.ts';
import type { FallbackReason, LimitMetrics } from './limit-metrics.ts';
import { LocalBuckets } from './local-buckets.ts';
import { Outage } from './outage.ts';
import type { SharedBuckets } from './shared-buckets.ts';

/** Between two probes of a store that is away. */
const PROBE_INTERVAL_MS = 100;
/** A probe without an answer after this long means that the connection is dead. */
const PROBE_LIMIT_MS = 1000;
const PROBE_NAMES = ['probe'];
const PROBE_RULES = [{ limit: 1000, periodMs: 1000, burst: 1000 }];

/** What a {@link Limiter} needs. */
export interface LimiterParts {
  readonly config: LimitsConfig;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly metrics: LimitMetrics;
  readonly log: Logger;
  /** Absent: each gateway judges its share by itself. */
  readonly shared?: SharedBuckets | undefined;
}

/** No judgement: the store is away, and the configuration says to refuse then. */
export const UNAVAILABLE = 'unavailable';

/**
 * Judges requests by their limits: in the shared store while it answers, else by this gateway's share.
 *
 * ```
 * request ─▶ store known to be away? ── yes ──▶ own share, at once
 *               │ no                               ▲
 *               └▶ ask it, 50 ms at most ── no ────┘      meanwhile probes find out when it is back
 * ```
 *
 * The share's buckets run along while the store judges, so that an outage hands out no second burst.
 */
export class Limiter implements Disposable {
  /** What the client is told about; empty: there is nothing to judge. */
  readonly rules: readonly ScopedRule[];
  readonly #share: readonly ScopedRule[];
  readonly #local = new LocalBuckets();
  readonly #outage = new Outage();
  readonly #stop = new AbortController();
  readonly #parts: LimiterParts;
  readonly #timeoutMs: number;

  constructor(parts: LimiterParts) {
    const { config } = parts;
    this.#parts = parts;
    this.rules = rulesOf(config);
    this.#share = this.rules.map(rule => shareOf(rule, config.replicas));
    this.#timeoutMs = config.redis?.timeoutMs ?? 0;
  }

  /** Connects to the shared store, if there is one. */
  start(): void {
    const { shared, metrics } = this.#parts;
    if (!shared) return;
    metrics.redisUp.set(0);
    shared.open(() => {
      if (this.#outage.lost()) this.#wentAway('connection lost');
    });
    void this.#untilBack(shared);
  }

  /** Ends the connection; from now on the share decides. */
  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#parts.shared?.close();
  }

  /** Judges one request of the caller `key`. Never rejects; without a store, or while it is away, it answers at once. */
  take(key: string): LimitDecision | typeof UNAVAILABLE | Promise<LimitDecision | typeof UNAVAILABLE> {
    const { shared } = this.#parts;
    const names = this.rules.map(({ scope }) => (scope === 'key' ? `key:${key}` : scope));
    const own = this.#local.take(names, this.#share, this.#parts.clock.nowMs());
    if (!shared) return this.#judgedLocally(own);
    if (this.#outage.isAway) return this.#fellBack(own, 'away');
    return this.#ask(shared, names, own);
  }

  #ask(shared: SharedBuckets, names: readonly string[], own: Taken): Promise<LimitDecision | typeof UNAVAILABLE> {
    const { clock, deadlines, metrics } = this.#parts;
    const sentMs = clock.nowMs();
    return new Promise(resolve => {
      let open = true;
      const close = () => {
        open = false;
        deadlines.remove(watched);
        metrics.redisSeconds.observe((clock.nowMs() - sentMs) / 1000);
      };
      const fail = (reason: FallbackReason) => {
        if (!open) return;
        close();
        if (this.#outage.failed()) this.#wentAway(reason);
        resolve(this.#fellBack(own, reason));
      };
      const watched: Watched = {
        dueMs: sentMs + this.#timeoutMs,
        // After a pause of this process the answer may have come and only not been read yet: let it be read first.
        expire: () => setImmediate(() => fail('timeout')),
      };
      deadlines.add(watched);
      shared.take(names, this.rules).then(
        taken => {
          if (!open) return;
          close();
          this.#outage.succeeded();
          resolve(this.#counted(decide(taken, this.rules), 'redis'));
        },
        () => fail('error'),
      );
    });
  }

  #fellBack(own: Taken, reason: FallbackReason): LimitDecision | typeof UNAVAILABLE {
    this.#parts.metrics.fallbacks[reason].inc();
    return this.#parts.config.onOutage === 'fail' ? UNAVAILABLE : this.#judgedLocally(own);
  }

  #judgedLocally(own: Taken): LimitDecision {
    return this.#counted(decide(own, this.#share, this.rules), 'local');
  }

  #counted(decision: LimitDecision, source: 'redis' | 'local'): LimitDecision {
    const { metrics } = this.#parts;
    if (decision.allowed) metrics.allowed[source].inc();
    else metrics.refused(decision.scope, source);
    return decision;
  }

  #wentAway(why: string): void {
    const { log, metrics, shared, config } = this.#parts;
    if (this.#stop.signal.aborted || !shared) return;
    log.warn({ why, onOutage: config.onOutage }, 'shared limits away');
    metrics.redisUp.set(0);
    void this.#untilBack(shared);
  }

  /** Probes the store with the very step that requests need, until it is back. */
  async #untilBack(shared: SharedBuckets): Promise<void> {
    const { clock, metrics, log } = this.#parts;
    const { signal } = this.#stop;
    for (;;) {
      await clock.sleep(PROBE_INTERVAL_MS, signal).catch(() => {});
      if (signal.aborted) return;
      const probed = await this.#probe(shared);
      if (probed === 'silent') shared.reconnect();
      if (this.#outage.probed(probed === 'quick')) break;
    }
    log.info('shared limits back');
    metrics.redisUp.set(1);
  }

  /** `silent`: no answer within the limit, the connection must be dead. */
  #probe(shared: SharedBuckets): Promise<'quick' | 'slow' | 'failed' | 'silent'> {
    const { clock, deadlines } = this.#parts;
    const sentMs = clock.nowMs();
    return new Promise(resolve => {
      const watched: Watched = { dueMs: sentMs + PROBE_LIMIT_MS, expire: () => resolve('silent') };
      deadlines.add(watched);
      const settle = (answered: boolean) => {
        deadlines.remove(watched);
        if (!answered) resolve('failed');
        else resolve(clock.nowMs() - sentMs <= this.#timeoutMs ? 'quick' : 'slow');
      };
      shared.take(PROBE_NAMES, PROBE_RULES).then(
        () => settle(true),
        () => settle(false),
      );
    });
  }
}
