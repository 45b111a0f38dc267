import { expect, it } from 'vitest';
import { parseOverrides } from '../../scenarios/override.ts';

it.each([
  'load.clients.classes.0.key=sk-hunter2',
  'load.clients.classes.vip.key=hunter2',
  'load.clients.classes=[{name: vip, key: hunter2}]',
  'load.headers.api-key=hunter2',
  'load.headers={x-a: Bearer hunter2}',
  'load.body.api_key=hunter2',
])('a literal credential has no place on a command line: %s', pair => {
  const refused = expect.objectContaining({ code: 'BAD_OVERRIDE', next: expect.stringContaining('env:NAME') });
  expect(() => parseOverrides([pair])).toThrow(refused);
  expect(() => parseOverrides([pair])).not.toThrow(/hunter2/);
});

it('a reference to one has, and so have other values', () => {
  expect(
    parseOverrides([
      'load.clients.classes.0.key=env:KEY',
      'load.headers.authorization=Bearer env:KEY',
      'a.b={c: [1]}',
      'x=',
    ]),
  ).toEqual({
    'load.clients.classes.0.key': 'env:KEY',
    'load.headers.authorization': 'Bearer env:KEY',
    'a.b': { c: [1] },
    x: null,
  });
});

it.each<[string, readonly string[], RegExp]>([
  ['no YAML', ['a=[1'], /value of `--set a` to be YAML, but: .* at line 1/],
  ['a deep one', [`a=${'['.repeat(9999)}`], /nested deeper than 64 levels/],
  ['too many', Array.from({ length: 10_000 }, (_, i) => `a${i}=1`), /at most 1000 times, got 10000/],
])('refuses %s', (_, pairs, message) => {
  expect(() => parseOverrides(pairs)).toThrow(
    expect.objectContaining({ code: 'BAD_OVERRIDE', message: expect.stringMatching(message) }),
  );
});
