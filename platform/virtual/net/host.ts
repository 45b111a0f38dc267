import type { Server } from 'node:net';
import type { Owner, VirtualTime } from '../../../harness/virtual/virtual-time.ts';
import type { VirtualSocket } from './socket.ts';

/** What a program costs the only processor of its host, in ms, so that an overloaded one queues. */
export interface CpuCosts {
  /** Of each read on a connection that it accepted: about one a request. */
  readonly requestMs: number;
  /** Of each connection, accepted or opened. */
  readonly connectionMs: number;
  /** Of each write on a connection that it accepted: one a token that is not held up, one for several that are. */
  readonly chunkMs: number;
}

/** Of programs that take no time. */
export const NO_COSTS: CpuCosts = { requestMs: 0, connectionMs: 0, chunkMs: 0 };

/** A listening server of a host. */
export interface Listener {
  readonly server: Server;
  readonly backlog: number;
  /** Connections that are established and that the server, frozen, has not accepted. */
  waiting: number;
}

const FIRST_EPHEMERAL_PORT = 32_768;

/**
 * A machine with one process on it: it owns timers, sockets and listeners, which vanish when it dies and wait when it is frozen. What
 * starts again is a new host at the same address.
 */
export class VirtualHost implements Owner {
  state: 'running' | 'frozen' | 'dead' = 'running';
  busyUntilUs = 0;
  readonly listeners = new Map<number, Listener>();
  readonly sockets = new Set<VirtualSocket>();
  readonly name: string;
  /** IPv4 address. */
  readonly address: string;
  readonly costs: CpuCosts;
  /** What an exception that its program does not catch does; absent where it ends the run. */
  crash: ((error: unknown) => void) | undefined;
  readonly #time: VirtualTime;
  /** Taken ones. */
  readonly #ports = new Set<number>();
  #port = FIRST_EPHEMERAL_PORT;

  constructor(time: VirtualTime, { name, address, costs }: Pick<VirtualHost, 'name' | 'address' | 'costs'>) {
    this.#time = time;
    this.name = name;
    this.address = address;
    this.costs = costs;
  }

  /** Takes the next port in order that nothing uses, until it is released. */
  takePort(): number {
    do this.#port = this.#port === 65_535 ? FIRST_EPHEMERAL_PORT : this.#port + 1;
    while (this.#ports.has(this.#port) || this.listeners.has(this.#port));
    this.#ports.add(this.#port);
    return this.#port;
  }

  /** Makes a port free again. */
  releasePort(port: number): void {
    this.#ports.delete(port);
  }

  /** Occupies its only processor for `ms`; what happens to it meanwhile waits, and what it sends leaves afterwards. */
  spend(ms: number): void {
    if (ms === 0) return;
    const us = Math.round(ms * 1000);
    this.busyUntilUs = Math.max(this.busyUntilUs, this.#time.nowUs()) + us;
  }

  /** When what it sends now leaves, in ms of virtual time: its kernel sends at once what it sends without its program. */
  sendsAtMs(): number {
    return Math.max(this.#time.nowUs(), this.state === 'running' ? this.busyUntilUs : 0) / 1000;
  }

  /** Ends it at once, as SIGKILL does: its kernel closes what it had open. */
  kill(): void {
    if (this.state === 'dead') return;
    this.state = 'dead';
    this.listeners.clear();
    for (const socket of this.sockets) socket.abandon();
    this.sockets.clear();
    this.#time.forget(this);
  }

  /** Freezes it, as SIGSTOP does: connections are still accepted by its kernel, and nothing is read. */
  freeze(): void {
    if (this.state === 'running') this.state = 'frozen';
  }

  /** Ends a freeze. */
  thaw(): void {
    if (this.state !== 'frozen') return;
    this.state = 'running';
    this.#time.thaw(this);
  }
}
