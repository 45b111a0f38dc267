import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { isDeeperThan } from '../../../../stack/gateway/http/json-depth.ts';

type Json = string | number | null | Json[] | { [key: string]: Json };

function depthOf(value: Json): number {
  if (value === null || typeof value !== 'object') return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test('agrees with the parsed value, whatever its strings contain', () => {
  const random = seededRandom(7).stream('json');
  const texts = [
    '[[[',
    '"',
    '\\',
    '\\"',
    '}]',
    'plain',
    '{"a":[',
    '\\\\"[{',
    '{é}',
    `${'['.repeat(29)}\\"\\\\`,
    '\\'.repeat(40),
    `${'x'.repeat(31)}"[`,
  ];
  const text = () => texts[Math.floor(random.next() * texts.length)]!;
  const draw = (budget: number): Json => {
    const kind = random.next();
    if (budget === 0 || kind < 0.3) return text();
    const parts = Array.from({ length: Math.floor(random.next() * 4) }, () => draw(budget - 1));
    return kind < 0.65 ? parts : Object.fromEntries(parts.map((part, i) => [text() + i, part]));
  };
  for (let i = 0; i < 2000; i += 1) {
    const value = draw(6);
    const json = Buffer.from(JSON.stringify(value, null, i % 3));
    const depth = depthOf(value);
    expect([isDeeperThan(json, depth), isDeeperThan(json, depth - 1)], String(json)).toEqual([false, depth > 0]);
  }
});

test('handles truncated text and a megabyte of nested arrays', () => {
  expect(isDeeperThan(Buffer.from('{"a":"[[[['), 1)).toBe(false);
  expect(isDeeperThan(Buffer.from('['.repeat(1_000_000)), 64)).toBe(true);
});
