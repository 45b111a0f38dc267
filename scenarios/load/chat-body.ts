import type { ChatWorkload, Workload } from '../../harness/plan.ts';
import { type Message, promptOf } from './prompt.ts';

/** The body of a chat completion that every engine posts. */
export function completionBody({ model }: ChatWorkload, messages: readonly Message[], outputTokens: number): string {
  return JSON.stringify({ model, messages, max_tokens: outputTokens, stream: true });
}

/**
 * The body of the chat completion at `index`, the same as the streaming client posts, and how long its prompt is.
 * @param workload of chat; `refusalsOf` keeps any other from the engines that call this
 */
export function chatBody(workload: Workload, seed: number, index: number): { body: string; promptTokens: number } {
  if (workload.kind === 'http') throw new TypeError('Expected a workload of chat, got one of http');
  const { text, promptTokens, outputTokens } = promptOf(workload, seed, index);
  return { body: completionBody(workload, [{ role: 'user', content: text }], outputTokens), promptTokens };
}
