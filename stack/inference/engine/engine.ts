import { KvCache } from './kv-cache.ts';
import { type StepCost, stepMs } from './profiles.ts';

/** What the engine is told about a request: lengths only, never text. */
export interface EngineRequest {
  readonly id: string;
  /** ≥ 1. */
  readonly promptTokens: number;
  /** ≥ 1; the answer is exactly this long. */
  readonly maxTokens: number;
}

/** Limits of one engine; see `config.ts` for their defaults. */
export interface EngineOptions {
  readonly cost: StepCost;
  /** Sequences in one step at most (vLLM's `max_num_seqs`). */
  readonly maxBatch: number;
  /** Tokens computed in one step at most (vLLM's `max_num_batched_tokens`): decodes first, prompt chunks with the rest. */
  readonly maxBatchedTokens: number;
  readonly maxModelLen: number;
  readonly kvBlockTokens: number;
  /** Must hold a sequence of `maxModelLen` tokens. */
  readonly kvCapacityTokens: number;
}

/** Whether a request was queued. A rejected one could never be served, whatever finishes before it. */
export type Submission = { readonly kind: 'queued' } | { readonly kind: 'rejected'; readonly reason: string };

/** One generated token. */
export interface TokenEvent {
  readonly id: string;
  /** 0 for the first token of the answer. */
  readonly index: number;
  readonly last: boolean;
}

/** What one step did. Its tokens exist at `startMs + durationMs`. */
export interface Step {
  readonly startMs: number;
  readonly durationMs: number;
  readonly tokens: readonly TokenEvent[];
  /** Ids that left the waiting queue in this step, resumed ones included. */
  readonly admitted: readonly string[];
  readonly preempted: readonly string[];
  readonly sequences: number;
  readonly prefillTokens: number;
  readonly decodeTokens: number;
  /** KV tokens read by the decoding sequences. */
  readonly kvTokens: number;
}

interface Sequence extends EngineRequest {
  generated: number;
  /** Tokens whose keys and values are in the cache. */
  computed: number;
}

interface Plan {
  readonly work: { readonly sequence: Sequence; readonly tokens: number }[];
  readonly admitted: string[];
  readonly preempted: string[];
  budget: number;
}

/**
 * The scheduler of a vLLM V1 engine without the GPU: continuous batching, chunked prefill, first come first served,
 * preemption by recompute. No clock, timer or I/O: whoever owns time calls {@link Engine.step} at the end of the step before.
 *
 * ```
 * submit → waiting ──(slot + KV for the whole context)──► running ──(last token)──► gone
 *             ▲                                             │
 *             └──── head of the queue, KV dropped ◄─────────┘ no block left: the latest arrival gives way
 * ```
 *
 * The waiting queue has no limit, as in vLLM: bounding it is the gateway's work. Not simulated: prefix cache, priorities.
 */
export class Engine {
  readonly #options: EngineOptions;
  readonly #kv: KvCache;
  readonly #sequences = new Map<string, Sequence>();
  #waiting: Sequence[] = [];
  #running: Sequence[] = [];
  #finished: Sequence[] = [];

  constructor(options: EngineOptions, kv = new KvCache(options.kvCapacityTokens, options.kvBlockTokens)) {
    this.#options = options;
    this.#kv = kv;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get running(): number {
    return this.#running.length;
  }

  get kv(): Pick<KvCache, 'usedBlocks' | 'totalBlocks' | 'usedShare' | 'blockTokens'> {
    return this.#kv;
  }

