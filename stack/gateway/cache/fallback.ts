import type { Exchange } from '../http/exchange.ts';
import type { CacheConfig } from './config.ts';
import type { Entry } from './entry.ts';

const USAGE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

/** The configured default response, in the form that the request asks for; undefined for embeddings, and where there is none. */
export function fallbackFor(
  { route, body, streamed, requestId }: Exchange,
  fallback: CacheConfig['fallback'],
  nowMs: number,
): Entry | undefined {
  if (fallback === 'off' || route === '/v1/embeddings') return undefined;
  const isChat = route === '/v1/chat/completions';
  const { content } = fallback;
  const { model } = JSON.parse(body.toString('utf8')) as { model: string };
  const object = isChat ? `chat.completion${streamed ? '.chunk' : ''}` : 'text_completion';
  const base = { id: `fallback-${requestId}`, object, created: Math.floor(nowMs / 1000), model };
  const choice = (part: object, reason: string | null) => ({
    index: 0,
    ...part,
    logprobs: null,
    finish_reason: reason,
  });
  if (!streamed) {
    const part = isChat ? { message: { role: 'assistant', content } } : { text: content };
    const text = JSON.stringify({ ...base, choices: [choice(part, 'stop')], usage: USAGE });
    return entryOf('application/json', text, nowMs);
  }
  const first = isChat ? { delta: { role: 'assistant', content } } : { text: content };
  const last = isChat ? { delta: {} } : { text: '' };
  const events = [choice(first, null), choice(last, 'stop')].map(one => JSON.stringify({ ...base, choices: [one] }));
  return entryOf('text/event-stream', [...events, '[DONE]'].map(data => `data: ${data}\n\n`).join(''), nowMs);
}

function entryOf(type: string, text: string, storedMs: number): Entry {
  const body = Buffer.from(text);
  return { headers: ['content-type', type, 'content-length', String(body.length)], body, storedMs };
}
