import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { ResponseFilter } from '../../../../stack/gateway/guard/response-filter.ts';
import { MAX_SECRET, redactText, SECRET_KINDS, type SecretKind } from '../../../../stack/gateway/guard/secrets.ts';

const random = seededRandom(11);
const pick = <T>(list: readonly T[]): T => list[random.integer(0, list.length - 1)]!;
const ALL = { kinds: SECRET_KINDS, maxBytes: 1_000_000, onFound: () => {} };

const SECRETS = [
  ...[
    '13800138000',
    '138 0013 8000',
    '+86 138-0013-8000',
    '010-12345678',
    '(415) 555-2671',
    '+44 20 7946 0958',
    '１３８００１３８０００',
  ],
  ...['zhang.wei@example.com', 'josé+x@mail.exämple.org', '13800138000@qq.com', `${'a'.repeat(70)}@b.com`],
  ...['11010519491231002X', '110105 19491231 002x', '440524188001010014'],
];
const FILLERS = [
  ...[
    'hello ',
    'x',
    ' ',
    '.',
    '\n',
    '"',
    '\\',
    '你好',
    '😀',
    '\u2028',
    '(',
    '+',
    '1',
    '12',
    '138',
    '@',
    'a@b',
    '3.',
    '0',
    '8 ',
    '-',
  ],
  ...['1380013800', '110105194912310021', 'a'.repeat(300), '1'.repeat(700), '5 6 ', 'X', 'é', '+86 ', '，', '\ud83d'],
];

function randomText(): string {
  return Array.from({ length: random.integer(0, 12) }, () => pick(random.integer(0, 2) === 0 ? SECRETS : FILLERS)).join(
    '',
  );
}

/** Cuts anywhere, also within a pair of surrogates. */
function cut(text: string, maxPieces: number): string[] {
  const cuts = Array.from({ length: random.integer(0, maxPieces) }, () => random.integer(0, text.length));
  const ends = [...cuts.sort((a, b) => a - b), text.length];
  return ends.map((end, index) => text.slice(index === 0 ? 0 : ends[index - 1], end));
}

function redacted(text: string): string {
  return redactText(text, SECRET_KINDS, () => {});
}

/** JSON in which any character may be escaped. */
function json(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[0-9@+é你]/g, character =>
    random.integer(0, 5) === 0 && !/\d/.test(character)
      ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
      : character,
  );
}

interface Sent {
  readonly name: string;
  readonly event: string;
}

/** Events of several texts of several choices, mixed. */
function randomStream(texts: Readonly<Record<string, string>>): Sent[] {
  const queues = Object.entries(texts).map(([name, text]) => cut(text, 30).map(piece => ({ name, piece })));
  const sent: Sent[] = [];
  while (queues.some(queue => queue.length > 0)) {
    const queue = pick(queues.filter(one => one.length > 0));
    const { name, piece } = queue.shift()!;
    const [index, field] = name.split(' ') as [string, string];
    const toolCall = { tool_calls: [{ index: 1, id: 'call_13800138000', function: { arguments: piece } }] };
    const delta = field === 'arguments' ? toolCall : { [field]: piece };
    const end = pick(['\n\n', '\r\n\r\n', '\r\r']);
    const data = json({ id: 'chatcmpl-13800138000', choices: [{ index: Number(index), delta, finish_reason: null }] });
    sent.push({ name, event: `${pick(['', ': comment\n', 'event: message\n'])}data: ${data}${end}` });
  }
  return sent;
}

/** What arrives of each text. */
function received(output: string): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const line of output.split(/\r\n|\r|\n/)) {
    if (!line.startsWith('data: {')) continue;
    for (const { index, delta } of JSON.parse(line.slice(6)).choices ?? []) {
      const { tool_calls: calls, ...fields } = delta ?? {};
      for (const call of calls ?? []) fields.arguments = call.function.arguments;
      for (const field in fields) texts[`${index} ${field}`] = (texts[`${index} ${field}`] ?? '') + fields[field];
    }
  }
  return texts;
}

function run(filter: ResponseFilter, bytes: Buffer): string {
  const output: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = pick([1, 7, 50, 500, 5000]);
    output.push(filter.push(bytes.subarray(at, at + size))!);
    at += size;
  }
  return Buffer.concat([...output, filter.end()]).toString();
}

test('the parts of a stream are redacted as the whole texts are, wherever they are cut', () => {
  for (let round = 0; round < 150; round += 1) {
    const texts = Object.fromEntries(
      ['0 content', '1 content', '0 reasoning_content', '1 arguments'].map(name => [name, randomText()]),
    );
    const sent = randomStream(texts);
    const finish = [0, 1].map(index => `data: {"choices":[{"index":${index},"delta":{},"finish_reason":"stop"}]}\n\n`);
    const usage = 'data: {"choices":[],"usage":{"total_tokens":13800138000}}\n\n';
    const bytes = Buffer.from(`${sent.map(({ event }) => event).join('')}${finish.join('')}${usage}data: [DONE]\n\n`);
    const output = run(new ResponseFilter(ALL), bytes);
    const expected = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, redacted(text)]));
    expect(received(output)).toEqual(expected);
    expect(output.endsWith(`${finish[1]}${usage}data: [DONE]\n\n`)).toBe(true);
    // A choice ends after all of its texts.
    expect(received(output.slice(output.indexOf(finish[0]!)))).not.toHaveProperty('0 content');
    // Ids are no texts of the model.
    expect(output.includes('chatcmpl-[')).toBe(false);
    // The events of texts without a secret are those that came, byte for byte and in their order.
    for (const [name, text] of Object.entries(texts)) {
      if (text !== expected[name]) continue;
      let at = 0;
      for (const { event } of sent.filter(one => one.name === name)) {
        // A line feed of CR LF that arrives late belongs to the next event.
        const found = output.indexOf(event.slice(0, -1), at);
        expect(found, `${name}: ${event}`).toBeGreaterThanOrEqual(0);
        at = found + event.length - 1;
      }
    }
  }
});

