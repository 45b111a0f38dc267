import type { HttpExpectation } from '../../harness/plan.ts';
import { classifyEvent } from '../stream/wire/event.ts';

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

/**
 * Judges the whole body of a plain answer whose status was right, as `httpAnswerReader` does piece by piece.
 * @param body as bytes, which suffices where no text is asked for, or as text, exact for what is UTF-8
 */
export function isRightBody({ bodyContains, maxBytes }: HttpExpectation, body: string | ArrayBuffer): boolean {
  if (typeof body !== 'string') return body.byteLength <= maxBytes;
  return body.includes(bodyContains ?? '') && utf8Length(body, maxBytes) <= maxBytes;
}

/** Bytes of a text in UTF-8, counted as far as they decide whether there are more than `most`. */
function utf8Length(text: string, most: number): number {
  if (text.length > most || text.length * 3 <= most) return text.length;
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
