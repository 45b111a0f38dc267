import type { ChatWorkload } from '../../harness/plan.ts';

/** The workloads that a scenario can name, without a model. Token counts are uniform between the inclusive bounds. */
export const workloads = {
  /** Short prompts, short responses: many cheap requests per second, sensitive to added latency. */
  'chat-short': { name: 'chat-short', promptTokens: [32, 128], outputTokens: [32, 64] },
  /** Long responses, which outlast faults and fill the KV cache. */
  'chat-long': { name: 'chat-long', promptTokens: [256, 1024], outputTokens: [128, 512] },
  /** Retrieved documents with a short response: TTFT is dominated by prefill. */
  'long-prompt': { name: 'long-prompt', promptTokens: [1024, 4096], outputTokens: [16, 64] },
} as const satisfies Readonly<Record<string, Omit<ChatWorkload, 'model'>>>;

/** Name of a preset. */
export type WorkloadName = keyof typeof workloads;
