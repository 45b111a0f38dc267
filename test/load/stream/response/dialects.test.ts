import { describe, expect, it } from 'vitest';
import type { Oddity } from '../../../../load/stream/response/oddities.ts';
import { A, B, chunk, DONE, delta, event, json, ROLE, read, STOP } from './read.ts';

describe('a healthy response, whatever its dialect', () => {
  const usage = { usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 } };
  it.each<[string, string, readonly Oddity[], { stream?: boolean; contentType?: string }?]>([
    ['as documented', ROLE + A + B + STOP + DONE, []],
    ['with the usage at the end', ROLE + A + B + STOP + event(json({ choices: [], ...usage })) + DONE, []],
    ['with null choices', A + B + STOP + event(json({ choices: null, ...usage })) + DONE, ['no-choices']],
    ['without choices', A + B + STOP + event(json(usage)) + DONE, ['no-choices']],
    ['with a null delta', A + event(chunk(null)) + B + STOP + DONE, ['no-delta']],
    [
      'with null, empty and other data',
      `${event('null')}${A}data:\n\ndata\n\n${event('oops')}${B}${STOP}${DONE}`,
      ['not-object', 'empty-data', 'not-json'],
    ],
    ['with pings', event('{"type":"ping"}', 'event: ping\n') + A + B + STOP + DONE, ['event-name']],
    ['with names of events', event(chunk({ content: 'a' }), 'event: chunk\n') + B + STOP + DONE, ['event-name']],
    ['with comments, ids and retries', `: hi\n\nid: 1\nretry: 5\n${A}:\n\nid\n${B}${STOP}${DONE}`, []],
    ['without [DONE]', ROLE + A + B + STOP, ['no-done']],
    ['with blanks around [DONE]', `${A}${B}${STOP}data:  [DONE]  \n\n`, ['blank-done']],
    ['without a blank line at the end', `${A}${B}${STOP}data: [DONE]`, ['no-blank-line']],
    ['without blank lines', [A, B, STOP, DONE].join('').replaceAll('\n\n', '\n'), ['no-blank-line']],
    ['without blanks after data:', (A + B + STOP + DONE).replaceAll('data: ', 'data:'), []],
    ['with CRLF', (A + B + STOP + DONE).replaceAll('\n', '\r\n'), []],
    ['with CR', (A + B + STOP + DONE).replaceAll('\n', '\r'), []],
    ['with a byte order mark', `\ufeff${A}${B}${STOP}${DONE}`, []],
    [
      'with data over several lines',
      `${A}data: {"choices":\ndata: [{"index":0,"delta":{"content":"b"}}]\ndata: }\n\n${STOP}${DONE}`,
      [],
    ],
    ['declared in other case', A + B + STOP + DONE, [], { contentType: 'Text/Event-Stream; charset=UTF-8' }],
    ['declared as NDJSON', A + B + STOP + DONE, ['media-type'], { contentType: 'application/x-ndjson' }],
    ['declared as a text', A + B + STOP + DONE, ['media-type'], { contentType: 'text/plain' }],
    [
      'of JSON lines',
      [chunk({ content: 'a' }), chunk({ content: 'b' }), chunk({}, 'stop'), ''].join('\n'),
      ['json-lines', 'media-type'],
      { contentType: 'application/x-ndjson' },
    ],
    [
      'of JSON lines with [DONE]',
      [chunk({ content: 'a' }), chunk({ content: 'b' }), chunk({}, 'stop'), '[DONE]'].join('\n'),
      ['json-lines'],
    ],
    ['with the finish reason of another server', A + B + event(chunk({}, 'eos_token')) + DONE, ['finish-reason']],
    ['with an empty finish reason until the end', event(chunk({ content: 'a' }, '')) + B + STOP + DONE, []],
    [
      'without any finish reason',
      event(delta({ content: 'a' })) + event(delta({ content: 'b' })) + DONE,
      ['no-finish-reason'],
    ],
    ['with a finish reason of null, and a proper end', A + B + DONE, ['no-finish-reason']],
    [
      'of /v1/completions',
      event('{"choices":[{"text":"a","index":0,"finish_reason":null}]}') +
        event('{"choices":[{"text":"b","index":0,"finish_reason":"length"}]}') +
        DONE,
      [],
    ],
    [
      'of a message in place of a delta',
      event('{"choices":[{"index":0,"message":{"content":"a"}}]}') + B + STOP + DONE,
      ['no-delta'],
    ],
    ['in a stream though a whole was asked for', A + B + STOP + DONE, ['unasked-stream'], { stream: false }],
  ])('%s', (_name, body, oddities, expected) => {
    expect(read(body, expected)).toMatchObject({ outcome: 'ok', tokens: 2, frames: 2, oddities });
  });

  it.each(['stop', 'length', 'tool_calls', 'function_call', 'content_filter'])('complete by %s', reason => {
    expect(read(A + event(chunk({}, reason)) + DONE)).toMatchObject({ outcome: 'ok', oddities: [] });
  });

  it.each([
    'STOP',
    'eos',
    'stop_sequence',
    'end_turn',
    'max_tokens',
    'MAX_TOKENS',
    'tool_use',
    'tool-calls',
    'SAFETY',
    'COMPLETE',
  ])('complete by %s, which is another spelling', reason => {
    expect(read(A + event(chunk({}, reason)) + DONE)).toMatchObject({ outcome: 'ok', oddities: ['finish-reason'] });
  });

  const message = { role: 'assistant', content: 'all of it' };
  const whole = {
    id: 'c',
    object: 'chat.completion',
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    usage: { prompt_tokens: 3, completion_tokens: 9 },
  };
  it.each<[string, string, number]>([
    ['of a chat', json(whole), 9],
    ['over several lines', json(whole, null, 2), 9],
    ['without usage', json({ ...whole, usage: undefined }), 1],
    [
      'of tool calls',
      json({
        ...whole,
        choices: [
          {
            message: { content: null, tool_calls: [{ id: 'i', type: 'function', function: { name: 'f' } }] },
            finish_reason: 'tool_calls',
          },
        ],
      }),
      9,
    ],
    [
      'of a text',
      json({
        object: 'text_completion',
        choices: [{ text: 'b', index: 0, finish_reason: 'length' }],
        usage: { completion_tokens: 1 },
      }),
      1,
    ],
    [
      'of embeddings',
      json({ object: 'list', data: [{ index: 0, embedding: [0.5, 1] }], usage: { prompt_tokens: 3 } }),
      0,
    ],
    ['of embeddings in Base64', json({ data: [{ embedding: 'AAAAPw==' }] }, null, 1), 0],
  ])('that is whole, %s', (_name, body, tokens) => {
    const contentType = 'application/json';
    expect(read(body, { stream: false, contentType })).toMatchObject({
      outcome: 'ok',
      tokens,
      frames: 1,
      oddities: [],
    });
    if (tokens > 0)
      expect(read(body, { contentType })).toMatchObject({ outcome: 'ok', tokens, oddities: ['whole-response'] });
  });
});

