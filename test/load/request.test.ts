import { describe, expect, it } from 'vitest';
import type { ChatWorkload } from '../../harness/plan.ts';
import { mergedBody } from '../../load/request/body.ts';
import { conversationOf, type PromptRow, promptOf } from '../../load/request/prompt.ts';
import { buildRequest, type Sender } from '../../load/request/request.ts';
import { isCredential, resolvedPlan, resolveSecret, variablesOf } from '../../load/request/secrets.ts';

const CHAT: ChatWorkload = { name: 'w', model: 'm', promptTokens: [20, 60], outputTokens: { kind: 'fixed', value: 7 } };
const SENDER: Sender = { runId: 'a-run', seed: 1, authorization: '' };
const bodyOf = (workload: Partial<ChatWorkload>, body: Sender['body'] = {}, sender: Partial<Sender> = {}) =>
  JSON.parse(buildRequest({ ...CHAT, ...workload }, 0, { ...SENDER, body, ...sender }).body);

describe('the body of a request', () => {
  it('is that of its API', () => {
    const text = promptOf(CHAT, 1, 0).text;
    expect(bodyOf({})).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: text }],
      max_tokens: 7,
      stream: true,
    });
    expect(bodyOf({ stream: false }).stream).toBe(false);
    expect(bodyOf({ api: 'completions' })).toEqual({ model: 'm', prompt: text, max_tokens: 7, stream: true });
    expect(bodyOf({ api: 'embeddings', stream: false })).toEqual({ model: 'm', input: text });
  });

  it('asks for usage, and limits the length by the other name, where the server needs it', () => {
    expect(bodyOf({}, {}, { dialect: { usage: true } }).stream_options).toEqual({ include_usage: true });
    expect(bodyOf({ stream: false }, {}, { dialect: { usage: true } })).not.toHaveProperty('stream_options');
    expect(bodyOf({}, { stream_options: null }, { dialect: { usage: true } })).not.toHaveProperty('stream_options');
    const other = bodyOf({}, {}, { dialect: { lengthKey: 'max_completion_tokens' } });
    expect(other).toMatchObject({ max_completion_tokens: 7 });
    expect(other).not.toHaveProperty('max_tokens');
  });

  // RFC 7396, appendix A, but for whole bodies that are not objects.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{}, { a: '$outputTokens', b: { c: '$outputTokens' } }, { a: 7, b: { c: 7 } }],
  ])('%j changed by %j is %j', (body, changes, merged) => {
    const before = structuredClone(body);
    expect(mergedBody(body, changes, 7)).toEqual(merged);
    expect(body).toEqual(before);
  });

  it.each([
    [{ max_completion_tokens: 64 }, { max_completion_tokens: 64 }, ['max_tokens']],
    [{ max_completion_tokens: '$outputTokens' }, { max_completion_tokens: 7 }, ['max_tokens']],
    [{ max_completion_tokens: null }, { max_tokens: 7 }, ['max_completion_tokens']],
    [{ max_completion_tokens: 5, max_tokens: 6 }, { max_completion_tokens: 5, max_tokens: 6 }, []],
    [{ temperature: 0, ignore_eos: true, min_tokens: 3 }, { temperature: 0, ignore_eos: true, min_tokens: 3 }, []],
    [{ max_tokens: null }, {}, ['max_tokens']],
  ])('with %j has one limit of its length', (changes, has, lacks) => {
    const body = bodyOf({}, changes);
    expect(body).toMatchObject(has);
    for (const key of lacks) expect(body).not.toHaveProperty(key);
  });
});

