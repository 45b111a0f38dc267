import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { Link, Replica } from '../harness/contracts.ts';
import type { Machine } from '../harness/host/network.ts';
import { tokenHeaders } from '../stack/token.ts';

/** Deployment whose replicas can be scaled. */
const DEPLOYMENT = 'inference';
const PATH = `/apis/apps/v1/namespaces/default/deployments/${DEPLOYMENT}`;
const RETRY_MS = 200;
const REPORT_EVERY_MS = 250;
const RESPONSE_LIMIT_MS = 2000;

interface Scale {
  readonly metadata: { readonly uid: string };
  readonly spec: { readonly replicas: number };
}

/**
 * Runs as many inference replicas as the Scale API of the stack's control service specifies, and reports how many exist and how many
 * are ready. No effect in a stack without control.
 *
 * ```
 * control ── watch: spec.replicas = 4 ──▶ release inference-4        hold and terminate inference-4 ◀── spec.replicas = 3
 *         ◀── status: 4 exist, 3 ready ──                            the last ones are removed first
 * ```
 *
 * Control has no persistent state: after a restart, seen by its `uid`, it is sent the previous number again.
 */
export function followScale(
  links: readonly Link[],
  replicas: readonly Replica[],
  { clock, network }: Machine,
  token: string,
): AsyncDisposable {
  const link = links.find(({ name }) => name === 'operator→control');
  const stopping = new AbortController();
  const { signal } = stopping;
  if (!link) return { [Symbol.asyncDispose]: async () => {} };
  const scaler = new Scaler(
    `http://${link.listen}${PATH}`,
    replicas.filter(({ service }) => service === DEPLOYMENT),
    tokenHeaders(token),
    { clock, network },
  );
  const repeatedly = async (step: () => Promise<void>, pauseMs: number) => {
    while (!signal.aborted) {
      await step().catch(() => {});
      await clock.sleep(pauseMs, signal).catch(() => {});
    }
  };
  const over = Promise.all([
    repeatedly(() => scaler.watch(signal), RETRY_MS),
    repeatedly(() => scaler.report(signal), REPORT_EVERY_MS),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await over;
    },
  };
}

class Scaler {
  readonly #url: string;
  readonly #replicas: readonly Replica[];
  readonly #headers: Readonly<Record<string, string>>;
  readonly #machine: Machine;
  #wanted: number;
  #uid: string | undefined;
  #reported = '';

  constructor(url: string, replicas: readonly Replica[], headers: Readonly<Record<string, string>>, machine: Machine) {
    this.#machine = machine;
    this.#headers = headers;
    this.#url = url;
    this.#replicas = replicas;
    this.#wanted = replicas.filter(({ state }) => state !== 'stopped').length;
  }

  /** Follows one watch to its end. @throws if it breaks */
  async watch(signal: AbortSignal): Promise<void> {
    const response = await this.#machine.network.fetch(`${this.#url}/scale?watch=1`, { signal });
    if (!response.ok || !response.body) throw new Error(`the watch returned ${response.status}`);
    for await (const line of createInterface({ input: Readable.fromWeb(response.body as never) })) {
      await this.#onUpdate((JSON.parse(line) as { object: Scale }).object, signal);
      if (signal.aborted) return;
    }
  }

  /** Sends control the number of replicas if it has changed. @throws if that fails */
  async report(signal: AbortSignal): Promise<void> {
    const existing = this.#replicas.filter(({ state }) => state !== 'stopped');
    const readyReplicas = existing.filter(({ state }) => state === 'ready').length;
    const status = JSON.stringify({ status: { replicas: existing.length, readyReplicas } });
    if (`${this.#uid}${status}` === this.#reported) return;
    await this.#patch('/status', status, signal);
    this.#reported = `${this.#uid}${status}`;
  }

  async #onUpdate({ metadata: { uid }, spec: { replicas } }: Scale, signal: AbortSignal): Promise<void> {
    const isAnother = this.#uid !== undefined && this.#uid !== uid;
    this.#uid = uid;
    if (isAnother && replicas !== this.#wanted) {
      await this.#patch('/scale', JSON.stringify({ spec: { replicas: this.#wanted } }), signal);
      return;
    }
    const before = this.#wanted;
    this.#wanted = replicas;
    for (const replica of this.#replicas.slice(before, replicas)) void replica.release();
    for (const replica of this.#replicas.slice(replicas, before)) {
      replica.hold();
      void replica.terminate();
    }
  }

  async #patch(path: string, body: string, signal: AbortSignal): Promise<void> {
    const response = await this.#machine.network.fetch(this.#url + path, {
      method: 'PATCH',
      headers: { ...this.#headers, 'content-type': 'application/merge-patch+json' },
      body,
      signal: AbortSignal.any([signal, this.#machine.clock.timeout(RESPONSE_LIMIT_MS)]),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`${path} returned ${response.status}`);
  }
}