describe('a response that is a failure', () => {
  it.each<[string, string, string, string?]>([
    ['empty', 'the role and an end', ROLE + STOP + DONE],
    ['empty', 'the role and [DONE]', ROLE + DONE],
    ['empty', 'the role and an end without [DONE]', ROLE + STOP],
    ['empty', 'nothing but [DONE]', DONE],
    ['empty', 'no byte', ''],
    ['empty', 'usage without output', ROLE + event(json({ choices: [], usage: { completion_tokens: 5 } })) + DONE],
    ['empty', 'an empty whole', json({ choices: [{ message: { content: '' }, finish_reason: 'stop' }] })],
    ['empty', 'a filter without output', event(chunk({}, 'content_filter')) + DONE],
    ['engine-abort', 'abort', A + event(chunk({}, 'abort')) + DONE, chunk({}, 'abort')],
    ['engine-abort', 'abort without [DONE]', A + event(chunk({}, 'abort'))],
    ['engine-abort', 'abort without a token', ROLE + event(chunk({}, 'abort')) + DONE],
    ['engine-abort', 'a reason with a message (SGLang)', A + event(chunk({}, { type: 'abort', message: 'm' })) + DONE],
    [
      'engine-abort',
      'the system out of resources (DeepSeek)',
      A + event(chunk({}, 'insufficient_system_resource')) + DONE,
    ],
    ['engine-abort', 'an error (OpenRouter)', A + event(chunk({}, 'error')) + DONE],
    ['engine-abort', 'a cancellation', A + event(chunk({ content: 'b' }, 'CANCELLED')) + DONE],
    [
      'engine-abort',
      'one of two choices',
      event(
        json({
          choices: [
            { index: 0, delta: { content: 'a' }, finish_reason: 'stop' },
            { index: 1, delta: { content: 'a' }, finish_reason: 'abort' },
          ],
        }),
      ) + DONE,
    ],
    [
      'engine-abort',
      'one of two choices without an end',
      event(
        json({
          choices: [
            { index: 0, delta: { content: 'a' }, finish_reason: null },
            { index: 1, delta: { content: 'a' }, finish_reason: null },
          ],
        }),
      ) +
        STOP +
        DONE,
    ],
    ['truncated', 'no end', ROLE + A],
    ['truncated', 'no end after nothing', ROLE],
    [
      'truncated',
      'one of two choices without an end',
      event(chunk({ content: 'a' })) + event('{"choices":[{"index":1,"delta":{"content":"b"}}]}') + STOP,
    ],
    [
      'truncated',
      'an error',
      A + event('{"error":{"message":"engine died"}}') + DONE,
      '{"error":{"message":"engine died"}}',
    ],
    ['truncated', 'an error after the finish reason', A + STOP + event('oops', 'event: error\n') + DONE, 'oops'],
    ['truncated', 'an error by itself', '{"error":{"message":"m"}}', '{"error":{"message":"m"}}'],
    ['truncated', 'an error between events', `${A}{"error":{"message":"m"}}\n`, '{"error":{"message":"m"}}'],
    ['truncated', 'a text in place of the end', `${A}Internal Server Error`, 'Internal Server Error'],
    ['malformed', 'a page', '<html>\n<p>Hello</p></html>', '<html>'],
    ['malformed', 'a text', 'upstream connect error', 'upstream connect error'],
    ['malformed', 'JSON of another kind', '{"tokens":["a"]}', '{"tokens":["a"]}'],
    ['malformed', 'events of another kind', event('{"tokens":["a"]}') + DONE, '{"tokens":["a"]}'],
    ['malformed', 'broken JSON after the role', ROLE + event('{"choices":[') + STOP + DONE, '{"choices":['],
    ['empty', 'the role and pings', ROLE + event('{"type":"ping"}') + event('null') + event('') + STOP + DONE],
    ['malformed', 'broken JSON alone', event('{"choices":[') + DONE, '{"choices":['],
    [
      'malformed',
      'a chunk of another kind after the role',
      ROLE + event('{"output":"a"}') + STOP + DONE,
      '{"output":"a"}',
    ],
  ])('%s: %s', (outcome, _name, body, telling) => {
    const found = read(body);
    expect(found.outcome).toBe(outcome);
    if (telling !== undefined) expect(found.telling).toBe(telling);
  });

  it('is what the first end says: nothing is read after it', () => {
    expect(read(A + STOP + DONE + event('{"error":{}}') + B)).toMatchObject({ outcome: 'ok', frames: 1 });
  });
});
