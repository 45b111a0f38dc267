import { KvCache } from './kv-cache.ts';
import { type StepCost, stepMs } from './profiles.ts';

/** Request to the engine: only its lengths, no text. */
interface EngineRequest {
  readonly id: string;
  /** Length of the prompt, ≥ 1. */
  readonly promptTokens: number;
  /** Hashes of the full blocks of the prompt, see `tokens.ts`. @default none: it shares nothing */
  readonly blocks?: readonly number[];
  /** Exact length of the output, ≥ 1. */
  readonly maxTokens: number;
}

/** Options of one engine; see `config.ts` for defaults. */
export interface EngineOptions {
  readonly cost: StepCost;
  /** Maximum sequences per step (vLLM's `max_num_seqs`). */
  readonly maxBatch: number;
  /** Maximum tokens per step (vLLM's `max_num_batched_tokens`): first decodes, then prompt chunks. */
  readonly maxBatchedTokens: number;
  readonly maxModelLen: number;
  readonly kvBlockTokens: number;
  /** At least `maxModelLen`. */
  readonly kvCapacityTokens: number;
}

/** Result of {@link Engine.submit}. A rejected request exceeds the engine's limits and could never be served. */
type Submission = { readonly kind: 'queued' } | { readonly kind: 'rejected'; readonly reason: string };

/** One generated token. */
interface TokenEvent {
  readonly id: string;
  /** 0 for the first output token. */
  readonly index: number;
  readonly last: boolean;
}

/** One step of the engine. Its tokens are available at `startMs + durationMs`. */
export interface Step {
  readonly startMs: number;
  readonly durationMs: number;
  readonly tokens: readonly TokenEvent[];
  /** Ids of requests that left the waiting queue in this step, including resumed ones. */
  readonly admitted: readonly string[];
  readonly preempted: readonly string[];
  readonly sequences: number;
  readonly prefillTokens: number;
  readonly decodeTokens: number;
  /** KV tokens read by the decoding sequences. */
  readonly kvTokens: number;
  /** Prompt tokens of requests that were admitted for the first time, and those of them that were in the prefix cache. */
  readonly cacheQueries: number;
  readonly cacheHits: number;
}

interface Sequence extends EngineRequest {
  generated: number;
  /** Tokens whose keys and values are cached. */
  computed: number;
  /** Whether it was looked up in the prefix cache before. */
  isKnown: boolean;
}

interface Plan {
  readonly work: { readonly sequence: Sequence; readonly tokens: number }[];
  readonly admitted: string[];
  readonly preempted: string[];
  budget: number;
  cacheQueries: number;
  cacheHits: number;
}

