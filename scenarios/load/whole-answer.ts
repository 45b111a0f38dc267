import { classifyEvent } from './stream/event.ts';

/** What the whole body of an answer was worth. */
export interface WholeAnswer {
  readonly body: 'ok' | 'truncated' | 'malformed';
  readonly outputTokens: number;
}

/**
 * Judges the whole body of a streamed chat completion as the streaming client does event by event: `ok` with its `[DONE]`,
 * `truncated` without, or with an error in it, `malformed` if it is anything else. For engines that get a body in one piece.
 */
export function readWholeAnswer(contentType: string | undefined, body: string): WholeAnswer {
  if (!(contentType ?? 'text/event-stream').startsWith('text/event-stream'))
    return { body: 'malformed', outputTokens: 0 };
  let outputTokens = 0;
  for (const { data, name } of eventsOf(body)) {
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
  const blocks = (body.includes('\r') ? body.replace(/\r\n?/g, '\n') : body).split('\n\n');
  for (const block of blocks.slice(0, -1)) {
    const event = { data: '', name: '' };
    for (const line of block.split('\n')) {
      if (line.startsWith('data:')) event.data += (event.data && '\n') + line.slice(5).replace(/^ /, '');
      if (line.startsWith('event:')) event.name = line.slice(6).trim();
    }
    if (event.data !== '') events.push(event);
  }
  return events;
}
