import { createParser } from 'eventsource-parser';
import type { HttpExpectation } from '../../../harness/plan.ts';
import type { Outcome } from '../../../harness/requests.ts';
import { type BodyReader, classifyEvent, isEventStream, type StreamEvent } from './event.ts';
import { isExpectedStatus, plainReader } from './plain-reader.ts';
import { TokenShape } from './token-shape.ts';

/** Maximum event length in characters; a longer one is malformed, so that a server cannot fill the client's memory. */
export const MAX_EVENT_CHARACTERS = 1024 * 1024;

/** Almost every read: exactly one event of one line. Bypassing the parser for it saves a tenth of the cost of a token. */
const ONE_EVENT = /^data: ?([^\r\n]*)\n\n$/;

/** Outcome that the head of a response decides; undefined if its body does. @param expect null for a streamed chat completion */
export function outcomeOfHead(
  expect: HttpExpectation | null,
  status: number,
  contentType: string | undefined,
): Outcome | undefined {
  if (!isExpectedStatus(expect, status)) return 'http-status';
  return expect || isEventStream(contentType) ? undefined : 'malformed';
}

/** Reader for the body of a response with the right head. @param expect null for a streamed chat completion */
export function bodyReader(expect: HttpExpectation | null, onEvent: (event: StreamEvent) => void): BodyReader {
  return expect ? plainReader(expect, onEvent) : sseReader(onEvent);
}

/** Reader for server-sent events as OpenAI-compatible servers send them (any line ending, BOM, comments). */
export function sseReader(onEvent: (event: StreamEvent) => void): BodyReader {
  let hasOverflowed = false;
  let isBetweenEvents = true;
  const shape = new TokenShape();
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARACTERS,
    onEvent: message => onEvent(classifyEvent(message.data, message.event)),
    onError: error => {
      // Other errors are unknown fields, which clients must ignore according to the SSE standard.
      if (error.type !== 'max-buffer-size-exceeded') return;
      hasOverflowed = true;
      onEvent('malformed');
    },
  });
  return {
    feed(bytes) {
      if (hasOverflowed) return;
      if (isBetweenEvents && shape.fits(bytes)) return onEvent('token');
      // Only framing and field names matter, and those are ASCII, so split characters need not be reassembled.
      const text = bytes.toString('latin1');
      const line = isBetweenEvents ? ONE_EVENT.exec(text)?.[1] : undefined;
      isBetweenEvents = text.endsWith('\n\n');
      if (line === undefined) return parser.feed(text);
      const event = classifyEvent(line);
      if (event === 'token') shape.learn(bytes);
      onEvent(event);
    },
    // A stream marks its own end.
    end() {},
  };
}
