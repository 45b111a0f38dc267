import { expect, test } from 'vitest';
import { mayCarryOutput, Opening } from '../../../../stack/gateway/forward/output.ts';

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ delta, finish_reason: finish }] })}\n\n`;
const ROLE = chunk({ role: 'assistant', content: '' });

/** Verdict on a body that arrives in pieces of this length, and whether it came before the end. */
function verdictOf(text: string, piece = text.length): [verdict: string, isEarly: boolean] {
  const opening = new Opening();
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += piece) {
    const verdict = opening.feed(bytes.subarray(at, at + piece));
    if (verdict) return [verdict, true];
  }
  return [opening.end(), false];
}

const BODIES: readonly [text: string, verdict: string, isEarly: boolean][] = [
  [chunk({ content: 'a' }), 'output', true],
  [`\uFEFF${chunk({ content: 'ä' })}`, 'output', true],
  [chunk({ content: 'a' }).replaceAll('\n', '\r\n'), 'output', true],
  [chunk({ content: 'a' }).replace('data: ', 'data:'), 'output', true],
  [`: ping\n\nevent: message\nid: 1\n${chunk({ content: 'a' })}`, 'output', true],
  [chunk({ content: [{ type: 'text', text: 'a' }] }), 'output', true],
  [chunk({ reasoning_content: 'a', content: null }), 'output', true],
  [chunk({ reasoning: 'a' }), 'output', true],
  [
    chunk({ tool_calls: [{ index: 0, id: 'x', type: 'function', function: { name: 'f', arguments: '' } }] }),
    'output',
    true,
  ],
  [chunk({ function_call: { name: 'f' } }), 'output', true],
  [chunk({ refusal: 'no' }), 'output', true],
  [chunk({ audio: { data: 'AA==' } }), 'output', true],
  [chunk({}, 'content_filter'), 'output', true],
  ['data: {"choices":[{"text":"a"}]}\n\n', 'output', true],
  ['data: {"choices":[{"message":{"content":"a"}}]}\n\n', 'output', true],
  ['data: {"choices":[{"text":""},{"text":"a"}]}\n\n', 'output', true],
  [`${ROLE}${chunk({ content: [{ type: 'text', text: '' }] })}data: [DONE]\n\n`, 'empty', true],
  [`${ROLE}${chunk({}, 'stop')}data:[DONE]\n\n`, 'empty', true],
  [`${ROLE}${chunk({}, 'stop')}`, 'empty', false],
  ['data: {"choices":null}\n\ndata: null\n\ndata: {}\n\nevent: ping\ndata: {"type":"ping"}\n\n', 'empty', false],
  ['data: {"choices":[],"usage":{"completion_tokens":5}}\n\n', 'empty', false],
  [': ping\n\n', 'empty', false],
  ['', 'empty', false],
  [' \r\n\n', 'empty', false],
  ['data: {"error":{"message":"no"}}\n\n', 'error', true],
  ['data: {"error":{"message":"no"}}', 'error', false],
  ['data: {"choices":[],"error":"no"}\n\n', 'error', true],
  ['event: error\ndata: no\n\n', 'error', true],
  [chunk({}, 'abort'), 'error', true],
  ['{"error":"no"}', 'error', false],
  ['{"object":"error","message":"no"}', 'error', false],
  ['\n\n{"choices":[{"message":{"content":"a"}}]}', 'output', false],
  ['{\n  "choices": [\n    { "message": { "role": "assistant", "content": "" } }\n  ]\n}', 'empty', false],
  ['{"choices":[{"message":{"content":null,"tool_calls":[{"id":"x"}]}}]}', 'output', false],
  ['{"data":[{"embedding":[0.5]}]}', 'output', false],
  ['{"data":[{"embedding":"AAAA"}]}', 'output', false],
  ['{"data":[{"embedding":[]}]}', 'empty', false],
  ['{"choices":[{"mess', 'malformed', false],
  ['<html></html>', 'malformed', false],
];

test.each(BODIES)('%j is %s', (text, verdict, isEarly) => {
  expect(verdictOf(text)).toEqual([verdict, isEarly]);
  // However it is split, the verdict is the same, and no later.
  for (const piece of [1, 2, 7]) expect(verdictOf(text, piece)).toEqual([verdict, isEarly]);
});

test.each([
  [chunk({ content: 'a' }), true],
  [`${chunk({})}${chunk({ content: 'a' })}`, true],
  // A piece of an event may be part of a token.
  [chunk({ content: 'a' }).slice(0, 20), true],
  [chunk({ content: 'a' }).slice(20), true],
  ['{"choices":', true],
  [': ping\n\n', false],
  [': ping\r\n\r\n: ping\r\n\r\n', false],
  ['\n', false],
  ['event: ping\ndata: {"type":"ping"}\n\n', false],
  [ROLE, false],
  [chunk({}, 'stop'), false],
  ['data: keep-alive\n\n', false],
  ['data: {"choices":[],"usage":{"completion_tokens":5}}\n\ndata: [DONE]\n\n', false],
])('in the middle, %j may carry output: %s', (text, expected) => {
  expect(mayCarryOutput(Buffer.from(text))).toBe(expected);
});
