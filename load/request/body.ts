import type { ChatWorkload } from '../../harness/plan.ts';
import type { Conversation } from './prompt.ts';

type Json = Readonly<Record<string, unknown>>;

/** Variations of a body that some servers need. */
export interface Dialect {
  /** Whether a streamed answer is asked to end with its token counts (`stream_options.include_usage`). @default false */
  readonly usage?: boolean;
  /** Name of the limit of an answer's length. @default 'max_tokens' */
  readonly lengthKey?: 'max_tokens' | 'max_completion_tokens';
}

/** In `load.body`, the value that stands for the length of the request's answer. */
export const OUTPUT_TOKENS = '$outputTokens';

/**
 * Body of a request with a prompt, as an object.
 * @param changes `load.body`, merged by {@link mergedBody}
 */
export function bodyOf(
  workload: ChatWorkload,
  { messages, outputTokens }: Conversation,
  changes: Json = {},
  { usage = false, lengthKey = 'max_tokens' }: Dialect = {},
): Json {
  const { api = 'chat', model, stream = true } = workload;
  const prompt = messages.at(-1)?.content ?? '';
  if (api === 'embeddings') return mergedBody({ model, input: prompt }, changes, outputTokens);
  const body = {
    model,
    ...(api === 'chat' ? { messages } : { prompt }),
    // The deprecated name and the new one exclude each other.
    ...(isGiven(changes.max_completion_tokens) ? {} : { [lengthKey]: outputTokens }),
    stream,
    ...(stream && usage ? { stream_options: { include_usage: true } } : {}),
  };
  return mergedBody(body, changes, outputTokens);
}

/**
 * Merges changes into a body as JSON Merge Patch does (RFC 7396): objects key by key, `null` removes a key, and anything else replaces
 * it. The value `$outputTokens` stands for the number of tokens that this answer may have.
 */
export function mergedBody(body: Json, changes: Json, outputTokens: number): Json {
  const merged: Record<string, unknown> = { ...body };
  for (const [key, change] of Object.entries(changes)) {
    if (change === null) delete merged[key];
    else if (isObject(change)) merged[key] = mergedBody(isObject(merged[key]) ? merged[key] : {}, change, outputTokens);
    else merged[key] = change === OUTPUT_TOKENS ? outputTokens : change;
  }
  return merged;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