test('a filter that decided too early would be found out', () => {
  // The same check of a target that redacts each piece by itself.
  const pieces = cut('call 13800138000 or zhang@example.com', 30);
  expect(pieces.map(redacted).join('')).not.toBe(redacted(pieces.join('')));
});

const chunk = (content: string, more = {}) =>
  `data: ${JSON.stringify({ id: 'a', model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }], ...more })}\n\n`;

test('holds back a word at most, and a run of characters at most as long as a secret', () => {
  const filter = new ResponseFilter(ALL);
  const push = (text: string) => filter.push(Buffer.from(chunk(text)))!.toString();
  expect(push('Hello')).toBe('');
  expect(push(' world')).toBe(chunk('Hello'));
  expect(push('!')).toBe(chunk(' world') + chunk('!'));
  let passed = 0;
  for (let sent = 1; sent <= 2000; sent += 1) {
    passed += push('a').split('"a"').length > 1 ? 1 : 0;
    expect(sent - passed).toBeLessThanOrEqual(MAX_SECRET);
  }
  // No secret is that long, and what is older is sent while the run goes on.
  expect(passed).toBe(2000 - MAX_SECRET);
});

test('an event of which many pieces are empty does not pile up', () => {
  const filter = new ResponseFilter(ALL);
  let bytes = 0;
  let output = filter.push(Buffer.from(chunk('138001')))!.toString();
  while (bytes < 2_000_000) {
    bytes += chunk('').length;
    output += filter.push(Buffer.from(chunk('')))!.toString();
  }
  // What is undecided when too much is held back is concealed.
  expect(bytes - output.length).toBeLessThan(600_000);
  expect(received(output + filter.end().toString())).toEqual({ '0 content': '[REDACTED]' });
});

test.each<[string, string, string]>([
  [
    'a document',
    '{"choices":[{"message":{"content":"call 13800138000"}}]}',
    '{"choices":[{"message":{"content":"call [PHONE]"}}]}',
  ],
  [
    'one without secrets, as it came',
    '{ "choices": [{"text": "hi \\u0041"}] }',
    '{ "choices": [{"text": "hi \\u0041"}] }',
  ],
  ['an error', '{"error":{"message":"bad: a@b.com"}}', '{"error":{"message":"bad: [EMAIL]"}}'],
  ['a list', '[{"detail":"a@b.com"}]', '[{"detail":"[EMAIL]"}]'],
  ['plain text', 'note: call 13800138000', 'note: call [PHONE]'],
  ['a comment', ': 13800138000\n\n', ': [PHONE]\n\n'],
  ['data that are no JSON', 'data: 13800138000\n\n', 'data: [PHONE]\n\n'],
  [
    'an event without its blank line',
    'data: {"choices":[{"text":"13800138000"}]}',
    'data: {"choices":[{"text":"[PHONE]"}]}\n\n',
  ],
  [
    'log probabilities',
    '{"choices":[{"text":"a","logprobs":{"tokens":["1","38"]}}]}',
    '{"choices":[{"text":"a","logprobs":null}]}',
  ],
  [
    'parts of a content',
    '{"choices":[{"message":{"content":[{"type":"text","text":"a@b.com"}]}}]}',
    '{"choices":[{"message":{"content":[{"type":"text","text":"[EMAIL]"}]}}]}',
  ],
  ['nothing', '', ''],
])('redacts %s', (_, body, expected) => {
  expect(run(new ResponseFilter(ALL), Buffer.from(body))).toBe(expected);
});

test('refuses what is larger than can be redacted', () => {
  const small = { ...ALL, maxBytes: 100 };
  const body = Buffer.from(`{"choices":[{"text":"${'a'.repeat(100)}"}]}`);
  expect(new ResponseFilter(small).push(body)).toBeUndefined();
  expect(new ResponseFilter(small).push(Buffer.from(`data: ${body}`))).toBeUndefined();
  expect(new ResponseFilter(ALL).push(body)).toBeDefined();
});

test.each<[string, readonly SecretKind[]]>([
  ['with redaction', SECRET_KINDS],
  ['without', []],
])('ends a stream early, %s: open choices have their length, ended ones none', (_, kinds) => {
  const filter = new ResponseFilter({ ...ALL, kinds });
  const usage = { usage: { total_tokens: 3 } };
  const ended = 'data: {"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]}\n\n';
  const before = filter.push(Buffer.from(ended + chunk('13800138000', usage) + chunk(' and 138001380')))!;
  const output = before.toString() + filter.finish()!.toString();
  expect(received(output)['0 content']).toBe(kinds.length > 0 ? '[PHONE] and 138001380' : '13800138000 and 138001380');
  const last = '{"id":"a","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}';
  expect(output.endsWith(`data: ${last}\n\ndata: [DONE]\n\n`)).toBe(true);
});

test('has no end for what is no stream, or has ended', () => {
  const done = new ResponseFilter(ALL);
  done.push(Buffer.from(`${chunk('a')}data: [DONE]\n\n`));
  const document = new ResponseFilter(ALL);
  document.push(Buffer.from('{"choices":[{"text":"a"'));
  const begun = new ResponseFilter(ALL);
  begun.push(Buffer.from(': comment\n\n'));
  for (const filter of [done, document, begun, new ResponseFilter(ALL)]) expect(filter.finish()).toBeUndefined();
});
