import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { StackObserver } from '../harness/cluster/observer.ts';
import type { Link } from '../harness/contracts.ts';
import type { Machine } from '../harness/host/network.ts';
import type { CapacityPlan } from '../stack/capacity/spec.ts';
import { tokenHeaders } from '../stack/token.ts';
import { ClusterPlaces } from './places/cluster.ts';
import type { Places, TimedReplica } from './places/places.ts';
import { UnlimitedPlaces } from './places/unlimited.ts';

/** Deployment whose replicas can be scaled. */
const DEPLOYMENT = 'inference';
const PATH = `/apis/apps/v1/namespaces/default/deployments/${DEPLOYMENT}`;
const RETRY_MS = 200;
const REPORT_EVERY_MS = 250;
const RESPONSE_LIMIT_MS = 2000;
/** So many pods have a message, of so many characters: control reads 1 MiB, and there may be 10,000 pods. */
const MAX_MESSAGES = 1000;
const MAX_MESSAGE_LENGTH = 300;

/** A pod as it is reported to control; times are ISO 8601. */
interface ReportedPod {
  readonly name: string;
  readonly phase: 'Pending' | 'Running';
  readonly ready: boolean;
  readonly nodeName?: string;
  readonly message?: string;
  readonly startTime?: string;
  readonly readySince?: string;
  readonly deletionTimestamp?: string;
}

interface Scale {
  readonly metadata: { readonly uid: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly replicas: number };
}

/** What {@link followScale} needs besides the stack. */
export interface ScalingOptions {
  readonly token: string;
  /** Told of every change. */
  readonly observer: StackObserver;
  /** Nodes on which replicas need a place. @default there is room for all */
  readonly capacity?: CapacityPlan | undefined;
}

/** What follows the scale of a stack. */
export interface Scaling extends AsyncDisposable {
  /** See {@link RunningStack.loadStarts}. */
  loadStarts(startAtMs: number): void;
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
  { token, observer, capacity }: ScalingOptions,
): Scaling {
  const link = links.find(({ name }) => name === 'operator→control');
  const stopping = new AbortController();
  const { signal } = stopping;
  if (!link) return { loadStarts: () => {}, [Symbol.asyncDispose]: async () => {} };
  const own = replicas.filter(({ service }) => service === DEPLOYMENT);
  const places = capacity
    ? new ClusterPlaces(capacity, own, clock, observer)
    : new UnlimitedPlaces(DEPLOYMENT, own, clock);
  const scaler = new Scaler(
    `http://${link.listen}${PATH}`,
    own,
    places,
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
    loadStarts: startAtMs => places.loadStarts(startAtMs),
    async [Symbol.asyncDispose]() {
      places[Symbol.dispose]();
      stopping.abort();
      await over;
    },
  };
}

class Scaler {
  readonly #url: string;
  readonly #replicas: readonly TimedReplica[];
  readonly #places: Places;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #machine: Machine;
  readonly #observer: StackObserver;
  /** Wall-clock time of 0 on the machine's clock, so that one instant is always reported as the same time. */
  readonly #originMs: number;
  #uid: string | undefined;
  #reported = '';

  constructor(
    url: string,
    replicas: readonly TimedReplica[],
    places: Places,
    headers: Readonly<Record<string, string>>,
    machine: Machine,
    observer: StackObserver,
  ) {
    this.#machine = machine;
    this.#observer = observer;
    this.#headers = headers;
    this.#url = url;
    this.#replicas = replicas;
    this.#places = places;
    this.#originMs = machine.clock.date().getTime() - machine.clock.nowMs();
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
    this.#places.refresh();
    const pods = this.#pods();
    const existing = pods.filter(({ phase, deletionTimestamp }) => phase === 'Running' && !deletionTimestamp);
    const readyReplicas = existing.filter(({ ready }) => ready).length;
    const status = JSON.stringify({ status: { replicas: existing.length, readyReplicas, pods } });
    if (`${this.#uid}${status}` === this.#reported) return;
    await this.#patch('/status', status, signal);
    this.#reported = `${this.#uid}${status}`;
  }

  /**
   * Replicas as pods: those that are wanted, of which some have no place yet or never will, and those that are ending. One that has
   * crashed is unready, and still the same pod.
   */
  #pods(): ReportedPod[] {
    const wanted = new Set(this.#places.wanted);
    const names = new Set([...this.#replicas.map(({ name }) => name), ...wanted]);
    return [...names].flatMap((name, nth): ReportedPod[] => {
      const replica = this.#replicas.find(each => each.name === name);
      const { node: nodeName, message, isEnding = !wanted.has(name) } = this.#places.of(name);
      const hasMessage = message !== undefined && nth < MAX_MESSAGES;
      const place = {
        ...(nodeName !== undefined && { nodeName }),
        ...(hasMessage && { message: message.slice(0, MAX_MESSAGE_LENGTH) }),
      };
      if (!replica || replica.state === 'stopped')
        return wanted.has(name) ? [{ name, phase: 'Pending', ready: false, ...place }] : [];
      const { state, startedAtMs, stateAtMs } = replica;
      const endedAtMs = this.#places.endedAtMs(name);
      const readySinceMs = state === 'starting' ? startedAtMs : stateAtMs;
      return [
        {
          ...{ name, phase: 'Running', ready: state === 'ready', ...(nodeName !== undefined && { nodeName }) },
          ...(startedAtMs !== undefined && { startTime: this.#timeOf(startedAtMs) }),
          ...(readySinceMs !== undefined && { readySince: this.#timeOf(readySinceMs) }),
          ...(isEnding && endedAtMs !== undefined && { deletionTimestamp: this.#timeOf(endedAtMs) }),
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
    const before = this.#places.wanted.length;
    if (isAnother && replicas !== before) {
      await this.#patch('/scale', JSON.stringify({ spec: { replicas: before } }), signal);
      return;
    }
    if (before === replicas) return;
    const reason = annotations?.['squall/reason'] ?? '';
    const affected = this.#places.affected(replicas).filter(name => this.#replicas.some(each => each.name === name));
    this.#observer.scale?.({ deployment: DEPLOYMENT, from: before, to: replicas, reason, replicas: affected });
    this.#places.want(replicas);
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
