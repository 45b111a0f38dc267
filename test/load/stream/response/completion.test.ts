import { describe, expect, it } from 'vitest';
import { Completion, type FrameMeaning } from '../../../../load/stream/response/completion.ts';
import type { Oddity } from '../../../../load/stream/response/oddities.ts';
import { A, B, chunk, DONE, delta, event, json, read, STOP } from './read.ts';

describe('one frame', () => {
  it.each<[string, string, FrameMeaning]>([
    ['text', delta({ content: 'a' }), 'plain'],
    ['reasoning', delta({ reasoning_content: 'a' }), 'plain'],
    ['reasoning, new name', delta({ reasoning: 'a' }), 'plain'],
    ['reasoning in parts', delta({ reasoning_details: [{ type: 'reasoning.text', text: 'a' }] }), 'plain'],
    ['a tool call', delta({ tool_calls: [{ index: 0 }] }), 'plain'],
    ['a function call', delta({ function_call: { name: 'f', arguments: '' } }), 'plain'],
    ['a refusal', delta({ refusal: 'No.' }), 'plain'],
    ['audio', delta({ audio: { data: 'AAAA' } }), 'plain'],
    ['parts', delta({ content: [{ type: 'text', text: 'a' }] }), 'plain'],
    [
      'a thought in parts',
      delta({ content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'a' }] }] }),
      'plain',
    ],
    ['text of /v1/completions', json({ choices: [{ text: 'a', index: 0 }] }), 'plain'],
    ['text of the second choice', json({ choices: [{ delta: {} }, { index: 1, delta: { content: 'a' } }] }), 'plain'],
    ['text and usage so far', chunk({ content: 'a' }, null, { usage: { completion_tokens: 1 } }), 'token'],
    ['text and the finish reason', chunk({ content: 'a' }, 'stop'), 'token'],
    ['text beside a null usage and error', chunk({ content: 'a' }, null, { usage: null, error: null }), 'plain'],
    ['a role', delta({ role: 'assistant', content: '' }), 'nothing'],
    ['a null content', delta({ content: null }), 'nothing'],
    ['empty parts', delta({ content: [{ type: 'text', text: '' }] }), 'nothing'],
    ['the id of audio', delta({ audio: { id: 'audio_1', expires_at: 1 } }), 'nothing'],
    ['no tool calls', delta({ content: null, tool_calls: [], function_call: null, audio: null }), 'nothing'],
    ['filter results', delta({ content_filter_results: { hate: { severity: 'safe' } } }), 'nothing'],
    ['the finish reason', chunk({}, 'stop'), 'nothing'],
    ['a null delta', delta(null), 'nothing'],
    ['a choice without delta', '{"choices":[{"index":0}]}', 'nothing'],
    ['a null choice', '{"choices":[null]}', 'nothing'],
    ['no choice', '{"choices":[]}', 'nothing'],
    ['null choices', '{"choices":null}', 'nothing'],
    ['no choices', '{}', 'nothing'],
    ['a ping', '{"type":"ping"}', 'nothing'],
    ['a message that is no error', '{"code":200,"message":"queued","status":"ok"}', 'nothing'],
    ['no JSON', 'hello', 'nothing'],
    ['half a JSON', '{"choices":[', 'nothing'],
    ['a number', '1', 'nothing'],
    ['an array', '[]', 'nothing'],
    ['null', 'null', 'nothing'],
    ['nothing', '', 'nothing'],
    ['blanks', '  ', 'nothing'],
    ['the end', '[DONE]', 'done'],
    ['the end with blanks', '  [DONE] ', 'done'],
    ['the end in other case', '[done]', 'done'],
    ['the end as JSON', '"[DONE]"', 'done'],
    ['an error', '{"error":{"message":"m"}}', 'error'],
    ['an error as a text', '{"error":"text"}', 'error'],
    ['an error of vLLM', '{"object":"error","message":"m","code":400}', 'error'],
    ['an error by its type', '{"type":"error","error":{"type":"overloaded_error"}}', 'error'],
    ['a code and a message', '{"code":500,"message":"m"}', 'error'],
    ['a named code and a message', '{"code":"InternalError","message":"m","request_id":"r"}', 'error'],
    ['a status and a message', '{"status_code":"503","msg":"busy"}', 'error'],
    ['a detail', '{"detail":"Not found"}', 'error'],
    ['an error beside choices', '{"choices":[],"error":{"message":"m"}}', 'error'],
    ['an error in a choice', '{"choices":[{"delta":{"content":""},"error":{"code":502}}]}', 'error'],
  ])('%s', (_name, data, expected) => {
    expect(new Completion().take(data)).toBe(expected);
  });

  it('is an error if its event is named so, whatever it holds', () => {
    expect(new Completion().take('engine died', 'error')).toBe('error');
    expect(new Completion().take(delta({ content: 'a' }), 'error')).toBe('error');
    expect(new Completion().take(delta({ content: 'a' }), 'other')).toBe('token');
  });
});

