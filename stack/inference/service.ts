import type { Clock } from '../../harness/clock.ts';
import type { InferenceConfig } from './config.ts';
import { Engine, type Step } from './engine/engine.ts';
import { EngineLoop } from './engine/engine-loop.ts';
import { Gpu } from './engine/gpu.ts';
import { profiles } from './engine/profiles.ts';
import { Metrics, type RequestTimes } from './metrics.ts';

/** A request to the service, and where its tokens go. */
export interface Job {
  readonly promptTokens: number;
  readonly maxTokens: number;
  /** How the answer ends: cut at the length asked for, or by itself. */
  readonly finishReason: 'stop' | 'length';
  /** Called when the token exists; must not throw. */
  readonly onToken: (index: number, last: boolean) => void;
}

/** A request in the engine. */
export interface Ticket {
  /** Frees its slot and KV at once; nothing happens when it has ended. */
  cancel(): void;
  /** How it went so far. */
  times(): RequestTimes;
}

/** Whether a job was accepted. */
export type Acceptance =
  | { readonly kind: 'accepted'; readonly ticket: Ticket }
  | { readonly kind: 'rejected'; readonly reason: string };

interface Active {
  readonly job: Job;
  readonly arrivedMs: number;
  admittedMs?: number;
  firstTokenMs?: number;
  lastTokenMs?: number;
  endedMs?: number;
  outputTokens: number;
  done: boolean;
}

/** One replica: an engine, its time, its GPU and its metrics. Knows nothing of HTTP. */
export class InferenceService {
  readonly metrics: Metrics;
  readonly #config: InferenceConfig;
  readonly #clock: Clock;
  readonly #engine: Engine;
  readonly #loop: EngineLoop;
  readonly #gpu: Gpu;
  readonly #active = new Map<string, Active>();
  readonly #startedMs: number;
  #submitted = 0;
  #ready = false;

  constructor(config: InferenceConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
    this.#startedMs = clock.nowMs();
    this.#engine = new Engine({ ...config, cost: profiles[config.profile].step });
    this.#gpu = new Gpu(profiles[config.profile], this.#startedMs);
    this.#loop = new EngineLoop(this.#engine, clock, {
      started: step => this.#stepStarted(step),
      ended: step => this.#stepEnded(step),
    });
    this.metrics = new Metrics(
      config,
      this.#engine,
      this.#gpu,
      () => this.#loadedShare(),
      () => clock.nowMs(),
    );
  }

  /** Whether the model is loaded. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Requests that wait or run. */
  get activeCount(): number {
    return this.#active.size;
  }

  /** Loads the model, calls `onReady`, then runs the engine until `signal` aborts. */
  async run(signal: AbortSignal, onReady: () => void): Promise<void> {
    try {
      await this.#clock.sleep(this.#loadMs(), signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    this.#ready = true;
    onReady();
    await this.#loop.run(signal);
  }

  submit(job: Job): Acceptance {
    const id = String(this.#submitted);
    this.#submitted += 1;
    const submission = this.#engine.submit({ id, promptTokens: job.promptTokens, maxTokens: job.maxTokens });
    if (submission.kind === 'rejected') return submission;
    const active: Active = { job, arrivedMs: this.#clock.nowMs(), outputTokens: 0, done: false };
    this.#active.set(id, active);
    this.#loop.wake();
    return {
      kind: 'accepted',
      ticket: { cancel: () => this.#cancel(id), times: () => this.#times(active) },
    };
  }

  #cancel(id: string): void {
    const active = this.#active.get(id);
    if (!active) return;
    this.#engine.cancel(id);
    this.#end(id, active);
  }

  #stepStarted(step: Step): void {
    this.#gpu.started(step);
    this.metrics.stepStarted(step);
    for (const id of step.admitted) {
      const active = this.#active.get(id);
      if (active) active.admittedMs ??= Math.max(active.arrivedMs, step.startMs);
    }
  }

  #stepEnded(step: Step): void {
    const nowMs = this.#clock.nowMs();
    for (const { id, index, last } of step.tokens) {
      const active = this.#active.get(id);
      if (!active) continue;
      if (active.lastTokenMs === undefined) {
        active.firstTokenMs = nowMs;
        this.metrics.firstToken(nowMs - active.arrivedMs, active.job.promptTokens);
      } else this.metrics.nextToken(nowMs - active.lastTokenMs);
      active.lastTokenMs = nowMs;
      active.outputTokens = index + 1;
      active.done = last;
      if (last) this.#end(id, active);
      active.job.onToken(index, last);
    }
  }

  #end(id: string, active: Active): void {
    this.#active.delete(id);
    active.endedMs = this.#clock.nowMs();
    this.metrics.ended(this.#times(active));
  }

  #times({ job, arrivedMs, admittedMs, firstTokenMs, lastTokenMs, endedMs, outputTokens, done }: Active): RequestTimes {
    return {
      promptTokens: job.promptTokens,
      outputTokens,
      finishedReason: done ? job.finishReason : 'abort',
      queueMs: admittedMs === undefined ? undefined : admittedMs - arrivedMs,
      ttftMs: firstTokenMs === undefined ? undefined : firstTokenMs - arrivedMs,
      decodeMs: lastTokenMs === undefined ? undefined : lastTokenMs - firstTokenMs!,
      endToEndMs: (endedMs ?? this.#clock.nowMs()) - arrivedMs,
    };
  }

  #loadMs(): number {
    return profiles[this.#config.profile].modelLoadMs / this.#config.timeScale;
  }

  #loadedShare(): number {
    return this.#ready ? 1 : Math.min(1, (this.#clock.nowMs() - this.#startedMs) / this.#loadMs());
  }
}
