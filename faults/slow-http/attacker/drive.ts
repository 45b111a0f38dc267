import type { Clock } from '../../../harness/clock.ts';
import type { Script } from '../attack.ts';
import { Connection, type HowEnded } from './connection.ts';
import { readConnectionTable } from './connection-table.ts';
import { type AttackReport, type AttackSample, Tally } from './tally.ts';
import type { AttackTarget } from './target.ts';

/** What a drive needs beside its script. */
export interface DriveOptions {
  readonly target: AttackTarget;
  /** When it ends by itself, in ms after its start. */
  readonly forMs: number;
  readonly clock: Clock;
}

const TICK_MS = 10;
const SCAN_MS = 100;
const SECOND_MS = 1000;
/** Between two looks into the kernel's table, where that is needed, for up to 2,000 connections. */
const KERNEL_MS = 250;
/** Longest wait for a connection to be established. */
const CONNECT_LIMIT_MS = 5000;
/** Openings that this process was too late for are made up for, up to this many ms' worth. */
const CATCH_UP_MS = 1000;

/**
 * Carries a script out over raw sockets: one timer for all connections, turns in buckets of 10 ms.
 *
 * ```
 * tick ─► open what is due ─► turns that are due: read a little, write the step
 *    └ every 100 ms: who waits too long?   └ every second: a line of the timeline
 * ```
 */
export class AttackDrive {
  readonly #script: Script;
  readonly #options: DriveOptions;
  readonly #tally: Tally;
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
    this.#tally = new Tally(script.read === 'all' ? 0 : KERNEL_MS);
    this.#startMs = options.clock.nowMs();
    this.#lastMs = this.#startMs;
    this.#lastTick = bucketOf(this.#startMs);
    this.#nextScanMs = this.#startMs + SCAN_MS;
    this.#nextSecondMs = this.#startMs;
  }

  /** Resolves when its time is over or it was stopped, with every connection closed. */
  async run(): Promise<AttackReport> {
    const timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
    await this.#done.promise;
    clearInterval(timer);
    const atMs = this.#elapsedMs();
    if (this.#script.read !== 'all') this.#askKernel();
    this.#tally.note(atMs);
    for (const connection of this.#open) {
      const { statuses } = connection;
      // What has not been answered yet might still be; what was answered wrongly is.
      const violation = statuses.length > 0 ? this.#judge(connection, 'client') : undefined;
      // A reader that hardly reads has bytes of an answer for all that the server has noticed.
      const isAnswered = this.#script.read === 'all' && connection.completeAnswers > 0;
      this.#tally.said({ statuses, violation, isClosed: false, isAnswered });
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
    const nowMs = this.#options.clock.nowMs();
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
    if (this.#script.read !== 'all' && nowMs >= this.#nextKernelMs) {
      // The whole table is read each time: less often, the longer it is.
      this.#nextKernelMs = nowMs + KERNEL_MS * Math.ceil(this.#open.size / 2000);
      this.#askKernel();
    }
    if (nowMs >= this.#nextSecondMs) {
      this.#nextSecondMs += SECOND_MS;
      this.#tally.note(this.#elapsedMs());
    }
  }

  #openDue(nowMs: number): void {
    const { connections, perSecond, total, sources } = this.#script.opening;
    const { target } = this.#options;
    this.#allowance += ((nowMs - this.#lastMs) * perSecond) / 1000;
    this.#lastMs = nowMs;
    while (this.#allowance >= 1 && this.#open.size < connections && this.#tally.opened < total) {
      this.#allowance -= 1;
      const index = this.#tally.opened;
      this.#tally.opened += 1;
      this.#tally.connecting += 1;
      this.#open.add(new Connection(index, target, sourceOf(target, index % sources), this.#script.read, this.#events));
    }
    // Whoever has all the connections it wants does not save openings up for a burst.
    const most = this.#open.size < connections ? CATCH_UP_MS : TICK_MS;
    this.#allowance = Math.min(this.#allowance, Math.max(1, (perSecond * most) / 1000));
  }

  readonly #events = {
    nowMs: () => this.#options.clock.nowMs(),
    established: () => this.#tally.established(),
    ready: (connection: Connection) => this.#turn(connection),
    received: (connection: Connection) => this.#received(connection),
    ended: (connection: Connection, how: HowEnded) => this.#ended(connection, how),
  };

  #turn(connection: Connection): void {
    if (connection.isOver) return;
    if (this.#script.read !== 'all' && connection.turn > 0) connection.readSome();
    const { write, end, againMs } = this.#script.step(connection.index, connection.turn);
    connection.turn += 1;
    if (write !== undefined) connection.write(write);
    if (end) connection.finishWriting();
    if (againMs === undefined) return;
    const bucket = Math.max(this.#lastTick + 1, bucketOf(this.#options.clock.nowMs() + againMs));
    const due = this.#turns.get(bucket);
    if (due) due.push(connection);
    else this.#turns.set(bucket, [connection]);
  }

  #received(connection: Connection): void {
    for (; connection.counted < connection.completeAnswers; connection.counted += 1)
      this.#answered(connection.statuses[connection.counted]!);
    const { answers, lingerMs = 0 } = this.#script;
    if (answers === null || connection.completeAnswers < answers) return;
    connection.servedMs ??= this.#options.clock.nowMs();
    if (lingerMs === 0) connection.close();
  }

  #scan(nowMs: number): void {
    const { silenceMs = Number.POSITIVE_INFINITY, lingerMs = 0, answers } = this.#script;
    for (const connection of this.#open) {
      const { establishedMs, servedMs } = connection;
      if (establishedMs === undefined) {
        if (nowMs - connection.createdMs > CONNECT_LIMIT_MS) connection.close('never');
      } else if (servedMs !== undefined) {
        if (nowMs - servedMs > lingerMs) connection.close();
      } else if (answers !== null && nowMs - establishedMs > silenceMs) connection.close();
    }
  }

  /** Those who do not read learn from the kernel that the server has ended their connection. */
  #askKernel(): void {
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
    if (establishedMs === undefined) this.#tally.connecting -= 1;
    else this.#tally.held -= 1;
    // What is cut because the attack is over says nothing about the server.
    if (this.#isStopped) return;
    const { answers } = this.#script;
    // A body without a length is complete when its connection ends.
    const isServed = answers !== null && statuses.length >= answers;
    const isEndless = isServed && how === 'fin' && connection.counted < answers;
    if (isEndless) this.#answered(statuses[0]!);
    const heldMs = establishedMs === undefined ? 0 : this.#options.clock.nowMs() - establishedMs;
    const violation = how === 'never' || how === 'exhausted' ? undefined : this.#judge(connection, how);
    this.#tally.ended({ how, heldMs, statuses, isServed, violation });
  }

  #judge({ index, statuses }: Connection, how: HowEnded): string | undefined {
    const by = how !== 'client' ? 'server' : statuses.length > 0 ? 'client' : 'silence';
    return this.#script.judge?.(index, { statuses, by });
  }

  #answered(status: number): void {
    this.#tally.answered += 1;
    if (status < 400) this.#tally.served += 1;
  }

  #elapsedMs(): number {
    return this.#options.clock.nowMs() - this.#startMs;
  }
}

function bucketOf(atMs: number): number {
  return Math.ceil(atMs / TICK_MS);
}

/** 127.0.0.2, 127.0.0.3, … so that the attacker is nobody else; only Linux has all of 127.0.0.0/8 without being asked. */
function sourceOf({ address }: AttackTarget, source: number): string | undefined {
  return process.platform === 'linux' && address.startsWith('127.') ? `127.0.0.${2 + source}` : undefined;
}
