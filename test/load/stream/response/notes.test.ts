import { describe, expect, it } from 'vitest';
import { sumNotes } from '../../../../harness/load-summary.ts';
import { EXCERPT_BYTES, excerptOf } from '../../../../load/stream/response/excerpt.ts';
import { Notes, secretsOf } from '../../../../load/stream/response/notes.ts';
import { ODDITIES, sentenceOf } from '../../../../load/stream/response/oddities.ts';

describe('an excerpt', () => {
  it.each<[string, string, string]>([
    ['text', 'no model nope here, there is my-model', 'no model nope here, there is my-model'],
    ['line ends', 'a\r\n\tb\n', 'a\\r\\n\\tb'],
    ['escape sequences', 'a\u001b[31mb\u0000', 'a\\u001b[31mb\\u0000'],
    ['marks that turn text around', 'a\u202eb\u2028c', 'a\\u202eb\\u2028c'],
    ['a key of OpenAI', 'Incorrect API key provided: sk-proj-abc123.', 'Incorrect API key provided: ***'],
    ['a key that is masked in part', 'key sk-ab****yz1 is wrong', 'key *** is wrong'],
    ['keys of others', 'hf_abcDEF123 gsk_abcDEF123 AIzaSyA-1234567890', '*** *** ***'],
    ['an authorization', 'Authorization: Bearer abc.DEF-123', 'Authorization: Bearer ***'],
    ['a token', 'invalid token eyJhbGciOi.eyJzdWIi.SflKx', 'invalid token ***'],
    ['a field', '{"api_key":"hello","n":1}', '{"api_key":"***","n":1}'],
    ['a field in a string', '{"body":"{\\"password\\": \\"hello\\"}"}', '{"body":"{\\"password\\": \\"***\\"}"}'],
    ['a parameter', '/v1?api-key=hello&x=1', '/v1?api-key=***&x=1'],
    ['no secrets', '{"error":"unknown parameter max_tokens"}', '{"error":"unknown parameter max_tokens"}'],
  ])('of %s', (_name, text, expected) => {
    expect(excerptOf(text)).toBe(expected);
  });

  it('holds no header of its request, whole or without its scheme', () => {
    const headers = {
      Authorization: 'Bearer my own words',
      'X-Tenant': 'blue-7',
      accept: 'text/event-stream',
      host: 'h',
    };
    const text = excerptOf('you sent my own words as Bearer my own words for blue-7 to h', secretsOf(headers));
    expect(text).not.toMatch(/own words|blue-7/);
    expect(text).toMatch(/ to h$/);
  });

  it('is cut within its bytes, between characters, after secrets are masked', () => {
    const cut = excerptOf('€'.repeat(200));
    expect(cut).toMatch(/^€+…$/);
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(EXCERPT_BYTES);
    expect(excerptOf(`${'x'.repeat(EXCERPT_BYTES - 12)} sk-0123456789`)).toMatch(/x \*\*\*$/);
    expect(Buffer.byteLength(excerptOf('\u0001'.repeat(300)))).toBeLessThanOrEqual(EXCERPT_BYTES);
  });
});

describe('notes', () => {
  const header = (name: string) => ({ 'content-type': 'text/html', via: '1.1 proxy', cookie: 'c' })[name];

  it('keep the first example of each kind, and count', () => {
    const notes = new Notes();
    notes.oddity('no-done', sentenceOf('no-done', ''));
    notes.oddity('no-done', 'another');
    expect(notes.failure('http-404')).toBe(true);
    notes.explain('http-404', '<p>Not\nfound</p>', header, []);
    expect(notes.failure('http-404')).toBe(false);
    notes.explain('http-404', 'another', header, []);
    notes.explain('http-500', 'of a failure that nobody counted', header, []);
    expect(notes.list()).toEqual([
      { type: 'oddity', name: 'no-done', count: 2, example: ODDITIES['no-done'] },
      {
        ...{ type: 'failure', name: 'http-404', count: 2, example: '<p>Not\\nfound</p>' },
        headers: { 'content-type': 'text/html', via: '1.1 proxy' },
      },
    ]);
  });

  it('are bounded, whatever a server sends', () => {
    const notes = new Notes();
    for (let i = 0; i < 1000; i += 1) notes.failure(`http-${i}`);
    expect(notes.list().length).toBeLessThan(100);
  });

  it('of several workers add up, most frequent first, with an example where one has it', () => {
    const note = (name: string, count: number, example: string) => ({ type: 'failure' as const, name, count, example });
    expect(sumNotes([[note('reset', 1, ''), note('empty', 2, 'e')], [note('reset', 4, 'r')]])).toEqual([
      note('reset', 5, 'r'),
      note('empty', 2, 'e'),
    ]);
  });
});
