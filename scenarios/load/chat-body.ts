import type { Workload } from '../../harness/plan.ts';
import { promptOf } from './prompt.ts';

/** The body of the chat completion at `index`, the same as the streaming client posts, and how long its prompt is. */
export function chatBody(workload: Workload, seed: number, index: number): { body: string; promptTokens: number } {
  const { text, promptTokens, outputTokens } = promptOf(workload, seed, index);
  const body = JSON.stringify({
    model: workload.model,
    messages: [{ role: 'user', content: text }],
    max_tokens: outputTokens,
    stream: true,
  });
  return { body, promptTokens };
}
