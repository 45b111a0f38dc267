import type { Clock } from '../../harness/clock.ts';
import type { Random } from '../../harness/random.ts';
import type { CheckMethod, CheckStatus } from './consul/definition.ts';
import type { Registry } from './registry.ts';

/** Asks a URL once; rejects when there is no answer. */
export type Probe = (url: string, timeoutMs: number, signal: AbortSignal) => Promise<number>;

/** What {@link HttpChecker} needs. */
export interface HttpCheckerContext {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly probe: Probe;
  readonly changed: () => void;
}

/** Carries out the HTTP checks of a registry, each on its own interval, the first after a random part of it. */
export class HttpChecker {
  readonly #context: HttpCheckerContext;
  readonly #running = new Map<string, { readonly key: string; readonly stop: AbortController }>();

  constructor(context: HttpCheckerContext) {
    this.#context = context;
  }

  /** Starts what is new and stops what is gone; to be called after every change of the registry. */
  follow(): void {
    const wanted = new Map<string, Extract<CheckMethod, { kind: 'http' }>>();
    for (const { checks } of this.#context.registry.services())
      for (const { definition } of checks)
        if (definition.method.kind === 'http') wanted.set(definition.id, definition.method);
    for (const [id, { key, stop }] of this.#running) {
      if (JSON.stringify(wanted.get(id)) === key) continue;
      stop.abort();
      this.#running.delete(id);
    }
    for (const [id, method] of wanted) {
      if (this.#running.has(id)) continue;
      const stop = new AbortController();
      this.#running.set(id, { key: JSON.stringify(method), stop });
      void this.#checkForever(id, method, stop.signal);
    }
  }

  /** Stops all. */
  stop(): void {
    for (const { stop } of this.#running.values()) stop.abort();
    this.#running.clear();
  }

  async #checkForever(id: string, method: Extract<CheckMethod, { kind: 'http' }>, signal: AbortSignal): Promise<void> {
    const { clock, random, probe, registry, changed } = this.#context;
    let waitMs = method.intervalMs * random.next();
    while (!signal.aborted) {
      await clock.sleep(waitMs, signal).catch(() => {});
      waitMs = method.intervalMs;
      if (signal.aborted) return;
      const { status, output } = await probe(method.url, method.timeoutMs, signal).then(resultOf, error => ({
        status: 'critical' as const,
        output: `Get ${JSON.stringify(method.url)}: ${(error as Error).message}`,
      }));
      if (signal.aborted) return;
      registry.observe(id, status, output, clock.nowMs());
      changed();
    }
  }
}

/** Consul's rule: 2xx passes, 429 warns, anything else is critical. */
function resultOf(code: number): { status: CheckStatus; output: string } {
  const output = `HTTP GET: ${code}`;
  if (code >= 200 && code < 300) return { status: 'passing', output };
  return { status: code === 429 ? 'warning' : 'critical', output };
}
