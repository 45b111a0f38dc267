/**
 * Classification of one event of a streamed chat completion.
 *
 * - `token`: a chunk with text, reasoning or a tool call
 * - `empty`: a chunk without any, such as the role or the usage
 * - `done`: the `[DONE]` that ends a complete stream
 * - `error`: the server reports a failure
 * - `malformed`: not JSON, or JSON of another shape
 */
export type StreamEvent = 'token' | 'empty' | 'done' | 'error' | 'malformed';

/** Takes the bytes of a response body, split anywhere, and reports each event as soon as its last byte has arrived. */
export interface BodyReader {
  feed(bytes: Buffer): void;
  /** Marks the end of the body. */
  end(): void;
}

/** Whether a content type, which may be absent, is that of server-sent events. */
export function isEventStream(contentType = 'text/event-stream'): boolean {
  return contentType.startsWith('text/event-stream');
}

/** Classifies one event. A chunk with text counts as one token, however long: what arrives at once is one step of the stream. */
export function classifyEvent(data: string, name?: string): StreamEvent {
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
  let event: StreamEvent = 'empty';
  for (const choice of choices) {
    const delta = isObject(choice) ? choice.delta : undefined;
    if (!isObject(delta)) return 'malformed';
    if (carriesToken(delta)) event = 'token';
  }
  return event;
}

function carriesToken(delta: Record<string, unknown>): boolean {
  if (isText(delta.content)) return true;
  // vLLM renamed `reasoning_content` to `reasoning` in 0.11.
  if (isText(delta.reasoning_content) || isText(delta.reasoning)) return true;
  return Array.isArray(delta.tool_calls) && delta.tool_calls.length > 0;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
