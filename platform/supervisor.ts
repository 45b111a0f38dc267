import type { Clock } from '../harness/clock.ts';
import type { ReplicaState, StackObserver } from '../harness/cluster/observer.ts';
import type { Replica, ReplicaContainer, ReplicaExit } from '../harness/contracts.ts';
import { SquallError } from '../harness/errors.ts';
import { formatMs } from '../harness/quantity.ts';
import type { RestartPolicy } from '../stack/options.ts';
import { endWithin, type Instance, type Program } from './instance.ts';
import { lastLines } from './log-file.ts';
import { decideRestart, type ExitRecord, NO_EXITS } from './restart-policy.ts';

/** Replica to keep running. */
export interface SupervisedPlan extends Program {
  readonly name: string;
  readonly service: string;
  readonly zone: string;
  /** Base URL. */
  readonly url: string;
  /** See {@link Replica.listeners}. */
  readonly listeners?: Readonly<Record<string, string>> | undefined;
  /** Path of its metrics; undefined without metrics. */
  readonly metricsPath?: string | undefined;
  readonly restart: RestartPolicy;
  /** See {@link Replica.coldStartMs}. @default 0 */
  readonly coldStartMs?: number | undefined;
  /** How long it finishes its work after SIGTERM, in ms. @default 2 s */
  readonly drainMs?: number | undefined;
  /** Whether it stays `stopped` until its first {@link Replica.release}, when scaling up. @default false */
  readonly isStandby?: boolean | undefined;
  /** Sends a readiness probe; bounded in time. @throws the signal's reason on abort */
  isReady(signal: AbortSignal): Promise<boolean>;
}

const READY_POLL_MS = 60;
/** Wait for the next readiness probe as a ratio of the time since the start: a long cold start is not probed thousands of times. */
const READY_POLL_RATIO = 0.01;
const STATE_POLL_MS = 20;
const LOG_LINES = 15;
/** See {@link SupervisedPlan.drainMs}. */
const DRAIN_MS = 2000;
/** From the end of that to SIGKILL, for a replica that ends while the stack runs on. */
const AFTER_DRAIN_MS = 500;
/** Default holder. */
const SCALER = 'scale';

/**
 * Keeps one replica running, always at the same address:
 *
 * ```
 *            spawn          readiness probe passes
 * stopped ─▶ starting ───────────────────────▶ ready
 *    ▲          ▲  └────────── exit ────────┐    │ exit
 *    │          │   after the backoff       ▼    ▼
 *    │          └───────────────────────── exited ──▶ failed (never ready, several consecutive times)
 *    └ terminated while held, or for good
 * ```
 *
 * An instance that hangs is left alone: detecting that is up to the gateway. An exit before the first ready of {@link start} is
 * reported by it, without a restart. A standby replica is released instead of started, and then supervised like any other.
 */
export class Supervisor implements Replica {
  readonly name: string;
  readonly service: string;
  readonly zone: string;
  readonly url: string;
  readonly listeners: Readonly<Record<string, string>> | undefined;
  readonly metricsPath: string | undefined;
  readonly container: ReplicaContainer | undefined;
  readonly coldStartMs: number;
  state: ReplicaState = 'stopped';
  startedAtMs: number | undefined;
  stateAtMs: number | undefined;
  lastExit: ReplicaExit | undefined;
  readonly #plan: SupervisedPlan;
  readonly #observer: StackObserver;
  readonly #clock: Clock;
  #instance: Instance | undefined;
  /** Settles when the current instance is gone and the state reflects that. */
  #over: Promise<void> = Promise.resolve();
  /** Offset of the log of the last instance that ended, in bytes. */
  #endedFromByte = 0;
  #readyAtMs: number | undefined;
  #record: ExitRecord = NO_EXITS;
  #pendingRestart: AbortController | undefined;
  /** From {@link start} to the first ready. */
  #isBroughtUp = false;
  readonly #holders = new Set<string>();
  /** Requested end of the current instance, if any. */
  #ending: 'kill' | 'terminate' | undefined;
  #stopped: Promise<void> | undefined;

  constructor(plan: SupervisedPlan, { observer, clock }: { readonly observer: StackObserver; readonly clock: Clock }) {
    this.name = plan.name;
    this.service = plan.service;
    this.zone = plan.zone;
    this.url = plan.url;
    this.listeners = plan.listeners;
    this.metricsPath = plan.metricsPath;
    this.container = plan.container;
    this.coldStartMs = plan.coldStartMs ?? 0;
    this.#plan = plan;
    this.#observer = observer;
    this.#clock = clock;
    if (plan.isStandby) this.hold();
  }

  get pid(): number | undefined {
    return this.#instance?.pid;
  }

  get instance(): string | undefined {
    return this.#instance?.label;
  }

