import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type ClientTls, tlsOptionsOf } from '../../../harness/host/client-tls.ts';
import { makeAuthority } from '../../../stack/edge/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'squall-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));
const authority = await makeAuthority(new Date());
const [own, other] = await Promise.all(['a', 'b'].map(name => authority.issue({ names: [name] })));
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const certificateFile = file('own.pem', own!.certificate);

it('reads a certificate and its key, from two files or one', () => {
  expect(tlsOptionsOf()).toEqual({});
  expect(tlsOptionsOf({ insecure: true })).toEqual({ rejectUnauthorized: false });
  const keyFile = file('key.pem', own!.key);
  expect(tlsOptionsOf({ certificateFile, keyFile })).toEqual({ cert: own!.certificate, key: own!.key });
  const both = file('both.pem', `${own!.certificate}\n${own!.key}`);
  expect(tlsOptionsOf({ certificateFile: both })).toMatchObject({ cert: expect.stringContaining(own!.key) });
});

it.each<[string, ClientTls, RegExp]>([
  ['no file', { certificateFile: join(folder, 'absent') }, /--client-cert.*ENOENT/],
  ['no key', { certificateFile }, /--client-key/],
  ['a key alone', { keyFile: certificateFile }, /--client-cert/],
  ['no PEM', { certificateFile: file('x', 'x'), keyFile: file('y', 'y') }, /PEM/],
  ['the key of another', { certificateFile, keyFile: file('other.pem', other!.key) }, /mismatch/],
])('refuses %s before anything starts, by the name of the option', (_, tls, message) => {
  expect(() => tlsOptionsOf(tls)).toThrow(message);
});
