import { describe, expect, it } from 'vitest';
import { Connection } from '../../../faults/slow-http/attacker/connection.ts';
import { isLoopback, resolveTarget } from '../../../faults/slow-http/attacker/target.ts';

// None of these tests connects anywhere: what is not this machine is refused before a socket exists.
const answering =
  (...addresses: string[]) =>
  async () =>
    addresses;

describe('the target of an attack', () => {
  it.each(['127.0.0.1', '127.0.0.2', '127.255.255.254', '::1', '::ffff:127.0.0.1'])('%s is this machine', address => {
    expect(isLoopback(address)).toBe(true);
  });

  it.each([
    '0.0.0.0',
    '128.0.0.1',
    '126.255.255.255',
    '10.0.0.1',
    '192.0.2.1',
    '::',
    '::2',
    '::ffff:10.0.0.1',
    'fe80::1',
    'x',
  ])('%s is not known to be this machine', address => {
    expect(isLoopback(address)).toBe(false);
  });

  it.each([
    ['http://127.0.0.1:8080', '127.0.0.1', 8080],
    ['http://127.9.9.9', '127.9.9.9', 80],
    ['http://[::1]:81/', '::1', 81],
    ['http://2130706433:82', '127.0.0.1', 82],
  ])('takes %s', async (url, address, port) => {
    expect((await resolveTarget(url)).socket).toEqual({ kind: 'tcp', address, port });
  });

  it('takes a socket in the file system', async () => {
    expect((await resolveTarget('unix:/run/gateway.sock')).socket).toEqual({ kind: 'unix', path: '/run/gateway.sock' });
  });

  it.each([
    'http://192.0.2.1',
    'http://192.0.2.1:8080',
    'http://[2001:db8::1]',
    'http://0.0.0.0:80',
    'http://[::ffff:c000:201]',
  ])('refuses %s', async url => {
    await expect(resolveTarget(url)).rejects.toMatchObject({ kind: 'option', code: 'TARGET_NOT_OURS' });
  });

  it('refuses a name one of whose addresses is another machine’s', async () => {
    const lookup = answering('127.0.0.1', '192.0.2.1');
    await expect(resolveTarget('http://mixed.invalid', { lookup })).rejects.toMatchObject({ code: 'TARGET_NOT_OURS' });
  });

  it('takes a name all of whose addresses are loopback, and keeps the address', async () => {
    const { socket, host } = await resolveTarget('http://ours.invalid:81', { lookup: answering('127.0.0.3', '::1') });
    expect({ socket, host }).toEqual({
      socket: { kind: 'tcp', address: '127.0.0.3', port: 81 },
      host: 'ours.invalid:81',
    });
  });

  it('refuses a name that nobody knows', async () => {
    await expect(resolveTarget('http://nobody.invalid')).rejects.toMatchObject({ code: 'TARGET_UNKNOWN' });
  });

  it.each([
    'https://127.0.0.1',
    'ftp://127.0.0.1',
    '127.0.0.1:80',
    'http://127.0.0.1/path',
    'http://a:b@127.0.0.1',
    '',
  ])('calls "%s" no target', async url => {
    await expect(resolveTarget(url)).rejects.toMatchObject({ kind: 'option', code: 'BAD_TARGET' });
  });

  it('lets a target pass that is owned, without connecting to it', async () => {
    const target = await resolveTarget('http://192.0.2.1', { isOwned: true });
    expect(target.socket).toEqual({ kind: 'tcp', address: '192.0.2.1', port: 80 });
  });

  it('checks again at the moment of connecting, whatever it was handed', () => {
    const forged = {
      url: 'http://ours.invalid',
      socket: { kind: 'tcp', address: '192.0.2.1', port: 80 },
      host: 'ours.invalid',
      isOwned: false,
    } as const;
    const never = () => expect.unreachable();
    const events = { nowMs: () => 0, established: never, received: never, ended: never };
    expect(() => new Connection(0, forged, undefined, 'all', events)).toThrow(/TARGET_NOT_OURS|Nothing was sent/);
  });
});
