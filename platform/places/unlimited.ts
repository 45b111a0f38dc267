import type { Clock } from '../../harness/clock.ts';
import { numbered } from '../../stack/naming.ts';
import { noReplicaLeft, type Place, type Places, type TimedReplica } from './places.ts';

/** Room for every replica that the stack has: the first ones run, and the last ones end first. */
export class UnlimitedPlaces implements Places {
  readonly #service: string;
  readonly #replicas: readonly TimedReplica[];
  readonly #clock: Clock;
  readonly #endedAtMs = new Map<string, number>();
  wanted: readonly string[];

  constructor(service: string, replicas: readonly TimedReplica[], clock: Clock) {
    this.#service = service;
    this.#replicas = replicas;
    this.#clock = clock;
    this.wanted = numbered(service, replicas.filter(({ state }) => state !== 'stopped').length);
  }

  affected(count: number): readonly string[] {
    const before = this.wanted.length;
    return numbered(this.#service, Math.max(before, count)).slice(Math.min(before, count));
  }

  want(count: number): void {
    const before = this.wanted.length;
    this.wanted = numbered(this.#service, count);
    for (const replica of this.#replicas.slice(before, count)) void replica.release();
    for (const replica of this.#replicas.slice(count, before)) {
      this.#endedAtMs.set(replica.name, this.#clock.nowMs());
      replica.hold();
      void replica.terminate();
    }
  }

  of(name: string): Place {
    const hasReplica = this.#replicas.some(replica => replica.name === name);
    return hasReplica ? {} : { message: noReplicaLeft(this.#replicas.length) };
  }

  endedAtMs(name: string): number | undefined {
    return this.#endedAtMs.get(name);
  }

  refresh(): void {}

  loadStarts(): void {}

  [Symbol.dispose](): void {}
}
