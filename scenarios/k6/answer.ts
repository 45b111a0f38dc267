import type { RefinedResponse } from 'k6/http';
import type { Answer } from '../load/k6/lines.ts';
import { classifyEvent } from '../load/stream/event.ts';

/**
 * Judges the whole body of a streamed chat completion as the streaming client does event by event: `ok` with its `[DONE]`,
 * `truncated` without, or with an error in it, `malformed` if it is anything else.
 */
export function readAnswer(response: RefinedResponse<'text'>): Pick<Answer, 'body' | 'outputTokens'> {
  const type = response.headers['Content-Type'] ?? 'text/event-stream';
  if (!type.startsWith('text/event-stream')) return { body: 'malformed', outputTokens: 0 };
  let outputTokens = 0;
  for (const { data, name } of eventsOf(response.body ?? '')) {
    const event = classifyEvent(data, name);
    if (event === 'done') return { body: 'ok', outputTokens };
    if (event === 'error') return { body: 'truncated', outputTokens };
    if (event === 'malformed') return { body: 'malformed', outputTokens };
    if (event === 'token') outputTokens += 1;
  }
  return { body: 'truncated', outputTokens };
}

/** The events of a whole body. Fields other than `data` and `event`, and what follows the last blank line, do not matter. */
function eventsOf(body: string): { data: string; name: string }[] {
  const events: { data: string; name: string }[] = [];
  for (const block of body.replace(/\r\n?/g, '\n').split('\n\n').slice(0, -1)) {
    const event = { data: '', name: '' };
    for (const line of block.split('\n')) {
      if (line.startsWith('data:')) event.data += (event.data && '\n') + line.slice(5).replace(/^ /, '');
      if (line.startsWith('event:')) event.name = line.slice(6).trim();
    }
    if (event.data !== '') events.push(event);
  }
  return events;
}
