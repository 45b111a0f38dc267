import { expect, it } from 'vitest';
import { parseYaml } from '../../../scenarios/input/yaml.ts';

const lines = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n');
/** CPU time of work in ms, which a busy machine does not change. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const bomb = [
  'a: &a [x, x, x, x, x, x, x, x, x]',
  ...[...'bcdefgh'].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(', ')}]`),
].join('\n');

it('reads YAML and JSON', () => {
  expect(parseYaml('a: &x { b: [1, off, 10s] }\nc: *x\n')).toEqual({
    a: { b: [1, 'off', '10s'] },
    c: { b: [1, 'off', '10s'] },
  });
  expect(parseYaml('{"a": [true, null, "ü"]}')).toEqual({ a: [true, null, 'ü'] });
  expect(parseYaml('')).toBeNull();
});

it.each<[string, string, RegExp]>([
  ['an alias bomb', bomb, /^its aliases cannot be resolved: Excessive alias count/],
  [
    'many aliases',
    `${lines(2000, i => `k${i}: &a${i} 1`)}\n${lines(2000, i => `l${i}: *a${i}`)}`,
    /^it has more than 100 aliases at line 2101$/,
  ],
  ['deep brackets', '['.repeat(100_000), /^it is nested deeper than 64 levels$/],
  ['deep objects', `${'{a: '.repeat(5000)}1${'}'.repeat(5000)}`, /^it is nested deeper than 64 levels$/],
  ['deep dashes', `${'- '.repeat(20_000)}1`, /^it is nested deeper than 64 levels$/],
  ['deep keys', `${'? '.repeat(20_000)}1`, /^it is nested deeper than 64 levels$/],
  ['a key that is a list', '? [1, 2]\n: 3', /^it has a key that is not a text at line 1$/],
  ['a repeated key', `a: 1\nb: 2\n"a": 3`, /^it has the key "a" twice at line 3$/],
  ['a repeated key of JSON', '{"a": {"b": 1,\n"b": 2}}', /^it has the key "b" twice at line 2$/],
  ['several documents', '---\n'.repeat(1000), /multiple documents/],
  ['what is no YAML', 'secret: [hunter2\nb: 1', /at line \d+, column \d+$/],
])('refuses %s within two seconds of CPU time, in one line that quotes nothing of it', (_, text, message) => {
  let error: unknown;
  expect(
    cpuMs(() => {
      try {
        parseYaml(text);
      } catch (thrown) {
        error = thrown;
      }
    }),
  ).toBeLessThan(2000);
  expect(error).toMatchObject({ message: expect.stringMatching(message) });
  expect(String(error)).not.toMatch(/\n|hunter2/);
});

it('reads as many keys as fit a file within two seconds of CPU time', () => {
  const text = lines(25_000, i => `k${i}: 1`);
  expect(cpuMs(() => expect(Object.keys(parseYaml(text) as object)).toHaveLength(25_000))).toBeLessThan(2000);
});
