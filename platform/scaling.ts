import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { StackObserver } from '../harness/cluster/observer.ts';
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
  readonly metadata: { readonly uid: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly replicas: number };
}

/** A replica that says when its instance was started, and when it entered its state, on the clock of its platform. */
type TimedReplica = Replica & { readonly startedAtMs?: number | undefined; readonly stateAtMs?: number | undefined };

/** What {@link followScale} needs besides the stack. */
export interface ScalingOptions {
  readonly token: string;
  /** Told of every change. */
  readonly observer: StackObserver;
}

/**
 * Runs as many inference replicas as the Scale API of the stack's control service specifies, and reports how many exist, how many are
 * ready, and each of them as a pod. No effect in a stack without control.
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
  replicas: readonly TimedReplica[],
  { clock, network }: Machine,
  { token, observer }: ScalingOptions,
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
    observer,
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
  readonly #replicas: readonly TimedReplica[];
  readonly #headers: Readonly<Record<string, string>>;
  readonly #machine: Machine;
  readonly #observer: StackObserver;
  /** Wall-clock time of 0 on the machine's clock, so that one instant is always reported as the same time. */
  readonly #originMs: number;
  /** When replicas were told to end, on the machine's clock. */
  readonly #endedAtMs = new Map<TimedReplica, number>();
  #wanted: number;
  #uid: string | undefined;
  #reported = '';

  constructor(
    url: string,
    replicas: readonly TimedReplica[],
    headers: Readonly<Record<string, string>>,
    machine: Machine,
    observer: StackObserver,
  ) {
    this.#machine = machine;
    this.#observer = observer;
    this.#headers = headers;
    this.#url = url;
    this.#replicas = replicas;
    this.#originMs = machine.clock.date().getTime() - machine.clock.nowMs();
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

  /** Sends control the replicas if they have changed. @throws if that fails */
  async report(signal: AbortSignal): Promise<void> {
    const pods = this.#pods();
    const existing = pods.filter(({ phase, deletionTimestamp }) => phase === 'Running' && !deletionTimestamp);
    const readyReplicas = existing.filter(({ ready }) => ready).length;
    const status = JSON.stringify({ status: { replicas: existing.length, readyReplicas, pods } });
    if (`${this.#uid}${status}` === this.#reported) return;
    await this.#patch('/status', status, signal);
    this.#reported = `${this.#uid}${status}`;
  }

  /**
   * Replicas as pods: those that are wanted, of which some may not exist yet or never will, and those that are ending. One that has
   * crashed is unready, and still the same pod.
   */
  #pods() {
    const count = Math.max(this.#wanted, this.#replicas.length);
    return Array.from({ length: count }, (_, index) => this.#replicas[index]).flatMap((replica, index) => {
      const isWanted = index < this.#wanted;
      if (!replica || replica.state === 'stopped')
        return isWanted
          ? [{ name: replica?.name ?? `${DEPLOYMENT}-${index + 1}`, phase: 'Pending', ready: false }]
          : [];
      const { name, state, startedAtMs, stateAtMs } = replica;
      const endedAtMs = this.#endedAtMs.get(replica);
      const readySinceMs = state === 'starting' ? startedAtMs : stateAtMs;
      return [
        {
          ...{ name, phase: 'Running', ready: state === 'ready' },
          ...(startedAtMs !== undefined && { startTime: this.#timeOf(startedAtMs) }),
          ...(readySinceMs !== undefined && { readySince: this.#timeOf(readySinceMs) }),
          ...(!isWanted && endedAtMs !== undefined && { deletionTimestamp: this.#timeOf(endedAtMs) }),
        },
      ];
    });
  }

  #timeOf(clockMs: number): string {
    return new Date(this.#originMs + clockMs).toISOString();
  }

  async #onUpdate({ metadata, spec: { replicas } }: Scale, signal: AbortSignal): Promise<void> {
    const { uid, annotations } = metadata;
    const isAnother = this.#uid !== undefined && this.#uid !== uid;
    this.#uid = uid;
    if (isAnother && replicas !== this.#wanted) {
      await this.#patch('/scale', JSON.stringify({ spec: { replicas: this.#wanted } }), signal);
      return;
    }
    const before = this.#wanted;
    this.#wanted = replicas;
    if (before === replicas) return;
    const reason = annotations?.['squall/reason'] ?? '';
    this.#observer.scale?.({ deployment: DEPLOYMENT, from: before, to: replicas, reason });
    for (const replica of this.#replicas.slice(before, replicas)) void replica.release();
    for (const replica of this.#replicas.slice(replicas, before)) {
      this.#endedAtMs.set(replica, this.#machine.clock.nowMs());
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
