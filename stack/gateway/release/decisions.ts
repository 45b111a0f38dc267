import type { Logger } from 'pino';
import { type Clock, NEVER, withLimit } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import type { ReleaseConfig } from './config.ts';
import type { Decision, DecisionStore } from './decision.ts';

/** Limit of a call of the store, and of the first look, in ms. */
const LIMIT_MS = 1000;
/** Interval between looks until the first one has succeeded. */
const FIRST_LOOK_MS = 10;

interface DecisionsParts {
  readonly routes: ReleaseConfig['routes'];
  readonly pollMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined: decisions are those of this gateway. */
  readonly store: DecisionStore | undefined;
  /** Called after each decision, of this gateway or another, with the one before. */
  readonly onDecision: (model: string, decision: Decision, before: Decision) => void;
  /** Called when the store begins or ceases to respond. */
  readonly onStore: (isUp: boolean) => void;
}

/**
 * What was decided on each route. It is in memory, and follows the store:
 *
 * ```
 * decide ─► this gateway, at once ─► store ─► every gateway, within pollMs and a round trip
 *                                      ▲───── what it lost, or was not told while it was down
 * ```
 *
 * Of two decisions on a route the later one wins. One that names other versions than the configuration is ignored.
 */
export class Decisions implements Disposable {
  readonly #parts: DecisionsParts;
  readonly #decisions: Map<string, Decision>;
  readonly #stop = new AbortController();
  #isUp = false;
  #hasLooked = false;

  constructor(parts: DecisionsParts) {
    this.#parts = parts;
    this.#decisions = new Map(parts.routes.map(route => [route.model, configured(route)]));
  }

  /** Follows the store, if there is one. Resolves once it knows its decisions, or after a second. */
  async start(): Promise<void> {
    const { store, clock } = this.#parts;
    if (!store) return;
    store.open();
    void this.#follow(store);
    const startedMs = clock.nowMs();
    while (!this.#hasLooked && clock.nowMs() - startedMs < LIMIT_MS) await clock.sleep(FIRST_LOOK_MS);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#parts.store?.close();
  }

  /** In effect for a model with a route. */
  of(model: string): Decision {
    return this.#decisions.get(model)!;
  }

  /**
   * Decides on a route; versions without a weight get 0.
   * @returns whether all gateways will know; if not, this one does, and tells them as soon as it can
   */
  async set(model: string, decision: Omit<Decision, 'decidedMs'>): Promise<boolean> {
    const { store, clock } = this.#parts;
    const before = this.of(model);
    this.#apply(model, { ...decision, decidedMs: Math.max(clock.date().getTime(), before.decidedMs + 1) });
    if (!store) return true;
    try {
      const decidedMs = await this.#limited(() => store.put(model, decision));
      const latest = this.of(model);
      if (latest.decidedMs < decidedMs) this.#decisions.set(model, { ...decision, decidedMs });
      return true;
    } catch {
      return false;
    }
  }

  /** Decides that a route is as configured. @returns as {@link set} */
  reset(model: string, reason: string): Promise<boolean> {
    const route = this.#parts.routes.find(other => other.model === model)!;
    return this.set(model, { ...configured(route), reason });
  }

  async #follow(store: DecisionStore): Promise<void> {
    const { clock, pollMs, log, routes, onStore } = this.#parts;
    const { signal } = this.#stop;
    onStore(false);
    while (!signal.aborted) {
      const beganMs = clock.nowMs();
      try {
        await this.#limited(() => Promise.all(routes.map(({ model }) => this.#look(store, model))));
        this.#hasLooked = true;
        if (!this.#isUp) onStore(true);
        this.#isUp = true;
      } catch (error) {
        if (signal.aborted) return;
        if (this.#isUp) {
          log.warn({ reason: messageOf(error) }, 'shared releases down');
          onStore(false);
        }
        this.#isUp = false;
        if (clock.nowMs() - beganMs >= LIMIT_MS) store.reconnect();
      }
      await clock.sleep(this.#hasLooked ? pollMs : FIRST_LOOK_MS, signal).catch(() => {});
    }
  }

  async #look(store: DecisionStore, model: string): Promise<void> {
    const shared = await store.get(model);
    const own = this.of(model);
    if ((shared?.decidedMs ?? 0) < own.decidedMs) await store.put(model, own, own.decidedMs);
    else if (shared && shared.decidedMs > own.decidedMs && this.#isKnown(model, shared)) this.#apply(model, shared);
  }

  #isKnown(model: string, { weights, primary }: Decision): boolean {
    const names = this.#parts.routes.find(route => route.model === model)!.versions.map(({ name }) => name);
    return [...Object.keys(weights), primary].every(name => names.includes(name));
  }

  #apply(model: string, decision: Decision): void {
    const { log, onDecision } = this.#parts;
    const before = this.of(model);
    this.#decisions.set(model, decision);
    const { weights, primary, reason } = decision;
    log.warn({ model, weights, primary, reason }, 'release changed');
    onDecision(model, decision, before);
  }

  #limited<T>(task: () => Promise<T>): Promise<T> {
    return withLimit(LIMIT_MS, NEVER, task, this.#parts.clock);
  }
}

function configured({ versions, primary = versions[0]!.name }: ReleaseConfig['routes'][number]): Decision {
  const weights = Object.fromEntries(versions.map(({ name, weight }) => [name, weight]));
  return { weights, primary, reason: 'configured', decidedMs: 0 };
}
