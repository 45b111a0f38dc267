import type { HttpExpectation } from '../../harness/plan.ts';
import { type BodyOutcome, Completion, type Expected } from '../stream/response/completion.ts';
import { FrameParser } from '../stream/response/frame-parser.ts';

/**
 * Reads the whole body of an inference server's response as the streaming client does frame by frame, for engines that receive a body
 * in one piece.
 */
export function readCompletion(expected: Expected, body: string) {
  const completion = new Completion(expected);
  let outcome: BodyOutcome | undefined;
  const parser = new FrameParser({
    frame(data, name, isBare) {
      if (outcome !== undefined) return;
      const meaning = completion.take(data, name, isBare);
      if (meaning === 'done') outcome = completion.outcome(body.length);
      else if (meaning === 'error') outcome = 'truncated';
    },
    stray: line => completion.takeStray(line),
    unseparated() {},
    overflow() {
      outcome ??= 'malformed';
    },
  });
  parser.feed(body);
  parser.end();
  return {
    body: outcome ?? completion.outcome(body.length),
    outputTokens: completion.outputTokens(body.length),
  };
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
