import { describe, expect, it } from 'vitest';
import { type Network, systemNetwork, thisMachine } from '../../../harness/host/network.ts';
import { isLoopback, locateTarget, requireLocal } from '../../../harness/host/target.ts';

// None of these tests connects anywhere: what is not this machine is refused before a socket exists.
/** A machine whose resolver knows one name, so that no test asks the network. */
const machineThatKnows = (lookup: Network['lookup']) => ({ ...thisMachine, network: { ...systemNetwork, lookup } });
const locate = (url: string, addresses: readonly string[] = [], iOwnThisTarget = false) =>
  locateTarget(url, {
    iOwnThisTarget,
    machine: machineThatKnows(async host => (host === 'llm.invalid' ? addresses : [])),
  });

describe('a target', () => {
  it.each([
    ['http://127.0.0.1:8000', '127.0.0.1', 8000],
    ['http://127.9.9.9', '127.9.9.9', 80],
    ['http://[::1]:81/', '::1', 81],
    ['https://[::1]', '::1', 443],
    // The same address in other clothes, as URL parsers read them.
    ['http://2130706433:82', '127.0.0.1', 82],
    ['http://0x7f.1:83', '127.0.0.1', 83],
  ])('%s is on this machine', async (url, address, port) => {
    expect(await locate(url)).toEqual({ url: new URL(url), addresses: [address], port });
  });

  it('is on this machine by a name all of whose addresses are, which stay as they were looked up', async () => {
    const { addresses } = await locate('http://llm.invalid:81', ['127.0.0.3', '::1']);
    expect(addresses).toEqual(['127.0.0.3', '::1']);
  });

  it.each([
    ['http://192.0.2.1:8080', []],
    ['http://[2001:db8::1]', []],
    ['http://[::ffff:c000:201]', []],
    // It reaches this machine on some systems, and everything that listens there; it is no address of its own.
    ['http://0.0.0.0', []],
    ['http://llm.invalid', ['192.0.2.1']],
    // One address elsewhere is enough: nobody knows which one a client will take.
    ['http://llm.invalid', ['127.0.0.1', '192.0.2.1']],
    ['http://llm.invalid', ['127.0.0.1', '::ffff:192.0.2.1']],
  ])('%s at %j is refused without a word from its owner', async (url, addresses) => {
    await expect(locate(url, addresses)).rejects.toMatchObject({
      kind: 'option',
      code: 'TARGET_NOT_LOCAL',
      next: expect.stringContaining('--i-own-this-target'),
    });
  });

  it('is allowed elsewhere when its owner says so, at the addresses that were checked', async () => {
    const { addresses } = await locate('https://llm.invalid', ['192.0.2.1', '192.0.2.2'], true);
    expect(addresses).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  it.each(['127.0.0.1:8000', 'ftp://127.0.0.1', 'http://127.0.0.1/?a=1', 'http://127.0.0.1/#a', 'nonsense', ''])(
    '%j is none',
    async url => {
      await expect(locate(url)).rejects.toMatchObject({ kind: 'option', code: 'BAD_TARGET' });
    },
  );

  it('with a password is refused, and the password not repeated', async () => {
    await expect(locate('http://me:hunter2@127.0.0.1')).rejects.toMatchObject({
      code: 'BAD_TARGET',
      message: expect.not.stringContaining('hunter2'),
    });
  });

  it('whose name leads nowhere says so', async () => {
    const error = { kind: 'environment', code: 'TARGET_UNRESOLVED', message: expect.stringContaining('llm.invalid') };
    await expect(locate('http://127.0.0.1.llm.invalid')).rejects.toMatchObject(error);
    await expect(locateTarget('http://llm.invalid', { machine: thisMachine })).rejects.toMatchObject(error);
  });

  it('whose name is never resolved does not keep anybody who leaves', async () => {
    const leaving = new AbortController();
    const stuck = locateTarget('http://llm.invalid', {
      signal: leaving.signal,
      machine: machineThatKnows(() => new Promise(() => {})),
    });
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
    ['0.0.0.0', false],
    ['::', false],
    ['::2', false],
    ['::ffff:10.0.0.1', false],
    ['10.0.0.1', false],
    ['169.254.169.254', false],
    ['fe80::1', false],
    ['localhost', false],
  ])('%s is of this machine alone: %s', (address, isLocal) => {
    expect(isLoopback(address)).toBe(isLocal);
    const check = () => requireLocal(address, { url: 'http://llm.invalid', iOwnThisTarget: false });
    if (isLocal) check();
    else expect(check).toThrow('Nothing was sent');
  });
});
