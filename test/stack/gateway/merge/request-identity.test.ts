import { describe, expect, test } from 'vitest';
import { type Random, seededRandom } from '../../../../harness/random.ts';
import { requestIdentity } from '../../../../stack/gateway/merge/request-identity.ts';

const CHAT = { model: 'm', temperature: 0, messages: [{ role: 'user', content: 'hi' }] };

function identityOf(body: Buffer | string, { route = '/v1/chat/completions', query = '', headers = {} } = {}) {
  return requestIdentity({ route, query, body: Buffer.from(body), request: { headers } });
}

/** A random JSON value, and another spelling of the same: other order of keys, white space and escapes. */
function spelledTwice(random: Random, depth = 0): [string, string] {
  const kind = random.integer(0, depth > 3 ? 3 : 5);
  if (kind === 0) {
    const number = String(random.integer(-500, 500));
    return [number, `\t${number} `];
  }
  if (kind === 1)
    return random.pick([
      ['true', ' true'],
      ['null', 'null '],
      ['1.5', '1.50'],
      ['-7', ' -7\n'],
    ]);
  if (kind <= 3) {
    const text = Array.from({ length: random.integer(0, 4) }, () => random.pick([...'aä"\\\u2028€0'])).join('');
    const escaped = [...text].map(one => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
    return [JSON.stringify(text), `"${escaped}"`];
  }
  const parts = Array.from({ length: random.integer(0, 3) }, () => spelledTwice(random, depth + 1));
  if (kind === 4) return [`[${parts.map(([one]) => one).join(',')}]`, `[ ${parts.map(([, two]) => two).join(' , ')} ]`];
  const named = parts.map(([one, two], nth) => [`"k${nth}":${one}`, `"\\u006b${nth}" : ${two}`] as const);
  const reversed = named.map(([, two]) => two).reverse();
  return [`{${named.map(([one]) => one).join(',')}}`, `{\n${reversed.join(',\n')}}`];
}

test('a body is the same however it is spelled, and another one is another', () => {
  const random = seededRandom(1);
  const seen = new Map<string, string>();
  for (let nth = 0; nth < 2000; nth += 1) {
    const [one, two] = spelledTwice(random);
    const first = identityOf(`{"temperature":0,"x":${one}}`)!;
    expect(identityOf(`{"x":${two},"temperature":0.0}`), `${one} and ${two}`).toBe(first);
    const before = seen.get(first);
    if (before !== undefined) expect(JSON.parse(one)).toEqual(JSON.parse(before));
    seen.set(first, one);
  }
  expect(seen.size).toBeGreaterThan(300);
  // And no two of them are equal.
  const values = [...seen.values()].map(text => JSON.stringify(JSON.parse(text)));
  expect(new Set(values).size).toBe(seen.size);
});

describe('what JavaScript would make equal is not', () => {
  test.each([
    ['{"seed":9007199254740993}', '{"seed":9007199254740992}'],
    ['{"seed":1e400}', '{"seed":1e500}'],
    ['{"seed":1,"x":1e400}', '{"seed":1,"x":null}'],
    ['{"seed":1,"x":0.10000000000000000555}', '{"seed":1,"x":0.1}'],
    ['{"seed":1,"x":"\\ud800"}', '{"seed":1,"x":"\\ufffd"}'],
    ['{"seed":1,"__proto__":{"a":1}}', '{"seed":1}'],
    ['{"seed":1,"x":{"__proto__":1}}', '{"seed":1,"x":{}}'],
    ['{"seed":1,"x":[1,2]}', '{"seed":1,"x":[12]}'],
    ['{"seed":1,"x":"1"}', '{"seed":1,"x":1}'],
    ['{"seed":1,"x":{"user":"a"}}', '{"seed":1,"x":{"user":"b"}}'],
  ])('%s and %s', (one, two) => {
    const [first, second] = [identityOf(one), identityOf(two)];
    expect(first).toBeDefined();
    expect(second).toBeDefined();
    expect(first).not.toBe(second);
  });
});

test.each<[string, object]>([
  ['no temperature', { temperature: undefined }],
  ['null as temperature', { temperature: null }],
  ['a temperature', { temperature: 0.1 }],
  ['a text as temperature', { temperature: '0' }],
  ['null as seed', { temperature: 1, seed: null }],
])('%s is random', (_name, change) => {
  expect(identityOf(JSON.stringify({ ...CHAT, ...change }))).toBeUndefined();
});

test('embeddings are deterministic', () => {
  expect(identityOf('{"model":"m","input":"x"}', { route: '/v1/embeddings' })).toBeDefined();
});

test('bytes that are no UTF-8, and nesting without bounds, have none', () => {
  const text = JSON.stringify(CHAT);
  expect(
    identityOf(Buffer.concat([Buffer.from(text.slice(0, -2)), Buffer.of(0xff), Buffer.from('"}')])),
  ).toBeUndefined();
  const deep = `{"seed":1,"x":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
  expect(identityOf(deep)).toBeUndefined();
});

test('path, query and accepted media type count, and nothing can pretend to be another of them', () => {
  const text = JSON.stringify(CHAT);
  const all = [
    identityOf(text),
    identityOf(text, { route: '/v1/completions' }),
    identityOf(text, { query: '?a' }),
    identityOf(text, { headers: { accept: '?a' } }),
    identityOf(text, { headers: { accept: 'application/json' } }),
  ];
  expect(new Set(all).size).toBe(all.length);
  expect(identityOf(text, { headers: { accept: '*/*' } })).toBe(all[0]);
});
