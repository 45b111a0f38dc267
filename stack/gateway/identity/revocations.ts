import type { Logger } from 'pino';
import { type Clock, NEVER, withLimit } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import { OutageDetector } from '../limits/outage-detector.ts';
import type { IdentityMetrics } from './identity-metrics.ts';
import type { Revocation, SharedStore } from './shared-store.ts';

/** Age of the last look at the store from which a gateway may not know of a revocation. */
const STALE_MS = 1000;

/** Interval between looks until the first one has succeeded. */
const FIRST_LOOK_MS = 10;

interface RevocationsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: IdentityMetrics;
  /** Undefined: revocations are those of this gateway. */
  readonly store: SharedStore | undefined;
  readonly pollMs: number;
  readonly timeoutMs: number;
}

/**
 * Revoked keys and tokens. They are checked in memory, and this memory follows the store:
 *
 * ```
 * revoke ─► this gateway ─► store ─► every gateway, within pollMs and a round trip
 *                             ▲────── what it lost, or was not told while it was down
 * ```
 *
 * A gateway that knows a revocation keeps it, whatever happens to the store, and tells the store again: of two decisions on a key, the later one wins.
 */
export class Revocations implements Disposable {
  readonly #options: RevocationsOptions;
  readonly #entries = new Map<string, Revocation>();
  readonly #detector = new OutageDetector();
  readonly #stop = new AbortController();
  #version = '';
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(options: RevocationsOptions) {
    this.#options = options;
  }

  /** Follows the store, if there is one. Resolves once it knows its revocations, or after a second. */
  async start(): Promise<void> {
    const { store, metrics, clock } = this.#options;
    if (!store) return;
    metrics.storeUp.set(0);
    store.open(() => this.#detector.recordDisconnect() && this.#told('down', 'connection lost'));
    void this.#follow(store);
    const startedMs = clock.nowMs();
    while (this.isStale && clock.nowMs() - startedMs < STALE_MS) await clock.sleep(FIRST_LOOK_MS);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#options.store?.close();
  }

  /** Whether the key or token `id` is revoked, as far as is known. */
  has(id: string): boolean {
    const entry = this.#entries.get(id);
    return entry?.isRevoked === true && entry.untilMs > this.#wallMs();
  }

  /** Number of entries, those that were taken back included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Number of entries of tokens of a client. */
  countOf(client: string): number {
    let count = 0;
    for (const id of this.#entries.keys()) if (id.slice(id.indexOf('.') + 1) === client) count += 1;
    return count;
  }

  /** Those that are revoked. */
  ids(): string[] {
    return [...this.#entries.keys()].filter(id => this.has(id)).sort();
  }

  /** Whether a revocation by another gateway may be unknown, since the store was last seen more than a second ago. */
  get isStale(): boolean {
    const { store, clock } = this.#options;
    return store !== undefined && clock.nowMs() - this.#lookedMs > STALE_MS;
  }

  /** Whether the store does not respond in time. */
  get isDown(): boolean {
    return this.#detector.isDown;
  }

  /** Records the outcome of another call of the store. */
  record(succeeded: boolean): void {
    if (succeeded) this.#detector.recordSuccess();
    else if (this.#detector.recordFailure()) this.#told('down', 'calls fail');
  }

  /**
   * Revokes a key or a token, or takes that back.
   * @param untilMs when it no longer matters, in ms since the epoch
   * @returns whether all gateways will know; if not, this one does, and tells them as soon as it can
   */
  async set(id: string, isRevoked: boolean, untilMs: number): Promise<boolean> {
    const { store } = this.#options;
    const wallMs = Math.max(this.#wallMs(), (this.#entries.get(id)?.decidedMs ?? 0) + 1);
    this.#keep(id, { isRevoked, untilMs, decidedMs: wallMs });
    if (!store) return true;
    try {
      const decidedMs = await this.#limited(() => store.put(id, { isRevoked, untilMs }));
      this.#keep(id, { isRevoked, untilMs, decidedMs });
      return true;
    } catch {
      return false;
    }
  }

  async #follow(store: SharedStore): Promise<void> {
    const { clock, pollMs, timeoutMs } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const beganMs = clock.nowMs();
      try {
        await this.#limited(() => this.#look(store));
        const isFast = clock.nowMs() - beganMs <= timeoutMs;
        // The first look suffices: until it has succeeded, proofs are compared with those of this gateway only.
        if (!Number.isFinite(this.#lookedMs)) this.#detector.recordProbe(isFast);
        this.#lookedMs = beganMs;
        if (this.#detector.recordProbe(isFast)) this.#told('up', '');
      } catch (error) {
        if (signal.aborted) return;
        if (this.#detector.recordFailure()) this.#told('down', messageOf(error));
        if (clock.nowMs() - beganMs >= STALE_MS) store.reconnect();
      }
      const hasLooked = Number.isFinite(this.#lookedMs);
      await clock.sleep(hasLooked ? pollMs : FIRST_LOOK_MS, signal).catch(() => {});
    }
  }

  async #look(store: SharedStore): Promise<void> {
    const { version, entries } = await store.list(this.#version);
    if (!entries) return;
    for (const [id, entry] of entries)
      if (entry.decidedMs > (this.#entries.get(id)?.decidedMs ?? 0)) this.#keep(id, entry);
    let isMissing = false;
    for (const [id, entry] of this.#entries) {
      if (entry.untilMs <= this.#wallMs()) this.#entries.delete(id);
      else if ((entries.get(id)?.decidedMs ?? 0) < entry.decidedMs) {
        isMissing = true;
        await store.put(id, entry, entry.decidedMs);
      }
    }
    // What was put changed the version; the next look finds nothing missing.
    this.#version = isMissing ? '' : version;
    this.#count();
  }

  #keep(id: string, entry: Revocation): void {
    // A change that the store may not have makes the next look compare all.
    this.#version = '';
    this.#entries.set(id, entry);
    this.#count();
  }

  #count(): void {
    this.#options.metrics.revocations.set(this.ids().length);
  }

  #limited<T>(task: () => Promise<T>): Promise<T> {
    return withLimit(STALE_MS, NEVER, task, this.#options.clock);
  }

  #told(state: 'up' | 'down', reason: string): void {
    const { metrics, log } = this.#options;
    if (this.#stop.signal.aborted) return;
    metrics.storeUp.set(state === 'up' ? 1 : 0);
    if (state === 'up') log.info('shared revocations and proofs up');
    else log.warn({ reason }, 'shared revocations and proofs down');
  }

  #wallMs(): number {
    return this.#options.clock.date().getTime();
  }
}
