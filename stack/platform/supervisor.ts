import type { Clock } from '../../harness/clock.ts';
import type { Replica, ReplicaState, StackObserver } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import { formatMs } from '../../harness/quantity.ts';
import type { RestartPolicy } from '../options.ts';
import type { Instance } from './instance.ts';
import { lastLines } from './log-file.ts';
import { decideRestart, type ExitRecord, NO_EXITS } from './restart-policy.ts';

/** One replica to be kept running. */
export interface SupervisedPlan {
  readonly name: string;
  readonly service: string;
  readonly zone: string;
  /** Its base URL. */
  readonly url: string;
  /** Where it tells its metrics; undefined where it tells none. */
  readonly metricsPath?: string | undefined;
  /** Where its instances write. */
  readonly logPath: string;
  readonly restart: RestartPolicy;
  /** Starts the next instance, after the one before is gone. What goes wrong is how the instance ends; nothing is thrown. */
  start(): Instance;
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
/** Time for a killed group to be gone, after which stopping no longer waits. */
const KILL_LIMIT_MS = 500;

/**
 * Keeps one replica running, always at the same address, whatever an instance of it is made of:
 *
 * ```
 *            spawn          ready path answers
 * stopped ─▶ starting ───────────────────────▶ ready
 *               ▲  └────────── exit ────────┐    │ exit
 *               │   after the backoff       ▼    ▼
 *               └───────────────────────── exited ──▶ failed (never ready, several times in a row)
 * ```
 *
 * An instance that hangs without ending is left alone: to find out that it hangs is the gateway's part. An exit before
 * the first ready is not restarted: {@link start} reports it.
 */
export class Supervisor implements Replica {
  readonly name: string;
  readonly service: string;
  readonly zone: string;
  readonly url: string;
  readonly metricsPath: string | undefined;
  readonly #plan: SupervisedPlan;
  readonly #parts: SupervisorParts;
  #state: ReplicaState = 'stopped';
  #instance: Instance | undefined;
  /** Settles when the current instance is gone and the state says so. */
  #over: Promise<void> = Promise.resolve();
  #ended = { how: '', logFromByte: 0 };
  #readyAtMs: number | undefined;
  #record: ExitRecord = NO_EXITS;
  #pendingRestart: AbortController | undefined;
  #wasEverReady = false;
  #isHeld = false;
  #isBeingKilled = false;
  #stopped: Promise<void> | undefined;

  constructor(plan: SupervisedPlan, parts: SupervisorParts) {
    this.name = plan.name;
    this.service = plan.service;
    this.zone = plan.zone;
    this.url = plan.url;
    this.metricsPath = plan.metricsPath;
    this.#plan = plan;
    this.#parts = parts;
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

  /**
   * Starts it for the first time and resolves when it is ready.
   * @throws SquallError `SERVICE_DIED` or `SERVICE_NOT_READY`, with the last lines of its log; the signal's reason on abort
   */
  async start(limitMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const deadlineMs = this.#parts.clock.nowMs() + limitMs;
    this.#spawn();
    while (this.#state !== 'ready') {
      if (this.#state !== 'starting') throw this.#trouble('SERVICE_DIED', `ended during its start: ${this.#ended.how}`);
      if (this.#parts.clock.nowMs() >= deadlineMs)
        throw this.#trouble('SERVICE_NOT_READY', `was not ready within ${formatMs(limitMs)}`);
      await this.#parts.clock.sleep(STATE_POLL_MS, signal);
    }
  }

  async kill(): Promise<void> {
    if (this.#instance) {
      this.#isBeingKilled = true;
      this.#instance.signal('SIGKILL');
    }
    await this.#over;
  }

  hold(): void {
    this.#isHeld = true;
    this.#pendingRestart?.abort();
  }

  async release(): Promise<void> {
    this.#isHeld = false;
    if (this.#isBeingKilled) await this.#over;
    this.#startNow();
  }

  async ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#state === 'failed' || this.#state === 'stopped')
        throw this.#trouble('SERVICE_DIED', `will not come back, it has ${this.#state}: ${this.#ended.how}`);
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
    const instance = this.#instance;
    if (instance) {
      // A process that is paused gets no SIGTERM until it continues.
      for (const signal of ['SIGTERM', 'SIGCONT'] as const) instance.signal(signal);
      await this.#goneWithin(graceMs);
      instance.signal('SIGKILL');
      await this.#goneWithin(KILL_LIMIT_MS);
    }
    if (this.#state !== 'stopped') this.#enter('stopped', this.#ended.how);
  }

  async #goneWithin(limitMs: number): Promise<void> {
    const done = new AbortController();
    const limit = this.#parts.clock.sleep(limitMs, done.signal).catch(() => {});
    await Promise.race([this.#over, limit]);
    done.abort();
  }

  #startNow(): void {
    this.#pendingRestart?.abort();
    if (this.#stopped || this.#instance || this.#isHeld || this.#state === 'failed') return;
    this.#spawn();
  }

  #spawn(): void {
    this.#readyAtMs = undefined;
    const instance = this.#plan.start();
    this.#instance = instance;
    this.#enter('starting', instance.label);
    const life = new AbortController();
    void this.#watchReadiness(life.signal);
    this.#over = instance.gone.then(how => {
      life.abort();
      this.#instance = undefined;
      this.#isBeingKilled = false;
      this.#ended = { how, logFromByte: instance.logFromByte };
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
    this.#wasEverReady = true;
    this.#enter('ready', `after ${formatMs(this.#readyAtMs - startMs)}`);
  }

  #answers(signal: AbortSignal): Promise<boolean> {
    return this.#plan.isReady(signal);
  }

  #exited(how: string): void {
    if (this.#stopped) return;
    if (!this.#wasEverReady) {
      this.#enter('exited', how);
      return;
    }
    const nowMs = this.#parts.clock.nowMs();
    const { decision, record } = decideRestart(this.#plan.restart, this.#record, this.#readyAtMs, nowMs);
    this.#record = record;
    if (this.#isHeld) this.#enter('exited', `${how}; held down`);
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
    const fromByte = this.#instance?.logFromByte ?? this.#ended.logFromByte;
    const lines = lastLines(this.#plan.logPath, fromByte, LOG_LINES);
    const said = lines.length === 0 ? 'It wrote nothing.' : `Its last lines:\n${lines.map(l => `  ${l}`).join('\n')}`;
    return new SquallError('stack', code, `${this.name} ${what}. ${said}`, { next: `Read ${this.#plan.logPath}.` });
  }
}
