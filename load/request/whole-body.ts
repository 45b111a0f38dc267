import type { HttpExpectation } from '../../harness/plan.ts';
import { classifyEvent, isEventStream } from '../stream/wire/event.ts';

const BODY_OF_EVENT = { done: 'ok', error: 'truncated', malformed: 'malformed' } as const;

/**
 * Classifies the whole body of a streamed chat completion as the streaming client does event by event: `ok` with its `[DONE]`,
 * `truncated` without it or with an error event, otherwise `malformed`. For engines that receive a body in one piece.
 */
export function readSseBody(contentType: string | undefined, body: string) {
  let outputTokens = 0;
  if (!isEventStream(contentType)) return { body: 'malformed', outputTokens } as const;
  for (const { data, name } of eventsOf(body)) {
    const event = classifyEvent(data, name);
    if (event === 'token') outputTokens += 1;
    else if (event !== 'empty') return { body: BODY_OF_EVENT[event], outputTokens };
  }
  return { body: 'truncated', outputTokens } as const;
}

/** Events of a whole body. Fields other than `data` and `event`, and anything after the last blank line, are ignored. */
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

/**
 * Whether the whole body of a plain HTTP response is as expected, as `plainReader` decides chunk by chunk.
 * @param body as bytes, sufficient where no text is expected, or as text, exact for UTF-8
 */
export function isExpectedBody({ bodyContains, maxBytes }: HttpExpectation, body: string | ArrayBuffer): boolean {
  if (typeof body !== 'string') return body.byteLength <= maxBytes;
  return body.includes(bodyContains ?? '') && utf8Length(body, maxBytes) <= maxBytes;
}

/** UTF-8 length of a text in bytes, counted only as far as needed to compare it with `max`. */
function utf8Length(text: string, max: number): number {
  if (text.length > max || text.length * 3 <= max) return text.length;
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
