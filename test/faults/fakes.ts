import type { Clock } from '../../harness/clock.ts';
import type { Link, Probe, Replica, ReplicaContainer, ReplicaExit, RunningStack } from '../../harness/contracts.ts';
import { systemNetwork } from '../../harness/host/network.ts';

/** How a fake replica takes a probe. */
export type Mood = 'answers' | 'refuses' | 'hangs';

/** A replica that only keeps books: what a fault does to it changes its mood, unless a test breaks that. */
export class FakeReplica implements Replica {
  readonly name: string;
  readonly service: string;
  readonly zone: string;
  readonly url: string;
  readonly metricsPath = undefined;
  readonly coldStartMs = 20_000;
  readonly container: ReplicaContainer;
  readonly holders = new Set<string>();
  mood: Mood = 'answers';
  state: Replica['state'] = 'ready';
  lastExit: ReplicaExit | undefined;
  limitMiB: number | undefined = 512;
  readonly #clock: Clock;
  #lives = 1;

  constructor(name: string, zone: string, clock: Clock) {
    this.name = name;
    this.service = name.replace(/-\d+$/, '');
    this.zone = zone;
    this.url = `http://${name}:8000`;
    this.#clock = clock;
    this.container = {
      limitMemory: async mebibytes => {
        this.limitMiB = mebibytes ?? 512;
        return this.limitMiB;
      },
      disconnect: async () => this.feel('hangs'),
      reconnect: async () => this.feel('answers'),
    };
  }

  get pid(): number | undefined {
    return this.state === 'ready' ? this.#lives : undefined;
  }

  get instance(): string | undefined {
    return this.state === 'ready' ? `process ${this.#lives}` : undefined;
  }

  /** It takes probes like this from now on. */
  feel(mood: Mood): void {
    this.mood = mood;
  }

  /** Its instance ends. */
  end(how: string, isOutOfMemory = false): void {
    if (this.state !== 'ready') return;
    this.lastExit = { atMs: this.#clock.nowMs(), how, isOutOfMemory };
    this.state = 'exited';
    this.feel('refuses');
  }

  async kill(): Promise<void> {
    this.end('SIGKILL');
  }

  async terminate(): Promise<void> {
    this.end('exit code 0');
  }

  async pause(): Promise<void> {
    this.feel('hangs');
  }

  async resume(): Promise<void> {
    this.feel('answers');
  }

  hold(holder = 'scale'): void {
    this.holders.add(holder);
  }

  async release(holder = 'scale'): Promise<void> {
    this.holders.delete(holder);
    if (this.holders.size > 0 || this.state === 'ready') return;
    this.#lives += 1;
    this.state = 'ready';
    this.feel('answers');
  }

  async ready(signal: AbortSignal): Promise<void> {
    while (this.state !== 'ready' || this.mood !== 'answers') await this.#clock.sleep(10, signal);
  }
}

/** A stack of fakes; a probe of a link goes to the replica behind it. */
export function fakeStack(clock: Clock, replicas: readonly FakeReplica[], links: readonly Link[] = []): RunningStack {
  return {
    network: systemNetwork,
    entries: [],
    entryCertificate: undefined,
    authorization: '',
    proxyApiUrl: '',
    links,
    replicas,
    versions: {},
    async probe(target, _path, signal): Promise<Probe> {
      signal.throwIfAborted();
      const name = 'listen' in target ? target.to : target.name;
      const { mood } = replicas.find(replica => replica.name === name)!;
      if (mood === 'refuses') throw new Error('connect ECONNREFUSED');
      if (mood === 'hangs') await clock.sleep(1e9, signal);
      return { sentMs: clock.nowMs(), ttfbMs: 2 };
    },
    trace: () => Promise.reject(new Error('not traced')),
    protect() {},
    async [Symbol.asyncDispose]() {},
  };
}

/** Moves a fake clock on, in small steps, until the promise settles; after `limitMs` its outcome is `never`. */
export async function outcomeOf<T>(
  clock: { advance(ms: number): Promise<void> },
  limitMs: number,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T | 'never'> {
  const limit = new AbortController();
  let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
  const settling = task(limit.signal).then(
    value => {
      outcome = { value };
    },
    error => {
      outcome = { error };
    },
  );
  for (let spentMs = 0; spentMs < limitMs && !outcome; spentMs += 25) await clock.advance(25);
  limit.abort('never');
  await settling;
  if (outcome && 'value' in outcome) return outcome.value;
  if (outcome?.error !== 'never') throw outcome?.error;
  return 'never';
}
