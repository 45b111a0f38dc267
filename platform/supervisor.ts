import type { Clock } from '../harness/clock.ts';
import type { Replica, ReplicaContainer, ReplicaExit, ReplicaState, StackObserver } from '../harness/contracts.ts';
import { SquallError } from '../harness/errors.ts';
import { formatMs } from '../harness/quantity.ts';
import type { RestartPolicy } from '../stack/options.ts';
import type { Program } from './instance.ts';
import { endWithin, type Instance } from './instance.ts';
import { lastLines } from './log-file.ts';
import { decideRestart, type ExitRecord, NO_EXITS } from './restart-policy.ts';

/** One replica to be kept running. */
export interface SupervisedPlan extends Program {
  readonly name: string;
  readonly service: string;
  readonly zone: string;
  /** Its base URL. */
  readonly url: string;
  /** Where it tells its metrics; undefined where it tells none. */
  readonly metricsPath?: string | undefined;
  readonly restart: RestartPolicy;
  /** Whether it stays `stopped` until its first {@link Replica.release}, as one does that is there to be scaled up to. @default false */
  readonly isStandby?: boolean | undefined;
  /**
   * Whether it answers ready now; bounded in time.
   * @throws the signal's reason on abort
   */
  isReady(signal: AbortSignal): Promise<boolean>;
}

/** What a supervisor needs from its platform. */
export interface SupervisorParts {
  readonly observer: StackObserver;
  readonly clock: Clock;
}

const READY_POLL_MS = 60;
const STATE_POLL_MS = 20;
const LOG_LINES = 15;
/** From SIGTERM to SIGKILL for a replica that is to end while the stack goes on; services finish what they began for 2 s. */
const TERMINATE_GRACE_MS = 2500;
/** Who scales. */
const SCALER = 'scale';

/**
 * Keeps one replica running, always at the same address, whatever an instance of it is made of:
 *
 * ```
 *            spawn          ready path answers
 * stopped ─▶ starting ───────────────────────▶ ready
 *    ▲          ▲  └────────── exit ────────┐    │ exit
 *    │          │   after the backoff       ▼    ▼
 *    │          └───────────────────────── exited ──▶ failed (never ready, several times in a row)
 *    └ terminated while held, or for good
 * ```
 *
 * An instance that hangs without ending is left alone: to find out that it hangs is the gateway's part. An exit before
 * the first ready of {@link start} is not restarted but reported by it. One in standby is not started but released; whatever
 * happens to it then is the supervisor's business.
 */
export class Supervisor implements Replica {
  readonly name: string;
  readonly service: string;
  readonly zone: string;
  readonly url: string;
  readonly metricsPath: string | undefined;
  readonly container: ReplicaContainer | undefined;
  readonly #plan: SupervisedPlan;
  readonly #parts: SupervisorParts;
  #state: ReplicaState = 'stopped';
  #instance: Instance | undefined;
  /** Settles when the current instance is gone and the state says so. */
  #over: Promise<void> = Promise.resolve();
  #lastExit: ReplicaExit | undefined;
  /** Where the log of the last instance that ended begins, in bytes. */
  #endedFromByte = 0;
  #readyAtMs: number | undefined;
  #record: ExitRecord = NO_EXITS;
  #pendingRestart: AbortController | undefined;
  /** From {@link start} to the first ready. */
  #isBroughtUp = false;
  readonly #holders = new Set<string>();
  /** Why the current instance is about to end, if it has been told to. */
  #ending: 'kill' | 'terminate' | undefined;
  #stopped: Promise<void> | undefined;

  constructor(plan: SupervisedPlan, parts: SupervisorParts) {
    this.name = plan.name;
    this.service = plan.service;
    this.zone = plan.zone;
    this.url = plan.url;
    this.metricsPath = plan.metricsPath;
    this.container = plan.container;
    this.#plan = plan;
    this.#parts = parts;
    if (plan.isStandby) this.hold();
  }

  get pid(): number | undefined {
    return this.#instance?.pid;
  }

  get instance(): string | undefined {
    return this.#instance?.label;
  }

  get state(): ReplicaState {
    return this.#state;
  }

  get lastExit(): ReplicaExit | undefined {
    return this.#lastExit;
  }

