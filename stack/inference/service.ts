import type { Clock } from '../../harness/clock.ts';
import type { InferenceConfig } from './config.ts';
import { Engine, type Step } from './engine/engine.ts';
import { Gpu } from './engine/gpu.ts';
import { profiles, slowedDown } from './engine/profiles.ts';
import { Metrics, type RequestTimes } from './metrics.ts';

/** Request to the service. */
interface InferenceRequest {
  readonly promptTokens: number;
  /** Hashes of the full blocks of the prompt, for the prefix cache; absent without one. */
  readonly blocks?: readonly number[];
  readonly maxTokens: number;
  /** How the output ends: at the requested length, or by itself. */
  readonly finishReason: 'stop' | 'length';
  /** Called for every token; must not throw. */
  readonly onToken: (index: number, last: boolean) => void;
}

/** Handle of a submitted request. */
export interface RequestHandle {
  /** Cancels the request and frees its slot and KV at once. No effect once it has ended. */
  cancel(): void;
  /** Outcome and timings so far. */
  times(): RequestTimes;
}

/** Result of {@link InferenceService.submit}. */
type SubmitResult =
  | { readonly kind: 'accepted'; readonly handle: RequestHandle }
  | { readonly kind: 'rejected'; readonly reason: string };

interface Active {
  readonly request: InferenceRequest;
  readonly arrivedMs: number;
  admittedMs?: number;
  firstTokenMs?: number;
  lastTokenMs?: number;
  endedMs?: number;
  outputTokens: number;
  done: boolean;
}

/** Maximum lag behind schedule that is caught up, in ms. Beyond it, the schedule restarts from the current time. */
const MAX_LAG_MS = 100;

/** Inference service of one replica: engine, GPU and metrics, independent of HTTP. */
export class InferenceService {
  readonly metrics: Metrics;
  readonly #config: InferenceConfig;
  readonly #clock: Clock;
  readonly #engine: Engine;
  readonly #gpu: Gpu;
  readonly #active = new Map<string, Active>();
  readonly #startedMs: number;
  #submitted = 0;
  #isStalled = false;
  #ready = false;
  /** Starts the next step of an idle engine. */
  #wake: () => void = () => {};

  constructor(config: InferenceConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
    this.#startedMs = clock.nowMs();
    this.#engine = new Engine({ ...config, cost: slowedDown(profiles[config.profile].step, config.slowdown) });
    this.#gpu = new Gpu(profiles[config.profile], this.#startedMs);
    const loadedRatio = () => this.#loadedRatio();
    this.metrics = new Metrics({
      config,
      engine: this.#engine,
      gpu: this.#gpu,
      loadedRatio,
      nowMs: () => clock.nowMs(),
    });
  }

  /** Whether the model is loaded. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Number of waiting and running requests. */
  get activeCount(): number {
    return this.#active.size;
  }

  /** Loads the model, calls `onReady`, then runs the engine until `signal` aborts. */
  async run(signal: AbortSignal, onReady: () => void): Promise<void> {
    if (!(await this.#waitUntil(this.#clock.nowMs() + this.#loadMs(), signal))) return;
    this.#ready = true;
    onReady();
    await this.#runEngine(signal);
  }

  /** Stops the engine after the step that it computes, or lets it go on: requests are accepted all the same. */
  stall(isStalled: boolean): void {
    this.#isStalled = isStalled;
    this.#wake();
  }

  submit(request: InferenceRequest): SubmitResult {
    const id = String(this.#submitted);
    this.#submitted += 1;
    const { promptTokens, maxTokens, blocks } = request;
    const submission = this.#engine.submit({ id, promptTokens, maxTokens, ...(blocks && { blocks }) });
    if (submission.kind === 'rejected') return submission;
    const active: Active = { request, arrivedMs: this.#clock.nowMs(), outputTokens: 0, done: false };
    this.#active.set(id, active);
    this.#wake();
    return { kind: 'accepted', handle: { cancel: () => this.#cancel(id), times: () => this.#times(active) } };
  }

  #cancel(id: string): void {
    const active = this.#active.get(id);
    if (!active) return;
    this.#engine.cancel(id);
    this.#end(id, active);
  }

  /**
   * Runs the engine until `signal` aborts. There is one timer, however many requests there are. Each step is due at the previous
   * due time plus its duration, so a timer that fires late delays one token but not the following ones.
   *
   * ```
   * due:    0────4.6────9.2────13.8        fired: 0─────5.1───9.3────14.0        lag over 100 ms: restart from now
   * ```
   */
  async #runEngine(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    let dueMs = this.#clock.nowMs();
    while (!signal.aborted) {
      const step = this.#isStalled ? undefined : this.#engine.step(dueMs);
      if (!step) {
        await new Promise<void>(resolve => {
          this.#wake = resolve;
        });
        dueMs = this.#clock.nowMs();
        continue;
      }
      this.#onStepStart(step);
      dueMs += step.durationMs;
      if (!(await this.#waitUntil(dueMs, signal))) return;
      this.#onStepEnd(step);
      const nowMs = this.#clock.nowMs();
      if (nowMs - dueMs > MAX_LAG_MS) dueMs = nowMs;
    }
  }

  /** Waits until `dueMs`; false on abort. Loops because timers may fire a fraction of a millisecond early. */
  async #waitUntil(dueMs: number, signal: AbortSignal): Promise<boolean> {
    try {
      do await this.#clock.sleep(dueMs - this.#clock.nowMs(), signal);
      while (this.#clock.nowMs() < dueMs);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  #onStepStart(step: Step): void {
    this.#gpu.startStep(step);
    this.metrics.recordStep(step);
    for (const id of step.admitted) {
      const active = this.#active.get(id);
      if (active) active.admittedMs ??= Math.max(active.arrivedMs, step.startMs);
    }
  }

  #onStepEnd(step: Step): void {
    const nowMs = this.#clock.nowMs();
    for (const { id, index, last } of step.tokens) {
      const active = this.#active.get(id);
      if (!active) continue;
      if (active.lastTokenMs === undefined) {
        active.firstTokenMs = nowMs;
        this.metrics.recordFirstToken(nowMs - active.arrivedMs, active.request.promptTokens);
      } else this.metrics.recordToken(nowMs - active.lastTokenMs);
      active.lastTokenMs = nowMs;
      active.outputTokens = index + 1;
      active.done = last;
      if (last) this.#end(id, active);
      active.request.onToken(index, last);
    }
  }

  #end(id: string, active: Active): void {
    this.#active.delete(id);
    active.endedMs = this.#clock.nowMs();
    this.metrics.recordRequest(this.#times(active));
  }

  #times(active: Active): RequestTimes {
    const { request, arrivedMs, admittedMs, firstTokenMs, lastTokenMs } = active;
    return {
      promptTokens: request.promptTokens,
      outputTokens: active.outputTokens,
      finishedReason: active.done ? request.finishReason : 'abort',
      queueMs: admittedMs === undefined ? undefined : admittedMs - arrivedMs,
      ttftMs: firstTokenMs === undefined ? undefined : firstTokenMs - arrivedMs,
      decodeMs: lastTokenMs === undefined ? undefined : lastTokenMs - firstTokenMs!,
      endToEndMs: (active.endedMs ?? this.#clock.nowMs()) - arrivedMs,
    };
  }

  #loadMs(): number {
    return this.#config.modelLoadMs / this.#config.timeScale;
  }

  #loadedRatio(): number {
    return this.#ready ? 1 : Math.min(1, (this.#clock.nowMs() - this.#startedMs) / this.#loadMs());
  }
}
