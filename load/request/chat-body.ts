import type { ChatWorkload } from '../../harness/plan.ts';
import { type Message, promptOf } from './prompt.ts';

/** The body of a chat completion that every engine posts. */
export function completionBody({ model }: ChatWorkload, messages: readonly Message[], outputTokens: number): string {
  return JSON.stringify({ model, messages, max_tokens: outputTokens, stream: true });
}

/** The body of the chat completion at `index`, the same as the streaming client posts, and how long its prompt is. */
export function chatBody(workload: ChatWorkload, seed: number, index: number): { body: string; promptTokens: number } {
  const { text, promptTokens, outputTokens } = promptOf(workload, seed, index);
  return { body: completionBody(workload, [{ role: 'user', content: text }], outputTokens), promptTokens };
}
