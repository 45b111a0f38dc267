import { expect, test } from 'vitest';
import { seededRandom } from '../../../../harness/random.ts';
import { parseForm } from '../../../../stack/gateway/batch/multipart.ts';

async function sent(form: FormData) {
  const request = new Request('http://x', { method: 'POST', body: form });
  return { type: request.headers.get('content-type')!, body: Buffer.from(await request.arrayBuffer()) };
}

// The encoder is that of Node, which OpenAI's client for Node.js uses.
test('reads 200 random forms as they were written', async () => {
  const random = seededRandom(1);
  for (let nth = 0; nth < 200; nth += 1) {
    const form = new FormData();
    const expected: { name: string; filename: string | undefined; text: string }[] = [];
    for (let part = random.integer(1, 4); part > 0; part -= 1) {
      const text = Array.from({ length: random.integer(0, 60) }, () =>
        random.pick(['a', '\n', '\r\n', '--', 'ü', '"', ' ']),
      ).join('');
      const name = random.pick(['file', 'purpose', 'a b', 'q"uote', 'ü']);
      const filename = random.next() < 0.5 ? random.pick(['a.jsonl', 'b "c".txt', 'ü.jsonl']) : undefined;
      if (filename === undefined) form.append(name, text);
      else form.append(name, new Blob([text]), filename);
      // A text field has CRLF for its line ends, as in HTML forms.
      expected.push({ name, filename, text: filename === undefined ? text.replaceAll(/\r\n|\r|\n/g, '\r\n') : text });
    }
    const { type, body } = await sent(form);
    const found = parseForm(type, body).map(({ content, ...part }) => ({ ...part, text: String(content) }));
    expect(found).toEqual(expected);
  }
});

test('reads a quoted boundary, and what precedes and follows the parts', () => {
  const body = Buffer.from('before\r\n--a b\r\ncontent-disposition: form-data; name=x\r\n\r\n1\r\n--a b--\r\nafter');
  expect(parseForm('multipart/form-data; charset=utf-8; boundary="a b"', body)).toMatchObject([{ name: 'x' }]);
});

test.each([
  ['another type', 'application/json', '{}'],
  ['no boundary', 'multipart/form-data', '--x--'],
  ['no delimiter', 'multipart/form-data; boundary=x', 'hello'],
  [
    'a part without an end',
    'multipart/form-data; boundary=x',
    '--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1',
  ],
  ['a part without a name', 'multipart/form-data; boundary=x', '--x\r\na: b\r\n\r\n1\r\n--x--'],
  ['a part without headers', 'multipart/form-data; boundary=x', '--x\r\n1\r\n--x--'],
  [
    'too many parts',
    'multipart/form-data; boundary=x',
    `${'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n'.repeat(21)}--x--`,
  ],
])('refuses a form with %s', (_, type, text) => {
  expect(() => parseForm(type, Buffer.from(text))).toThrow(/^Expected /);
});

test('never throws anything else, or reads beyond the body, whatever it is', async () => {
  const form = new FormData();
  form.append('purpose', 'batch');
  form.append('file', new Blob(['{}\n{}']), 'in.jsonl');
  const { type, body } = await sent(form);
  const random = seededRandom(2);
  for (let nth = 0; nth < 3000; nth += 1) {
    const changed = Buffer.from(body.subarray(0, random.next() < 0.5 ? random.integer(0, body.length) : body.length));
    for (let count = random.integer(0, 3); count > 0 && changed.length > 0; count -= 1)
      changed[random.integer(0, changed.length - 1)] = random.pick([0, 10, 13, 34, 45, 120]);
    try {
      for (const { content } of parseForm(type, changed)) expect(content.length).toBeLessThanOrEqual(changed.length);
    } catch (error) {
      expect(error).toMatchObject({ status: 400 });
    }
  }
});