describe('the tokens of a response', () => {
  const at = (tokens: number, more: object = {}) => ({
    usage: { completion_tokens: tokens, prompt_tokens: 20, ...more },
  });
  const last = (usage: object) => A + B + STOP + event(json({ choices: [], ...usage })) + DONE;
  it.each<[string, string, number, readonly Oddity[]]>([
    [
      'eight in a frame, cumulative',
      [1, 2, 3].map(n => event(chunk({ content: 'a b c d e f g h' }, null, at(8 * n)))).join('') + STOP + DONE,
      24,
      [],
    ],
    ['at the end', last(at(5)), 5, []],
    [
      'in a choice',
      A +
        event(json({ choices: [{ index: 0, delta: {}, finish_reason: 'stop', usage: { completion_tokens: 3 } }] })) +
        DONE,
      3,
      [],
    ],
    ['of Groq', last({ x_groq: { usage: { completion_tokens: 4 } } }), 4, []],
    ['of llama.cpp', last({ timings: { prompt_n: 3, cache_n: 17, predicted_n: 6 } }), 6, []],
    ['in other words', last({ usage: { input_tokens: 20, output_tokens: 7 } }), 7, []],
    ['null', last({ usage: null }), 2, []],
    ['none', last(at(0)), 2, ['usage']],
    ['fewer than half the frames', A.repeat(9) + STOP + event(json(at(1))) + DONE, 9, ['no-choices', 'usage']],
    ['a few fewer than frames', A.repeat(9) + STOP + event(json({ choices: [], ...at(8) })) + DONE, 8, []],
    ['more than bytes', last(at(1_000_000_000)), 2, ['usage']],
    ['no count', last({ usage: { completion_tokens: 'many' } }), 2, []],
    ['negative', last({ usage: { completion_tokens: -5 } }), 2, []],
    [
      'with reasoning that was not sent',
      last(at(102, { completion_tokens_details: { reasoning_tokens: 100 } })),
      2,
      [],
    ],
    [
      'without the reasoning that was sent',
      event(delta({ reasoning: 'r' })).repeat(8) + last(at(2, { completion_tokens_details: { reasoning_tokens: 8 } })),
      10,
      [],
    ],
  ])('%s', (_name, body, tokens, oddities) => {
    expect(read(body)).toMatchObject({ outcome: 'ok', tokens, oddities });
  });

  it.each<[string, object, number, number | undefined]>([
    ['OpenAI, vLLM', at(2, { prompt_tokens_details: { cached_tokens: 16 } }), 20, 16],
    ['vLLM without details', at(2, { prompt_tokens_details: null }), 20, undefined],
    ['DeepSeek', at(2, { prompt_cache_hit_tokens: 12, prompt_cache_miss_tokens: 8 }), 20, 12],
    ['Moonshot', at(2, { cached_tokens: 0 }), 20, 0],
    ['llama.cpp', { timings: { prompt_n: 3, cache_n: 17, predicted_n: 2 } }, 20, 17],
    ['llama.cpp with usage', { ...at(2), timings: { prompt_n: 3, cache_n: 17, predicted_n: 2 } }, 20, 17],
  ])('of its prompt: %s', (_name, usage, promptTokens, cachedTokens) => {
    expect(read(last(usage)).reader.completion!.usage).toMatchObject({ promptTokens, cachedTokens });
  });
});
