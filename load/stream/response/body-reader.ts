import type { HttpExpectation } from '../../../harness/plan.ts';
import type { BodyReader, BodySink } from './body.ts';
import { type BodyOutcome, Completion, type Expected, type FrameMeaning } from './completion.ts';
import { FrameParser } from './frame-parser.ts';
import { plainReader } from './plain-reader.ts';
import { TokenShape } from './token-shape.ts';

/** Almost every read: exactly one event of one line. Bypassing the parser for it saves a tenth of the cost of a token. */
const ONE_EVENT = /^data: ?([^\r\n]*)\n\n$/;

/** Reader for the body of a response with an expected status. @param expect null for an inference server's response */
export function bodyReader(expect: HttpExpectation | null, expected: Expected, sink: BodySink): BodyReader {
  return expect ? plainReader(expect, sink) : completionReader(expected, sink);
}

/** Reader for the response of an inference server, whatever its dialect; see {@link Completion} and {@link FrameParser}. */
export function completionReader(expected: Expected, sink: BodySink): BodyReader {
  const completion = new Completion(expected);
  const shape = new TokenShape();
  let bytesRead = 0;
  let hasEnded = false;
  const ended = (outcome: BodyOutcome) => {
    if (hasEnded) return;
    hasEnded = true;
    sink.ended(outcome);
  };
  const frame = (data: string, name: string, isBare: boolean): FrameMeaning => {
    if (hasEnded) return 'nothing';
    const meaning = completion.take(data, name, isBare);
    if (meaning === 'plain' || meaning === 'token') sink.token();
    else if (meaning === 'done') ended(completion.outcome(bytesRead));
    else if (meaning === 'error') ended('truncated');
    return meaning;
  };
  const parser = new FrameParser({
    frame,
    stray: line => completion.takeStray(line),
    unseparated: () => completion.odd('no-blank-line'),
    overflow: () => ended('malformed'),
  });
  return {
    completion,
    feed(bytes) {
      if (hasEnded) return;
      bytesRead += bytes.length;
      const isBetween = parser.isBetweenEvents;
      if (isBetween && shape.fits(bytes)) {
        completion.takeToken();
        return sink.token();
      }
      // Only framing and field names matter, and those are ASCII, so split characters need not be reassembled.
      const text = bytes.toString('latin1');
      const line = isBetween ? ONE_EVENT.exec(text)?.[1] : undefined;
      if (line === undefined) return parser.feed(text);
      parser.hasFrames = true;
      if (frame(line, '', false) === 'plain') shape.learn(bytes);
    },
    end() {
      parser.end();
      ended(completion.outcome(bytesRead));
    },
    outputTokens: () => completion.outputTokens(bytesRead),
  };
}
