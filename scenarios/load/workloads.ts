import type { ChatWorkload } from '../../harness/plan.ts';

/** A workload without the model, which the stack decides. */
export type WorkloadPreset = Omit<ChatWorkload, 'model'>;

/** The workloads that a scenario can name. Token counts are uniform between the bounds, both included. */
export const workloads = {
  /** Short questions, short answers: many requests a second, cheap to serve, sensitive to added latency. */
  'chat-short': { name: 'chat-short', promptTokens: [32, 128], outputTokens: [32, 64] },
  /** Long conversations: answers live through a fault, the KV cache fills. */
  'chat-long': { name: 'chat-long', promptTokens: [256, 1024], outputTokens: [128, 512] },
  /** Retrieved documents with a short answer: prefill decides the time to the first token. */
  'long-prompt': { name: 'long-prompt', promptTokens: [1024, 4096], outputTokens: [16, 64] },
} as const satisfies Readonly<Record<string, WorkloadPreset>>;

/** Name of a preset. */
export type WorkloadName = keyof typeof workloads;
