import type { Clock } from '../../harness/clock.ts';
import type { Random } from '../../harness/random.ts';
import type { CheckMethod, CheckStatus } from './consul/definition.ts';
import type { Registry } from './registry.ts';

/** Sends one GET and resolves with the status; rejects without a response. */
export type Probe = (url: string, timeoutMs: number, signal: AbortSignal) => Promise<number>;

interface HttpCheckerContext {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly probe: Probe;
  readonly onChange: () => void;
}

/** Runs the HTTP checks of a registry, each at its own interval, starting after a random fraction of it. */
export class HttpChecker {
  readonly #context: HttpCheckerContext;
  readonly #running = new Map<string, { readonly key: string; readonly stop: AbortController }>();

  constructor(context: HttpCheckerContext) {
    this.#context = context;
  }

  /** Starts new checks and stops removed ones. Must be called after every change of the registry. */
  sync(): void {
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

  /** Stops all checks. */
  stop(): void {
    for (const { stop } of this.#running.values()) stop.abort();
    this.#running.clear();
  }

  async #checkForever(id: string, method: Extract<CheckMethod, { kind: 'http' }>, signal: AbortSignal): Promise<void> {
    const { clock, random, probe, registry, onChange } = this.#context;
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
      onChange();
    }
  }
}

/** Consul's rule: 2xx is passing, 429 is warning, anything else is critical. */
function resultOf(code: number): { status: CheckStatus; output: string } {
  const output = `HTTP GET: ${code}`;
  if (code >= 200 && code < 300) return { status: 'passing', output };
  return { status: code === 429 ? 'warning' : 'critical', output };
}
