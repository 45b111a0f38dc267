import { every } from '../../../harness/clock.ts';
import type { Machine } from '../../../harness/host/network.ts';
import type { Script } from '../attack.ts';
import { Connection, type HowEnded } from './connection.ts';
import { readConnectionTable } from './connection-table.ts';
import { type AttackReport, type AttackSample, Tally } from './tally.ts';
import type { AttackTarget } from './target.ts';

interface DriveOptions {
  readonly target: AttackTarget;
  /** Duration after which it ends by itself, in ms. */
  readonly forMs: number;
  readonly machine: Machine;
}

const TICK_MS = 10;
const SCAN_MS = 100;
const SECOND_MS = 1000;
/** Interval between two reads of the kernel's connection table for up to 2,000 connections. */
const KERNEL_MS = 250;
/** Maximum wait for a connection to be established. */
const CONNECT_LIMIT_MS = 5000;
/** Late openings are made up for, up to this many ms' worth. */
const CATCH_UP_MS = 1000;

/**
 * Executes a script over raw sockets: one timer for all connections, turns in buckets of 10 ms.
 *
 * ```
 * tick ─► due openings ─► due turns: read a little, write the step
 *    └ every 100 ms: timeouts   └ every second: a sample for the timeline
 * ```
 */
export class AttackDrive {
  readonly #script: Script;
  readonly #options: DriveOptions;
  readonly #clock: Machine['clock'];
  readonly #tally: Tally;
  readonly #context: ConstructorParameters<typeof Connection>[4];
  readonly #open = new Set<Connection>();
  readonly #turns = new Map<number, Connection[]>();
  readonly #done = Promise.withResolvers<void>();
  readonly #startMs: number;
  #lastTick: number;
  #lastMs: number;
  #allowance = 1;
  #nextScanMs: number;
  #nextSecondMs: number;
  #nextKernelMs = 0;
  #isStopped = false;