/**
 * Scheduler of a vLLM V1 engine without the GPU: continuous batching, chunked prefill, first come first served, preemption by
 * recompute. No clock, timer or I/O: the caller invokes {@link Engine.step} at the end of the previous step.
 *
 * ```
 * submit → waiting ──(slot + KV for the whole context)──► running ──(last token)──► removed
 *             ▲                                             │
 *             └──── head of the queue, KV freed ◄───────────┘ no block left: the latest arrival is preempted
 * ```
 *
 * The waiting queue is unbounded, as in vLLM; the gateway must limit load. Requests with `blocks` begin at the end of what the prefix cache has
 * of their prompts, except that the last token of a prompt is always computed, and so the block with it. Not simulated: priorities.
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

  get kv(): Pick<KvCache, 'usedBlocks' | 'totalBlocks' | 'usedRatio' | 'blockTokens'> {
    return this.#kv;
  }

  /** Appends a request, whose `id` must be unique in the engine, to the waiting queue. */
  submit(request: EngineRequest): Submission {
    const { maxModelLen } = this.#options;
    const totalTokens = request.promptTokens + request.maxTokens;
    const blocks = this.#kv.blocksFor(totalTokens);
    if (totalTokens > maxModelLen || blocks > this.#kv.totalBlocks)
      return { kind: 'rejected', reason: tooLong(maxModelLen, request) };
    const sequence: Sequence = { ...request, generated: 0, computed: 0, isKnown: false };
    this.#sequences.set(request.id, sequence);
    this.#waiting.push(sequence);
    return { kind: 'queued' };
  }

  /** Removes a request and frees its slot and KV blocks at once. False when it is not in the engine. */
  cancel(id: string): boolean {
    const sequence = this.#sequences.get(id);
    if (!sequence) return false;
    this.#running = this.#running.filter(other => other !== sequence);
    this.#waiting = this.#waiting.filter(other => other !== sequence);
    this.#finished = this.#finished.filter(other => other !== sequence);
    this.#release(sequence);
    return true;
  }

  /**
   * Ends the previous step, releasing slots and KV of finished sequences, and starts the next one.
   * @returns undefined when idle
   */
  step(nowMs: number): Step | undefined {
    this.#retire();
    const budget = this.#options.maxBatchedTokens;
    const plan: Plan = { work: [], admitted: [], preempted: [], budget, cacheQueries: 0, cacheHits: 0 };
    this.#continueRunning(plan);
    if (plan.preempted.length === 0) this.#admitWaiting(plan);
    return plan.work.length === 0 ? undefined : this.#execute(plan, nowMs);
  }

  #retire(): void {
    if (this.#finished.length === 0) return;
    const finished = new Set(this.#finished);
    this.#running = this.#running.filter(sequence => !finished.has(sequence));
    for (const sequence of finished) this.#release(sequence);
    this.#finished = [];
  }

  #release(sequence: Sequence): void {
    this.#sequences.delete(sequence.id);
    this.#kv.release(sequence.id);
  }

  /** Schedules running sequences first, oldest first, so that a long prompt never starves decodes. */
  #continueRunning(plan: Plan): void {
    for (let i = 0; i < this.#running.length && plan.budget > 0; i += 1) {
      const sequence = this.#running[i]!;
      const tokens = Math.min(contextOf(sequence) - sequence.computed, plan.budget);
      if (!this.#makeRoom(sequence, sequence.computed + tokens, plan)) return;
      plan.work.push({ sequence, tokens });
      plan.budget -= tokens;
    }
  }

  /** Preempts the latest arrivals until `tokens` fit. False when `sequence` itself was preempted. */
  #makeRoom(sequence: Sequence, tokens: number, plan: Plan): boolean {
    while (!this.#kv.reserve(sequence.id, tokens)) {
      const preempted = this.#running.pop()!;
      this.#kv.release(preempted.id);
      preempted.computed = 0;
      this.#waiting.unshift(preempted);
      plan.preempted.push(preempted.id);
      if (preempted === sequence) return false;
    }
    return true;
  }

  /** Admits sequences in order of arrival. A sequence whose whole context does not fit blocks all later ones. */
  #admitWaiting(plan: Plan): void {
    while (plan.budget > 0 && this.#running.length < this.#options.maxBatch) {
      const sequence = this.#waiting[0];
      if (!sequence || !this.#allocate(sequence, plan)) return;
      this.#waiting.shift();
      this.#running.push(sequence);
      plan.admitted.push(sequence.id);
      const tokens = Math.min(contextOf(sequence) - sequence.computed, plan.budget);
      plan.work.push({ sequence, tokens });
      plan.budget -= tokens;
    }
  }

  /** Allocates the whole context, of which the beginning may be cached. False if there is no room. */
  #allocate(sequence: Sequence, plan: Plan): boolean {
    const { id, promptTokens, blocks } = sequence;
    if (!blocks) return this.#kv.reserve(id, contextOf(sequence));
    const shareable = Math.floor((promptTokens - 1) / this.#kv.blockTokens);
    const cached = this.#kv.adopt(id, contextOf(sequence), blocks.slice(0, shareable));
    if (cached === undefined) return false;
    sequence.computed = cached;
    if (!sequence.isKnown) {
      plan.cacheQueries += promptTokens;
      plan.cacheHits += cached;
    }
    sequence.isKnown = true;
    return true;
  }

  #execute({ work, admitted, preempted, cacheQueries, cacheHits }: Plan, startMs: number): Step {
    const totals = { sequences: work.length, prefillTokens: 0, decodeTokens: 0, kvTokens: 0 };
    const tokens: TokenEvent[] = [];
    for (const { sequence, tokens: computed } of work) {
      const decodes = sequence.generated > 0 && contextOf(sequence) - sequence.computed === 1;
      if (decodes) totals.decodeTokens += 1;
      else totals.prefillTokens += computed;
      sequence.computed += computed;
      if (decodes) totals.kvTokens += sequence.computed;
      else if (sequence.blocks) this.#publish(sequence);
      if (sequence.computed < contextOf(sequence)) continue;
      const last = sequence.generated + 1 === sequence.maxTokens;
      tokens.push({ id: sequence.id, index: sequence.generated, last });
      sequence.generated += 1;
      if (last) this.#finished.push(sequence);
    }
    const durationMs = stepMs(this.#options.cost, totals);
    return { startMs, durationMs, tokens, admitted, preempted, cacheQueries, cacheHits, ...totals };
  }

  #publish({ id, blocks, computed }: Sequence): void {
    this.#kv.publish(id, blocks!.slice(0, Math.floor(computed / this.#kv.blockTokens)));
  }
}

/** Number of tokens that must be cached to generate the next one. */
function contextOf(sequence: Sequence): number {
  return sequence.promptTokens + sequence.generated;
}

function tooLong(maxModelLen: number, { promptTokens, maxTokens }: EngineRequest): string {
  return (
    `This model's maximum context length is ${maxModelLen} tokens. However, you requested ` +
    `${promptTokens + maxTokens} tokens (${promptTokens} in the messages, ${maxTokens} in the completion).`
  );
}
