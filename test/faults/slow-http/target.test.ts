import { describe, expect, it } from 'vitest';
import { Connection } from '../../../faults/slow-http/attacker/connection.ts';
import { resolveTarget } from '../../../faults/slow-http/attacker/target.ts';
import { thisMachine as machine } from '../../../harness/host/network.ts';

// None of these tests connects anywhere: what is not this machine is refused before a socket exists.
describe('the target of an attack', () => {
  it('takes a name all of whose addresses are loopback, and keeps the first', async () => {
    const { address, port, host } = await resolveTarget('http://ours.invalid:81', {
      machine: { ...machine, network: { ...machine.network, lookup: async () => ['127.0.0.3', '::1'] } },
    });
    expect({ address, port, host }).toEqual({ address: '127.0.0.3', port: 81, host: 'ours.invalid:81' });
  });

  it('refuses another machine, and lets one pass that is owned, without connecting to it', async () => {
    await expect(resolveTarget('http://192.0.2.1', { machine })).rejects.toMatchObject({ code: 'TARGET_NOT_LOCAL' });
    const target = await resolveTarget('http://192.0.2.1', { machine, iOwnThisTarget: true });
    expect(target).toMatchObject({ address: '192.0.2.1', port: 80 });
  });

  it.each([
    ['https://127.0.0.1:81', {}, '127.0.0.1:81', ''],
    ['https://[::1]', {}, '[::1]', ''],
    ['https://127.0.0.1:81', { origin: 'https://llm.invalid' }, 'llm.invalid', 'llm.invalid'],
  ])('takes %s with %j as %s, in a TLS session with "%s"', async (url, options, host, name) => {
    expect(await resolveTarget(url, { machine, ...options })).toMatchObject({ host, tls: { name } });
  });

  it.each(['unix:/run/gateway.sock', '127.0.0.1:80', ''])('calls "%s" no target', async url => {
    await expect(resolveTarget(url, { machine })).rejects.toMatchObject({ kind: 'option', code: 'BAD_TARGET' });
  });

  it('checks again at the moment of connecting, whatever it was handed', () => {
    const forged = {
      url: 'http://ours.invalid',
      address: '192.0.2.1',
      port: 80,
      tls: null,
      host: 'ours.invalid',
      iOwnThisTarget: false,
    } as const;
    const never = () => expect.unreachable();
    const events = {
      network: machine.network,
      nowMs: () => 0,
      established: never,
      ready: never,
      received: never,
      ended: never,
    };
    expect(() => new Connection(0, forged, undefined, undefined, events)).toThrow(/Nothing was sent/);
  });
});