  constructor(script: Script, options: DriveOptions) {
    this.#script = script;
    this.#options = options;
    this.#tally = new Tally(script.readBytes === undefined ? 0 : KERNEL_MS);
    this.#clock = options.machine.clock;
    this.#context = {
      network: options.machine.network,
      nowMs: () => this.#clock.nowMs(),
      established: () => this.#tally.established(),
      ready: connection => this.#turn(connection),
      received: connection => this.#received(connection),
      ended: (connection, how) => this.#ended(connection, how),
    };
    this.#startMs = this.#clock.nowMs();
    this.#lastMs = this.#startMs;
    this.#lastTick = bucketOf(this.#startMs);
    this.#nextScanMs = this.#startMs + SCAN_MS;
    this.#nextSecondMs = this.#startMs;
  }

  /** Resolves after its duration or {@link stop}, with every connection closed. */
  async run(): Promise<AttackReport> {
    const end = every(this.#clock, TICK_MS, () => this.#tick());
    this.#tick();
    await this.#done.promise;
    end();
    const atMs = this.#elapsedMs();
    if (this.#script.readBytes !== undefined) this.#checkKernel();
    this.#tally.record(atMs);
    for (const connection of this.#open) {
      const { statuses } = connection;
      // A request without a response might still get one; a wrong response is final.
      const violation = statuses.length > 0 ? this.#judge(connection, 'client') : undefined;
      // To a slow reader the server may have sent a response without noticing anything.
      const isComplete = this.#script.readBytes === undefined && connection.completeResponses > 0;
      this.#tally.responded(statuses, violation, { isClosed: false, isComplete });
    }
    const report = this.#tally.report(atMs);
    for (const connection of [...this.#open]) connection.close();
    return report;
  }

  sample(): AttackSample {
    return this.#tally.sample(this.#elapsedMs());
  }

  stop(): void {
    this.#isStopped = true;
    this.#done.resolve();
  }

  #tick(): void {
    const nowMs = this.#clock.nowMs();
    if (this.#elapsedMs() >= this.#options.forMs) this.stop();
    if (this.#isStopped) return;
    this.#openDue(nowMs);
    for (const current = bucketOf(nowMs); this.#lastTick < current; ) {
      this.#lastTick += 1;
      const due = this.#turns.get(this.#lastTick);
      this.#turns.delete(this.#lastTick);
      for (const connection of due ?? []) this.#turn(connection);
    }
    if (nowMs >= this.#nextScanMs) {
      this.#nextScanMs = nowMs + SCAN_MS;
      this.#scan(nowMs);
    }
    if (this.#script.readBytes !== undefined && nowMs >= this.#nextKernelMs) {
      // Each check reads the whole table, so the interval grows with its length.
      this.#nextKernelMs = nowMs + KERNEL_MS * Math.ceil(this.#open.size / 2000);
      this.#checkKernel();
    }
    if (nowMs >= this.#nextSecondMs) {
      this.#nextSecondMs += SECOND_MS;
      this.#tally.record(this.#elapsedMs());
    }
  }

  #openDue(nowMs: number): void {
    const { readBytes, opening } = this.#script;
    const { connections, perSecond, sources, reopen = true } = opening;
    const { target } = this.#options;
    const { counts } = this.#tally;
    const total = reopen ? Number.POSITIVE_INFINITY : connections;
    this.#allowance += ((nowMs - this.#lastMs) * perSecond) / 1000;
    this.#lastMs = nowMs;
    while (this.#allowance >= 1 && this.#open.size < connections && counts.opened < total) {
      this.#allowance -= 1;
      const index = counts.opened;
      counts.opened += 1;
      counts.connecting += 1;
      this.#open.add(new Connection(index, target, sourceOf(target, index % sources), readBytes, this.#context));
    }
    // Openings do not accumulate for a burst while all connections are open.
    const maxMs = this.#open.size < connections ? CATCH_UP_MS : TICK_MS;
    this.#allowance = Math.min(this.#allowance, Math.max(1, (perSecond * maxMs) / 1000));
  }

  #turn(connection: Connection): void {
    if (connection.isOver) return;
    if (this.#script.readBytes !== undefined && connection.turn > 0) connection.readSome();
    const { write, end, intervalMs } = this.#script.step(connection.index, connection.turn);
    connection.turn += 1;
    if (write !== undefined) connection.write(write);
    if (end) connection.finishWriting();
    if (intervalMs === undefined) return;
    const bucket = Math.max(this.#lastTick + 1, bucketOf(this.#clock.nowMs() + intervalMs));
    const due = this.#turns.get(bucket);
    if (due) due.push(connection);
    else this.#turns.set(bucket, [connection]);
  }

  #received(connection: Connection): void {
    for (; connection.counted < connection.completeResponses; connection.counted += 1)
      this.#count(connection.statuses[connection.counted]!);
    const { responses, lingerMs = 0 } = this.#script;
    if (responses === undefined || connection.completeResponses < responses) return;
    connection.servedMs ??= this.#clock.nowMs();
    if (lingerMs === 0) connection.close();
  }

  #scan(nowMs: number): void {
    const { timeoutMs = Number.POSITIVE_INFINITY, lingerMs = 0, responses } = this.#script;
    for (const connection of this.#open) {
      const { establishedMs, servedMs } = connection;
      if (establishedMs === undefined) {
        if (nowMs - connection.createdMs > CONNECT_LIMIT_MS) connection.close('not-established');
      } else if (servedMs !== undefined) {
        if (nowMs - servedMs > lingerMs) connection.close();
      } else if (responses !== undefined && nowMs - establishedMs > timeoutMs) connection.close();
    }
  }

  /** Closes connections that the server closed, which only the kernel knows of those that are not read. */
  #checkKernel(): void {
    const look = readConnectionTable(this.#options.target.port);
    if (!look) return;
    for (const connection of this.#open) {
      const local = connection.establishedMs === undefined ? undefined : connection.localAddress();
      const state = local && look(...local);
      if (state === 'fin') connection.close('fin');
      if (state === 'gone') connection.close('reset');
    }
  }

  #ended(connection: Connection, how: HowEnded): void {
    this.#open.delete(connection);
    const { establishedMs, statuses } = connection;
    if (establishedMs === undefined) this.#tally.counts.connecting -= 1;
    else this.#tally.counts.open -= 1;
    // Connections closed because the attack is over say nothing about the server.
    if (this.#isStopped) return;
    const { responses } = this.#script;
    // A body without a length is complete when its connection ends.
    const isServed = responses !== undefined && statuses.length >= responses;
    if (isServed && how === 'fin' && connection.counted < responses) this.#count(statuses[0]!);
    const openMs = establishedMs === undefined ? 0 : this.#clock.nowMs() - establishedMs;
    const violation = how === 'not-established' || how === 'exhausted' ? undefined : this.#judge(connection, how);
    this.#tally.ended({ how, openMs, statuses, isServed, violation });
  }

  #judge({ index, statuses }: Connection, how: HowEnded): string | undefined {
    const by = how !== 'client' ? 'server' : statuses.length > 0 ? 'client' : 'timeout';
    return this.#script.judge?.(index, { statuses, by });
  }

  #count(status: number): void {
    this.#tally.counts.responses += 1;
    if (status < 400) this.#tally.counts.served += 1;
  }

  #elapsedMs(): number {
    return this.#clock.nowMs() - this.#startMs;
  }
}

function bucketOf(atMs: number): number {
  return Math.ceil(atMs / TICK_MS);
}

/** 127.0.0.2, 127.0.0.3, … to tell the attacker from other clients; only Linux has all of 127.0.0.0/8 without configuration. */
function sourceOf({ address }: AttackTarget, source: number): string | undefined {
  return process.platform === 'linux' && address.startsWith('127.') ? `127.0.0.${2 + source}` : undefined;
}
