import { describe, expect, it } from 'vitest';
import { answerReader, MAX_EVENT_CHARACTERS } from '../../../../scenarios/load/stream/answer.ts';
import { type AnswerEvent, classifyEvent } from '../../../../scenarios/load/stream/event.ts';

function read(...chunks: Buffer[]): AnswerEvent[] {
  const events: AnswerEvent[] = [];
  const reader = answerReader(event => events.push(event));
  for (const chunk of chunks) reader.feed(chunk);
  return events;
}

const delta = (value: object) => JSON.stringify({ choices: [{ index: 0, delta: value }] });

describe('classifying an event', () => {
  it.each<[string, string, AnswerEvent]>([
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
  const expected: AnswerEvent[] = ['empty', 'token', 'token', 'done'];

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
});
