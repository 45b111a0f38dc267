import { describe, expect, it } from 'vitest';
import { MAX_EVENT_CHARACTERS, sseReader } from '../../../load/stream/wire/body-reader.ts';
import { classifyEvent, type StreamEvent } from '../../../load/stream/wire/event.ts';

function read(...chunks: Buffer[]): StreamEvent[] {
  const events: StreamEvent[] = [];
  const reader = sseReader(event => events.push(event));
  for (const chunk of chunks) reader.feed(chunk);
  return events;
}

const delta = (value: object) => JSON.stringify({ choices: [{ index: 0, delta: value }] });

describe('classifying an event', () => {
  it.each<[string, string, StreamEvent]>([
    ['text', delta({ content: 'a' }), 'token'],
    ['reasoning', delta({ reasoning_content: 'a' }), 'token'],
    ['reasoning, new name', delta({ reasoning: 'a' }), 'token'],
    ['a tool call', delta({ tool_calls: [{ index: 0 }] }), 'token'],
    ['a role', delta({ role: 'assistant', content: '' }), 'empty'],
    ['a null content', delta({ content: null }), 'empty'],
    ['the finish reason', delta({}), 'empty'],
    ['the usage', '{"choices":[],"usage":{"completion_tokens":3}}', 'empty'],
    ['a null error', '{"choices":[],"error":null}', 'empty'],
    ['the end', '[DONE]', 'done'],
    ['an error', '{"error":{"message":"m"}}', 'error'],
    ['no JSON', 'hello', 'malformed'],
    ['half a JSON', '{"choices":[', 'malformed'],
    ['a number', '1', 'malformed'],
    ['an array', '[]', 'malformed'],
    ['null', 'null', 'malformed'],
    ['no choices', '{}', 'malformed'],
    ['a choice without delta', '{"choices":[{"text":"a"}]}', 'malformed'],
    ['a null choice', '{"choices":[null]}', 'malformed'],
  ])('%s', (_name, data, expected) => {
    expect(classifyEvent(data)).toBe(expected);
  });

  it('takes an event named error for one, whatever it holds', () => {
    expect(classifyEvent('engine died', 'error')).toBe('error');
  });
});

describe('reading an answer', () => {
  // The text holds characters of 2, 3 and 4 bytes, so some cuts fall inside a character and would spoil the JSON.
  const text = (end: string) =>
    [`: ping`, '', `data: ${delta({ role: 'assistant' })}`, '', `data: ${delta({ content: 'ä€🌊' })}`, '', 'event: x']
      .concat([`data: ${delta({ content: '→' })}`, '', 'data: [DONE]', '', ''])
      .join(end);
  const expected: StreamEvent[] = ['empty', 'token', 'token', 'done'];

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

  it.each<[string, string, StreamEvent[]]>([
    ['other text', chunk('"b"'), ['token']],
    ['text beyond ASCII', chunk('"日本 🌊"'), ['token']],
    ['escapes', chunk('"\\"\\n"'), ['token']],
    ['text that ends in an escape', chunk('"b\\\\"'), ['token']],
    ['no text', chunk('""'), ['empty']],
    ['null', chunk('null'), ['empty']],
    ['an end of the text that is escaped', chunk('"b\\"'), ['malformed']],
    ['a quotation mark too many', chunk('"b"c"'), ['malformed']],
    ['an escape that JSON does not know', chunk('"\\x"'), ['malformed']],
    ['a control character', chunk('"\t"'), ['malformed']],
    ['another field after the text', chunk('"b","error":1'), ['token']],
    ['the same but for its beginning', chunk('"b"').replace('"1"', '"2"'), ['token']],
    ['the same but for its end', chunk('"b"').replace('null}]}', 'null}'), ['malformed']],
    ['two events in one piece', chunk('"b"').repeat(2), ['token', 'token']],
    ['text over two lines', chunk('"b\ndata: c"'), ['malformed']],
    ['an event of another name', `event: error\n${chunk('"b"')}`, ['error']],
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
    for (const [make, event] of [
      [reasoning, 'token'],
      [inside, 'empty'],
    ] as const)
      expect(read(...['a', 'b', '', 'c'].map(text => Buffer.from(make(text))))).toEqual(Array(4).fill(event));
  });
});
