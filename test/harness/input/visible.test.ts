import { expect, it } from 'vitest';
import { escaped, visible } from '../../../harness/input/visible.ts';

it('escapes what a terminal obeys, and what reorders text, and nothing else', () => {
  const hostile = '\x1b[2J\x07\x9b31m\x7f\u202e\u2066\u200f\u061c\u2028\r\t';
  expect(escaped(hostile)).toBe('\\u001b[2J\\u0007\\u009b31m\\u007f\\u202e\\u2066\\u200f\\u061c\\u2028\\u000d\\u0009');
  expect(escaped('a\nb')).toBe('a\\u000ab');
  expect(visible('a\n\x1bb')).toBe('a\n\\u001bb');
  const harmless = 'gateway→inference-1 – ü 日本 👩‍💻 ✓';
  expect(visible(harmless)).toBe(harmless);
});
