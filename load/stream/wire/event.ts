/**
 * What one event of a streamed chat completion means to the client that times it.
 *
 * - `token`: a chunk that carries text, reasoning or a tool call
 * - `empty`: a chunk without any, such as the role or the usage
 * - `done`: the `[DONE]` that ends a whole answer
 * - `error`: the server says that it cannot go on
 * - `malformed`: not JSON, or JSON of another shape
 */
export type AnswerEvent = 'token' | 'empty' | 'done' | 'error' | 'malformed';

/**
 * Judges one event. A chunk that carries text counts as one token, however long the text is: what a user sees arrive at once
 * is one step of the stream.
 */
export function classifyEvent(data: string, name?: string): AnswerEvent {
  if (data === '[DONE]') return 'done';
  if (name === 'error') return 'error';
  let chunk: unknown;
  try {
    chunk = JSON.parse(data);
  } catch {
    return 'malformed';
  }
  if (!isObject(chunk)) return 'malformed';
  if (chunk.error !== undefined && chunk.error !== null) return 'error';
  const { choices } = chunk;
  if (!Array.isArray(choices)) return 'malformed';
  let event: AnswerEvent = 'empty';
  for (const choice of choices) {
    const delta = isObject(choice) ? choice.delta : undefined;
    if (!isObject(delta)) return 'malformed';
    if (carriesToken(delta)) event = 'token';
  }
  return event;
}

function carriesToken(delta: Record<string, unknown>): boolean {
  if (isText(delta.content)) return true;
  // vLLM before and after 0.11 call it `reasoning_content` and `reasoning`.
  if (isText(delta.reasoning_content) || isText(delta.reasoning)) return true;
  return Array.isArray(delta.tool_calls) && delta.tool_calls.length > 0;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