  /** Appends a request to the waiting queue. Its `id` must not be in the engine already. */
  submit(request: EngineRequest): Submission {
    const { maxModelLen } = this.#options;
    const totalTokens = request.promptTokens + request.maxTokens;
    const blocks = this.#kv.blocksFor(totalTokens);
    if (totalTokens > maxModelLen || blocks > this.#kv.totalBlocks)
      return { kind: 'rejected', reason: tooLong(maxModelLen, request) };
    const sequence: Sequence = { ...request, generated: 0, computed: 0 };
    this.#sequences.set(request.id, sequence);
    this.#waiting.push(sequence);
    return { kind: 'queued' };
  }

  /** Frees the request's slot and KV blocks at once. False when it is not (or no longer) in the engine. */
  cancel(id: string): boolean {
    const sequence = this.#sequences.get(id);
    if (!sequence) return false;
    this.#running = this.#running.filter(other => other !== sequence);
    this.#waiting = this.#waiting.filter(other => other !== sequence);
    this.#finished = this.#finished.filter(other => other !== sequence);
    this.#forget(sequence);
    return true;
  }

  /**
   * Ends the step before (a finished sequence holds its slot and KV until its last step is over) and starts the next one.
   * @returns undefined when there is nothing to do
   */
  step(nowMs: number): Step | undefined {
    this.#retire();
    const plan: Plan = { work: [], admitted: [], preempted: [], budget: this.#options.maxBatchedTokens };
    this.#continueRunning(plan);
    if (plan.preempted.length === 0) this.#admitWaiting(plan);
    return plan.work.length === 0 ? undefined : this.#execute(plan, nowMs);
  }

  #retire(): void {
    if (this.#finished.length === 0) return;
    const gone = new Set(this.#finished);
    this.#running = this.#running.filter(sequence => !gone.has(sequence));
    for (const sequence of gone) this.#forget(sequence);
    this.#finished = [];
  }

  #forget(sequence: Sequence): void {
    this.#sequences.delete(sequence.id);
    this.#kv.release(sequence.id);
  }

  /** Running sequences come first, oldest first, so a decode is never starved by somebody's long prompt. */
  #continueRunning(plan: Plan): void {
    for (let i = 0; i < this.#running.length && plan.budget > 0; i += 1) {
      const sequence = this.#running[i]!;
      const tokens = Math.min(contextOf(sequence) - sequence.computed, plan.budget);
      if (!this.#makeRoom(sequence, sequence.computed + tokens, plan)) return;
      plan.work.push({ sequence, tokens });
      plan.budget -= tokens;
    }
  }

  /** Evicts from the tail, where the latest arrivals are. False when `sequence` itself had to go. */
  #makeRoom(sequence: Sequence, tokens: number, plan: Plan): boolean {
    while (!this.#kv.reserve(sequence.id, tokens)) {
      const victim = this.#running.pop()!;
      this.#kv.release(victim.id);
      victim.computed = 0;
      this.#waiting.unshift(victim);
      plan.preempted.push(victim.id);
      if (victim === sequence) return false;
    }
    return true;
  }

  /** Admits in order of arrival. A sequence gets the blocks of its whole context at once, or it waits and so do all behind it. */
  #admitWaiting(plan: Plan): void {
    while (plan.budget > 0 && this.#running.length < this.#options.maxBatch) {
      const sequence = this.#waiting[0];
      if (!sequence || !this.#kv.reserve(sequence.id, contextOf(sequence))) return;
      this.#waiting.shift();
      this.#running.push(sequence);
      plan.admitted.push(sequence.id);
      const tokens = Math.min(contextOf(sequence), plan.budget);
      plan.work.push({ sequence, tokens });
      plan.budget -= tokens;
    }
  }

  #execute({ work, admitted, preempted }: Plan, startMs: number): Step {
    const totals = { sequences: work.length, prefillTokens: 0, decodeTokens: 0, kvTokens: 0 };
    const tokens: TokenEvent[] = [];
    for (const { sequence, tokens: computed } of work) {
      const decodes = sequence.generated > 0 && contextOf(sequence) - sequence.computed === 1;
      if (decodes) totals.decodeTokens += 1;
      else totals.prefillTokens += computed;
      sequence.computed += computed;
      if (decodes) totals.kvTokens += sequence.computed;
      if (sequence.computed < contextOf(sequence)) continue;
      const last = sequence.generated + 1 === sequence.maxTokens;
      tokens.push({ id: sequence.id, index: sequence.generated, last });
      sequence.generated += 1;
      if (last) this.#finished.push(sequence);
    }
    return { startMs, durationMs: stepMs(this.#options.cost, totals), tokens, admitted, preempted, ...totals };
  }
}

/** Tokens that must be in the cache before the next one can be generated. */
function contextOf(sequence: Sequence): number {
  return sequence.promptTokens + sequence.generated;
}

function tooLong(maxModelLen: number, { promptTokens, maxTokens }: EngineRequest): string {
  return (
    `This model's maximum context length is ${maxModelLen} tokens. However, you requested ` +
    `${promptTokens + maxTokens} tokens (${promptTokens} in the messages, ${maxTokens} in the completion).`
  );
}
