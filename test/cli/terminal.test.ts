import { Writable } from 'node:stream';
import { afterEach, expect, it, vi } from 'vitest';
import { paint, printJson, say, tableLines } from '../../cli/terminal.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function said(...lines: readonly string[]): string {
  const chunks: string[] = [];
  say(new Writable({ write: (chunk, _, done) => done(void chunks.push(String(chunk))) }), ...lines);
  return chunks.join('');
}

const HOSTILE = '\x1b]0;owned\x07\x1b[31m✓ PASS\x1b[8m\u202e\x9b2J';

it('writes our colours, and none of others', () => {
  vi.stubEnv('FORCE_COLOR', '1');
  vi.stubEnv('NO_COLOR', undefined);
  vi.stubEnv('NODE_DISABLE_COLORS', undefined);
  const text = said(`${paint('green', `good ${HOSTILE}`)} ${HOSTILE}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  const sequences = text.match(/\x1b\[\d+m/g);
  expect(sequences).toEqual(['\x1b[32m', '\x1b[39m']);
  expect(text.split('\x1b')).toHaveLength(3);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  expect(text).not.toMatch(/[\x00-\x09\x0b-\x1a\x7f-\x9f\u202e]/);
  expect(text).toContain('\\u001b[31m✓ PASS');
});

it('writes each line as one, so that no text passes for another', () => {
  expect(said('why:\n  ✓ PASS  all is well', 'next')).toBe('why: ✓ PASS  all is well\nnext\n');
});

it('escapes in JSON what JSON itself leaves alone, and means the same', () => {
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation(chunk => written.push(String(chunk)) > 0);
  printJson({ why: HOSTILE });
  vi.restoreAllMocks();
  const text = written.join('');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  expect(JSON.parse(text)).toEqual({ why: HOSTILE });
});

it('shows a table that is wider than the terminal as blocks of lines', () => {
  const rows = [
    ['Scenario', 'Base', 'Change'],
    ['a', '26.1 ms', 'none'],
    ['long', '–', 'worse'],
  ];
  expect(said(...tableLines(rows, 25))).toBe(
    'Scenario  Base     Change\na         26.1 ms  none\nlong      –        worse\n',
  );
  expect(said(...tableLines(rows, 24))).toBe(
    'a\n  Base    26.1 ms\n  Change  none\nlong\n  Base    –\n  Change  worse\n',
  );
});