describe('the headers of a request', () => {
  const headersOf = (headers: Record<string, string>, workload: Parameters<typeof buildRequest>[0] = CHAT) =>
    buildRequest(workload, 0, { ...SENDER, authorization: 'Bearer own', headers }).headers;

  it('of the load override those of Squall, and those of a plain workload both', () => {
    expect(headersOf({ authorization: 'Basic x', accept: '*/*', 'api-key': 'k' })).toMatchObject({
      ...{ authorization: 'Basic x', accept: '*/*', 'api-key': 'k', 'user-agent': 'squall' },
    });
    const expectation = { status: [], bodyContains: null, maxBytes: 9 };
    const plain = {
      kind: 'http',
      name: 'p',
      model: '',
      method: 'GET',
      path: '/',
      body: '',
      expect: expectation,
    } as const;
    const headers = headersOf({ 'api-key': 'k', 'x-a': '1' }, { ...plain, headers: { 'API-Key': 'own' } });
    expect(headers).toMatchObject({ 'API-Key': 'own', 'x-a': '1' });
    expect(headers).not.toHaveProperty('api-key');
  });

  it('and keys of classes are read from the environment when a load starts, wherever they stand', () => {
    const plain = { kind: 'http', name: 'p', model: '', method: 'GET', path: '/', body: '' } as const;
    const workload = {
      ...plain,
      headers: { 'X-Key': 'env:OTHER' },
      expect: { status: [], bodyContains: null, maxBytes: 9 },
    };
    const headers = { a: 'env:KEY', b: 'Bearer env:KEY', c: 'an env:KEY in words', d: 'env:NONE', e: 'env:not a name' };
    const users = { connections: {} as never, retry: null, clientTimeout: null };
    const classes = [{ name: 'vip', weight: 1, key: 'env:KEY', workload }];
    const plan = { headers, workload, clients: { ...users, classes } };
    const before = structuredClone(plan);
    const resolved = resolvedPlan(plan, { KEY: ' secret\n', OTHER: 'more' });
    expect(resolved.headers).toEqual({
      ...{ a: 'secret', b: 'Bearer secret', c: 'an env:KEY in words', d: '', e: 'env:not a name' },
    });
    expect(resolved.workload).toMatchObject({ headers: { 'X-Key': 'more' } });
    expect(resolved.clients.classes).toMatchObject([{ key: 'secret', workload: { headers: { 'X-Key': 'more' } } }]);
    expect(plan).toEqual(before);
    expect(variablesOf(plan)).toEqual(['KEY', 'NONE', 'OTHER']);
    expect(resolveSecret('literal', {})).toBe('literal');
  });

  it.each([
    ['Authorization', 'Bearer abc'],
    ['authorization', 'abc'],
    ['Proxy-Authorization', 'x'],
    ['Cookie', 'a=b'],
    ['api-key', 'x'],
    ['X-API-Key', 'x'],
    ['apikey', 'x'],
    ['Ocp-Apim-Subscription-Key', 'x'],
    ['X-Auth-Token', 'x'],
    ['x-goog-api-key', 'x'],
    ['x-client-secret', 'x'],
    ['x-team', 'Bearer abc'],
    ['x-team', 'sk-proj-12345678'],
    ['x-team', 'hf_abcdefghij'],
    ['x-team', 'eyJhbGciOiJIUzI1NiJ9.e30.x'],
    ['code', 'x'],
    ['sig', 'x'],
  ])('%s: %s is a credential', (name, value) => expect(isCredential(name, value)).toBe(true));

  it.each([
    ['Authorization', 'Bearer env:KEY'],
    ['x-api-key', 'env:KEY'],
    ['x-team', 'search'],
    ['user-agent', 'my client/1.0'],
    ['Idempotency-Key', '42'],
    ['x-session-id', 'abc'],
    ['openai-organization', 'org-abc'],
    ['api-version', '2024-10-21'],
    ['x-tokens', '5'],
  ])('%s: %s is none', (name, value) => expect(isCredential(name, value)).toBe(false));
});

