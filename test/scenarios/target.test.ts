import { describe, expect, it } from 'vitest';
import { checkTarget, isLoopback } from '../../scenarios/target.ts';

const { signal } = new AbortController();
/** A resolver that knows one name, so that no test asks the network. */
const names = (table: Readonly<Record<string, readonly string[]>>) => async (host: string) => table[host] ?? [];
const check = (url: string, addresses: readonly string[] = [], iOwnThisTarget = false) =>
  checkTarget(url, { signal, iOwnThisTarget, resolve: names({ 'llm.invalid': addresses }) });

describe('a target', () => {
  it.each([
    ['http://127.0.0.1:8000', 'http://127.0.0.1:8000', '127.0.0.1', 8000],
    ['http://127.0.0.1:8000/v1/', 'http://127.0.0.1:8000', '127.0.0.1', 8000],
    ['http://127.4.5.6/team/v1', 'http://127.4.5.6/team', '127.4.5.6', 80],
    ['https://[::1]', 'https://[::1]', '::1', 443],
    // The same address in other clothes, as URL parsers read them.
    ['http://2130706433:81', 'http://127.0.0.1:81', '127.0.0.1', 81],
    ['http://0x7f.1:81', 'http://127.0.0.1:81', '127.0.0.1', 81],
  ])('%s is on this machine', async (url, base, address, port) => {
    expect(await check(url)).toEqual({ url: base, address, addresses: [address], port });
  });

  it.each([
    ['http://192.0.2.1', []],
    ['http://[2001:db8::1]', []],
    // It reaches this machine on some systems, and everything that listens there; it is no address of its own.
    ['http://0.0.0.0', []],
    ['http://llm.invalid', ['192.0.2.1']],
    // One address elsewhere is enough: nobody knows which one a client will take.
    ['http://llm.invalid', ['127.0.0.1', '192.0.2.1']],
    ['http://llm.invalid', ['127.0.0.1', '::ffff:192.0.2.1']],
    ['http://127.0.0.1.llm.invalid', ['127.0.0.1']],
  ])('%s at %j is refused without a word from its owner', async (url, addresses) => {
    const code = url.includes('127.0.0.1.') ? 'TARGET_UNRESOLVED' : 'TARGET_NOT_LOCAL';
    await expect(check(url, addresses)).rejects.toMatchObject({ code, next: expect.any(String) });
  });

  it('is allowed elsewhere when its owner says so, at the addresses that were checked', async () => {
    const checked = await check('https://llm.invalid', ['192.0.2.1', '192.0.2.2'], true);
    expect(checked).toEqual({
      url: 'https://llm.invalid',
      address: '192.0.2.1',
      addresses: ['192.0.2.1', '192.0.2.2'],
      port: 443,
    });
  });

  it.each(['127.0.0.1:8000', 'ftp://127.0.0.1', 'http://127.0.0.1/?a=1', 'http://127.0.0.1/#a', 'nonsense', ''])(
    '%j is no base URL',
    async url => {
      await expect(check(url)).rejects.toMatchObject({ kind: 'option', code: 'BAD_TARGET' });
    },
  );

  it('with a password is refused, and the password not repeated', async () => {
    const refused = check('http://me:hunter2@127.0.0.1');
    await expect(refused).rejects.toMatchObject({
      code: 'BAD_TARGET',
      message: expect.not.stringContaining('hunter2'),
    });
  });

  it('whose name leads nowhere says so', async () => {
    const refused = checkTarget('http://llm.invalid', { signal });
    await expect(refused).rejects.toMatchObject({
      code: 'TARGET_UNRESOLVED',
      message: expect.stringMatching(/llm\.invalid/),
    });
  });

  it('whose name is never resolved does not keep anybody who leaves', async () => {
    const leaving = new AbortController();
    const stuck = checkTarget('http://llm.invalid', { signal: leaving.signal, resolve: () => new Promise(() => {}) });
    leaving.abort(new Error('left'));
    await expect(stuck).rejects.toThrow('left');
  });
});

describe('an address', () => {
  it.each([
    ['127.0.0.1', true],
    ['127.255.255.254', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['128.0.0.1', false],
    ['126.255.255.255', false],
    ['::', false],
    ['::2', false],
    ['10.0.0.1', false],
    ['169.254.169.254', false],
    ['localhost', false],
  ])('%s is of this machine alone: %s', (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });
});