  /**
   * Starts it for the first time; resolves when it is ready.
   * @throws SquallError `SERVICE_DIED` or `SERVICE_NOT_READY`, with the last log lines; the signal's reason on abort
   */
  async start(limitMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const deadlineMs = this.#clock.nowMs() + limitMs;
    this.#isBroughtUp = true;
    this.#spawn();
    while (this.state !== 'ready') {
      if (this.state !== 'starting') throw this.#failure('SERVICE_DIED', `ended during its start: ${this.#how}`);
      if (this.#clock.nowMs() >= deadlineMs)
        throw this.#failure('SERVICE_NOT_READY', `was not ready within ${formatMs(limitMs)}`);
      await this.#clock.sleep(STATE_POLL_MS, signal);
    }
  }

  async kill(): Promise<void> {
    this.#ending = 'kill';
    this.#instance?.signal('SIGKILL');
    // A frozen process cannot be killed everywhere.
    this.#instance?.resume().catch(() => {});
    await this.#over;
  }

  async terminate(): Promise<void> {
    this.#ending ??= 'terminate';
    const over = this.#over;
    const graceMs = (this.#plan.drainMs ?? DRAIN_MS) + AFTER_DRAIN_MS;
    if (this.#instance) await endWithin(this.#instance, graceMs, this.#clock);
    await over;
    // It was down already, waiting for its restart.
    if (this.#isHeld && this.state === 'exited') this.#enter('stopped', this.#how);
  }

  async pause(): Promise<void> {
    await this.#instance?.pause();
  }

  async resume(): Promise<void> {
    await this.#instance?.resume();
  }

  hold(holder = SCALER): void {
    this.#holders.add(holder);
    this.#pendingRestart?.abort();
  }

  async release(holder = SCALER): Promise<void> {
    this.#holders.delete(holder);
    if (this.#instance && this.#ending) await this.#over;
    if (this.state === 'failed') this.#record = NO_EXITS;
    this.#startNow();
  }

  async ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (this.state === 'failed' || this.#stopped)
        throw this.#failure('SERVICE_DIED', `will not come back, it has ${this.state}: ${this.#how}`);
      if (this.state === 'ready' && (await this.#plan.isReady(signal))) return;
      await this.#clock.sleep(READY_POLL_MS, signal);
    }
  }

  /** Ends it permanently: SIGTERM, and SIGKILL after `graceMs`. Idempotent; takes at most `graceMs` and half a second. */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  async #stop(graceMs: number): Promise<void> {
    this.#pendingRestart?.abort();
    if (this.#instance) await endWithin(this.#instance, graceMs, this.#clock);
    // For an instance that is not gone yet, only the end of the previous one is known.
    if (this.state !== 'stopped') this.#enter('stopped', this.#instance ? undefined : this.#how);
  }

  get #isHeld(): boolean {
    return this.#holders.size > 0;
  }

  get #how(): string {
    return this.lastExit?.how ?? '';
  }

  #startNow(): void {
    this.#pendingRestart?.abort();
    if (this.#stopped || this.#instance || this.#isHeld) return;
    this.#spawn();
  }

  #spawn(): void {
    this.#readyAtMs = undefined;
    this.#ending = undefined;
    this.startedAtMs = this.#clock.nowMs();
    const instance = this.#plan.start();
    this.#instance = instance;
    this.#enter('starting', instance.label);
    const exited = new AbortController();
    void this.#watchReadiness(exited.signal);
    this.#over = instance.gone.then(({ how, isOutOfMemory }) => {
      exited.abort();
      this.#instance = undefined;
      this.#endedFromByte = instance.logFromByte;
      this.lastExit = { atMs: this.#clock.nowMs(), how, isOutOfMemory };
      this.#exited(how);
    });
  }

  /** From the start of an instance until it is ready or gone. */
  async #watchReadiness(signal: AbortSignal): Promise<void> {
    const startMs = this.#clock.nowMs();
    let unreadyMs = startMs;
    try {
      for (;;) {
        const probedMs = this.#clock.nowMs();
        if (await this.#plan.isReady(signal)) break;
        unreadyMs = probedMs;
        await this.#clock.sleep(Math.max(READY_POLL_MS, READY_POLL_RATIO * (this.#clock.nowMs() - startMs)), signal);
      }
    } catch {
      return;
    }
    this.#readyAtMs = this.#clock.nowMs();
    this.#isBroughtUp = false;
    this.#enter('ready', `after ${formatMs(this.#readyAtMs - startMs)}`, this.#readyAtMs - unreadyMs);
  }

  #exited(how: string): void {
    if (this.#stopped) return;
    if (this.#isBroughtUp) {
      this.#enter('exited', how);
      return;
    }
    const nowMs = this.#clock.nowMs();
    const { decision, record } = decideRestart(this.#plan.restart, this.#record, this.#readyAtMs, nowMs);
    this.#record = record;
    if (this.#isHeld && this.#ending === 'terminate') this.#enter('stopped', how);
    else if (this.#isHeld) this.#enter('exited', `${how}; held down`);
    else if (decision.kind === 'stay-down') this.#enter('exited', `${how}; restarting is off`);
    else if (decision.kind === 'give-up')
      this.#enter('failed', `${how}; given up after ${decision.exits} exits without being ready`);
    else {
      this.#enter('exited', `${how}; starts again in ${formatMs(decision.afterMs)}`);
      this.#startAfter(decision.afterMs);
    }
  }

  #startAfter(durationMs: number): void {
    this.#pendingRestart = new AbortController();
    this.#clock.sleep(durationMs, this.#pendingRestart.signal).then(
      () => this.#startNow(),
      () => {},
    );
  }

  #enter(state: ReplicaState, detail?: string, withinMs?: number): void {
    this.state = state;
    this.stateAtMs = this.#clock.nowMs();
    const change = { replica: this.name, service: this.service, state };
    this.#observer.replica({ ...change, ...(detail && { detail }), ...(withinMs !== undefined && { withinMs }) });
  }

  #failure(code: string, what: string): SquallError {
    const fromByte = this.#instance?.logFromByte ?? this.#endedFromByte;
    const lines = lastLines(this.#plan.logPath, fromByte, LOG_LINES);
    const log = lines.length === 0 ? 'Its log is empty.' : `Last log lines:\n${lines.map(l => `  ${l}`).join('\n')}`;
    return new SquallError('stack', code, `${this.name} ${what}. ${log}`, { next: `Read ${this.#plan.logPath}.` });
  }
}
