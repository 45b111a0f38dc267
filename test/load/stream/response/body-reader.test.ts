import { describe, expect, it } from 'vitest';
import { completionReader } from '../../../../load/stream/response/body-reader.ts';
import { MAX_EVENT_CHARACTERS } from '../../../../load/stream/response/frame-parser.ts';

/** Tokens, and the outcome that ended them. */
function read(...chunks: Buffer[]): string[] {
  const events: string[] = [];
  const reader = completionReader({}, { token: () => events.push('token'), ended: outcome => events.push(outcome) });
  for (const chunk of chunks) reader.feed(chunk);
  return events;
}

const delta = (value: object) => JSON.stringify({ choices: [{ index: 0, delta: value }] });

describe('reading an answer', () => {
  // The text holds characters of 2, 3 and 4 bytes, so some cuts fall inside a character and would spoil the JSON.
  const text = (end: string) =>
    [`: ping`, '', `data: ${delta({ role: 'assistant' })}`, '', `data: ${delta({ content: 'ä€🌊' })}`, '', 'event: x']
      .concat([`data: ${delta({ content: '→' })}`, '', 'data: [DONE]', '', ''])
      .join(end);
  const expected = ['token', 'token', 'ok'];

  it.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
  ])('gives the same events wherever the bytes are cut, lines ending in %s', (_name, end) => {
    const bytes = Buffer.from(text(end));
    expect(read(bytes)).toEqual(expected);
    expect(read(...[...bytes].map(byte => Buffer.of(byte)))).toEqual(expected);
    for (let i = 0; i <= bytes.length; i += 1)
      for (let j = i; j <= bytes.length; j += 7)
        expect(read(bytes.subarray(0, i), bytes.subarray(i, j), bytes.subarray(j))).toEqual(expected);
  });

  it('says an event as soon as its last byte is in, not before', () => {
    const bytes = Buffer.from(`data: ${delta({ content: 'a' })}\n\n`);
    expect(read(bytes.subarray(0, -1))).toEqual([]);
    expect(read(bytes)).toEqual(['token']);
  });

  it('gives up on an event without an end, once', () => {
    const chunk = Buffer.from(`data: ${'x'.repeat(MAX_EVENT_CHARACTERS)}`);
    expect(read(chunk, chunk, chunk)).toEqual(['malformed']);
  });

  const chunk = (json: string) =>
    `data: {"id":"1","choices":[{"index":0,"delta":{"content":${json}},"finish_reason":null}]}\n\n`;

  it.each<[string, string, string[]]>([
    ['other text', chunk('"b"'), ['token']],
    ['text beyond ASCII', chunk('"日本 🌊"'), ['token']],
    ['escapes', chunk('"\\"\\n"'), ['token']],
    ['text that ends in an escape', chunk('"b\\\\"'), ['token']],
    ['no text', chunk('""'), []],
    ['null', chunk('null'), []],
    ['an end of the text that is escaped', chunk('"b\\"'), []],
    ['a quotation mark too many', chunk('"b"c"'), []],
    ['an escape that JSON does not know', chunk('"\\x"'), []],
    ['a control character', chunk('"\t"'), []],
    ['another field after the text', chunk('"b","error":1'), ['token']],
    ['the same but for its beginning', chunk('"b"').replace('"1"', '"2"'), ['token']],
    ['the same but for its end', chunk('"b"').replace('null}]}', 'null}'), []],
    ['two events in one piece', chunk('"b"').repeat(2), ['token', 'token']],
    ['text over two lines', chunk('"b\ndata: c"'), []],
    ['an event of another name', `event: error\n${chunk('"b"')}`, ['truncated']],
  ])('knows after an event like it: %s', (_name, next, expected) => {
    const like = Buffer.from(chunk('"a"'));
    for (const learnt of [1, 2, 5])
      expect(read(...Array(learnt).fill(like), Buffer.from(next))).toEqual([
        ...Array(learnt).fill('token'),
        ...expected,
      ]);
  });

  it('does not take what goes on with an event for one that is like the one before', () => {
    const like = Buffer.from(chunk('"a"'));
    const comment = Buffer.from(': a comment, then ');
    expect(read(like, comment, like, like)).toEqual(['token', 'token']);
  });

  it('takes text that other fields hold for what it is', () => {
    const reasoning = (text: string) => `data: {"choices":[{"delta":{"reasoning":"x","content":"${text}"}}]}\n\n`;
    const inside = (text: string) =>
      `data: {"choices":[{"delta":{"role":"assistant"},"logprobs":[{"content":"${text}"}]}]}\n\n`;
    for (const [make, tokens] of [
      [reasoning, 4],
      [inside, 0],
    ] as const)
      expect(read(...['a', 'b', '', 'c'].map(text => Buffer.from(make(text))))).toHaveLength(tokens);
  });
});