describe('the salt of a run', () => {
  const N = 1000;
  const texts = (salt: string, changes: Partial<ChatWorkload> = {}, seed = 1) =>
    Array.from({ length: N }, (_, index) => promptOf({ ...CHAT, ...changes }, seed, index, { salt }).text);
  const shared = (a: string, b: string) => {
    let length = 0;
    while (length < a.length && a[length] === b[length]) length += 1;
    return length;
  };
  /** Longest beginning that any two of these texts share: that of some neighbours in their order. */
  const longest = (all: readonly string[]) => {
    const sorted = all.toSorted();
    return Math.max(...sorted.slice(1).map((text, index) => shared(text, sorted[index]!)));
  };

  it('makes the same prompts again, and with another salt prompts that share no beginning, in one run or two', () => {
    expect(texts('a')).toEqual(texts('a'));
    // 2,000 random texts over 36 characters share 4 characters at most, but for one pair in a million of 5 (2 million pairs: 1 in 30).
    expect(longest([...texts('a'), ...texts('b')])).toBeLessThan(8);
    // Without a salt, two runs share all.
    expect(longest([...texts(''), ...texts('')])).toBeGreaterThan(79);
  });

  it('changes no length', () => {
    const lengths = (salt: string) => texts(salt, { promptTokens: [1, 40] }).map(({ length }) => length);
    expect(lengths('a')).toEqual(lengths(''));
    // Prompts of one token, four characters, still differ from each other.
    expect(new Set(texts('a', { promptTokens: [1, 1] })).size).toBeGreaterThan(N - 5);
  });

  it('leaves what is asked to be shared within a run, and shares it with no other run', () => {
    const changes = { promptTokens: [40, 60], sharedPrefix: { ratio: 1, tokens: 30, variants: 2 } } as const;
    const [a, b] = [texts('a', changes), texts('b', changes)];
    const prefixes = (all: readonly string[]) => new Set(all.map(text => text.slice(0, 120)));
    expect(prefixes(a).size).toBe(2);
    expect(longest([...prefixes(a), ...prefixes(b)])).toBeLessThan(8);
    // No more than the prefix is shared.
    expect(longest(a)).toBeLessThan(120 + 8);
    const duplicates = { duplicates: { ratio: 1, distinct: 5 } };
    expect(new Set(texts('a', duplicates)).size).toBe(5);
    expect(longest([...new Set(texts('a', duplicates)), ...new Set(texts('b', duplicates))])).toBeLessThan(8);
  });

  it('begins every conversation, whose turns still carry their history', () => {
    const workload = { ...CHAT, sessions: { turns: [3, 3], thinkTimeMs: [0, 0] } } as const;
    const turns = [0, 1, 2].map(turn => conversationOf(workload, 1, 4, turn, { salt: 'a' }).messages);
    expect(turns[2]!.slice(0, 3)).toEqual(turns[1]);
    expect(turns[1]!.slice(0, 1)).toEqual(turns[0]);
    const other = conversationOf(workload, 1, 4, 2, { salt: 'b' }).messages;
    expect(shared(String(turns[2]![0]!.content), String(other[0]!.content))).toBeLessThan(8);
  });

  it('begins the prompts of a file alike in one run, so that they share what they share in the file', () => {
    const rows: PromptRow[] = [
      { messages: [{ role: 'user', content: 'one' }], promptTokens: 1 },
      {
        messages: [
          { role: 'system', content: 'be brief' },
          { role: 'user', content: 'two' },
        ],
        promptTokens: 3,
      },
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'three' }] }], promptTokens: 2, outputTokens: 99 },
    ];
    const drawn = (salt: string) =>
      Array.from({ length: 300 }, (_, index) => conversationOf(CHAT, 1, index, 0, { rows, salt }));
    const plain = drawn('');
    expect(new Set(plain.map(({ messages }) => JSON.stringify(messages)))).toEqual(
      new Set(rows.map(({ messages }) => JSON.stringify(messages))),
    );
    expect(new Set(plain.map(({ outputTokens }) => outputTokens))).toEqual(new Set([7, 99]));
    const mark = /^[a-z0-9]{8} /;
    const salted = drawn('a').map(({ messages }) => messages[0]!.content);
    const marks = new Set(
      salted.map(content => mark.exec(Array.isArray(content) ? content[0].text : String(content))?.[0]),
    );
    expect(marks.size).toBe(1);
    expect(drawn('a')).toEqual(drawn('a'));
    expect(drawn('b')[0]!.messages).not.toEqual(drawn('a')[0]!.messages);
  });
});
