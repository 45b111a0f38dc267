import { createParser } from 'eventsource-parser';
import { type AnswerEvent, classifyEvent } from './event.ts';
import { TokenShape } from './token-shape.ts';

/** Longest event in characters; what goes on beyond is malformed, so that a server cannot fill the client's memory. */
export const MAX_EVENT_CHARACTERS = 1024 * 1024;

/** Nearly all that comes: one event of one line, whole. Taking it straight saves a tenth of what a token costs. */
const ONE_EVENT = /^data: ?([^\r\n]*)\n\n$/;

/** Takes the bytes of an answer, cut anywhere, and calls `onEvent` for each event as soon as its last byte is in. */
export interface AnswerReader {
  feed(bytes: Buffer): void;
  /** The body came to its end. */
  end(): void;
}

/** A reader for one answer: server-sent events as OpenAI-compatible servers send them (any line ending, BOM, comments). */
export function answerReader(onEvent: (event: AnswerEvent) => void): AnswerReader {
  let overflown = false;
  let isBetweenEvents = true;
  const shape = new TokenShape();
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARACTERS,
    onEvent: message => onEvent(classifyEvent(message.data, message.event)),
    onError: error => {
      // Other errors are unknown fields, which the SSE standard tells a client to ignore.
      if (error.type !== 'max-buffer-size-exceeded') return;
      overflown = true;
      onEvent('malformed');
    },
  });
  return {
    feed(bytes) {
      if (overflown) return;
      if (isBetweenEvents && shape.fits(bytes)) {
        onEvent('token');
        return;
      }
      // Only the framing and which fields are there counts, and those are ASCII; so no character needs to be put together again.
      const text = bytes.toString('latin1');
      const line = isBetweenEvents ? ONE_EVENT.exec(text)?.[1] : undefined;
      isBetweenEvents = text.endsWith('\n\n');
      if (line === undefined) parser.feed(text);
      else {
        const event = classifyEvent(line);
        if (event === 'token') shape.learn(bytes);
        onEvent(event);
      }
    },
    // A stream says itself when it is done.
    end() {},
  };
}