  /**
   * Starts it for the first time and resolves when it is ready.
   * @throws SquallError `SERVICE_DIED` or `SERVICE_NOT_READY`, with the last lines of its log; the signal's reason on abort
   */
  async start(limitMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const deadlineMs = this.#parts.clock.nowMs() + limitMs;
    this.#isBroughtUp = true;
    this.#spawn();
    while (this.#state !== 'ready') {
      if (this.#state !== 'starting') throw this.#trouble('SERVICE_DIED', `ended during its start: ${this.#how}`);
      if (this.#parts.clock.nowMs() >= deadlineMs)
        throw this.#trouble('SERVICE_NOT_READY', `was not ready within ${formatMs(limitMs)}`);
      await this.#parts.clock.sleep(STATE_POLL_MS, signal);
    }
  }

  async kill(): Promise<void> {
    this.#ending = 'kill';
    this.#instance?.signal('SIGKILL');
    // Where a frozen process cannot be killed, this lets it go.
    this.#instance?.resume().catch(() => {});
    await this.#over;
  }

  async terminate(): Promise<void> {
    this.#ending ??= 'terminate';
    const over = this.#over;
    await this.#end(TERMINATE_GRACE_MS);
    await over;
    // One that was down already, waiting to be restarted.
    if (this.#isHeld && this.#state === 'exited') this.#enter('stopped', this.#how);
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
    if (this.#state === 'failed') this.#record = NO_EXITS;
    this.#startNow();
  }

  async ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#state === 'failed' || this.#stopped)
        throw this.#trouble('SERVICE_DIED', `will not come back, it has ${this.#state}: ${this.#how}`);
      if (this.#state === 'ready' && (await this.#answers(signal))) return;
      await this.#parts.clock.sleep(READY_POLL_MS, signal);
    }
  }

  /** Ends it for good: SIGTERM, and SIGKILL after `graceMs`. Idempotent; bounded by `graceMs` and half a second. */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  async #stop(graceMs: number): Promise<void> {
    this.#pendingRestart?.abort();
    await this.#end(graceMs);
    // Of one that is not yet seen to be gone it is not known how it ends, only how the one before it did.
    if (this.#state !== 'stopped') this.#enter('stopped', this.#instance ? undefined : this.#how);
  }

  async #end(graceMs: number): Promise<void> {
    if (this.#instance) await endWithin(this.#instance, graceMs, this.#parts.clock);
  }

  get #isHeld(): boolean {
    return this.#holders.size > 0;
  }

  get #how(): string {
    return this.#lastExit?.how ?? '';
  }

  #startNow(): void {
    this.#pendingRestart?.abort();
    if (this.#stopped || this.#instance || this.#isHeld) return;
    this.#spawn();
  }

  #spawn(): void {
    this.#readyAtMs = undefined;
    this.#ending = undefined;
    const instance = this.#plan.start();
    this.#instance = instance;
    this.#enter('starting', instance.label);
    const life = new AbortController();
    void this.#watchReadiness(life.signal);
    this.#over = instance.gone.then(({ how, isOutOfMemory }) => {
      life.abort();
      this.#instance = undefined;
      this.#endedFromByte = instance.logFromByte;
      this.#lastExit = { atMs: this.#parts.clock.nowMs(), how, isOutOfMemory };
      this.#exited(how);
    });
  }

  /** From the start of an instance until it is ready or gone. */
  async #watchReadiness(signal: AbortSignal): Promise<void> {
    const startMs = this.#parts.clock.nowMs();
    try {
      while (!(await this.#answers(signal))) await this.#parts.clock.sleep(READY_POLL_MS, signal);
    } catch {
      return;
    }
    this.#readyAtMs = this.#parts.clock.nowMs();
    this.#isBroughtUp = false;
    this.#enter('ready', `after ${formatMs(this.#readyAtMs - startMs)}`);
  }

  #answers(signal: AbortSignal): Promise<boolean> {
    return this.#plan.isReady(signal);
  }

  #exited(how: string): void {
    if (this.#stopped) return;
    if (this.#isBroughtUp) {
      this.#enter('exited', how);
      return;
    }
    const nowMs = this.#parts.clock.nowMs();
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
    const pending = new AbortController();
    this.#pendingRestart = pending;
    this.#parts.clock.sleep(durationMs, pending.signal).then(
      () => this.#startNow(),
      () => {},
    );
  }

  #enter(state: ReplicaState, detail?: string): void {
    this.#state = state;
    const change = { replica: this.name, service: this.service, state };
    this.#parts.observer.replica(detail ? { ...change, detail } : change);
  }

  #trouble(code: string, what: string): SquallError {
    const fromByte = this.#instance?.logFromByte ?? this.#endedFromByte;
    const lines = lastLines(this.#plan.logPath, fromByte, LOG_LINES);
    const said = lines.length === 0 ? 'It wrote nothing.' : `Its last lines:\n${lines.map(l => `  ${l}`).join('\n')}`;
    return new SquallError('stack', code, `${this.name} ${what}. ${said}`, { next: `Read ${this.#plan.logPath}.` });
  }
}
