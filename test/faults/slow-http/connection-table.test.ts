import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kernelAddress, readConnectionTable } from '../../../faults/slow-http/attacker/connection-table.ts';
import { temporaryFolder } from '../../e2e/squall.ts';

describe.skipIf(process.platform !== 'linux')('the kernel’s table of connections', () => {
  // As seen in /proc/net/tcp and tcp6 on a little-endian machine.
  it.skipIf(endianness() === 'BE').each([
    ['127.0.0.2', '0200007F'],
    ['::1', '00000000000000000000000001000000'],
    ['::ffff:127.0.0.1', '0000000000000000FFFF00000100007F'],
    ['fd00::1', '000000FD000000000000000001000000'],
    ['fe80::42:acff:fe11:2%eth0', '000080FE00000000FFAC4200020011FE'],
    ['2001:db8:1:2:3:4:5:6', 'B80D0120020001000400030006000500'],
    ['::', '0'.repeat(32)],
    ['localhost', undefined],
    ['', undefined],
  ])('has %j as %s', (address, kernel) => {
    expect(kernelAddress(address)).toBe(kernel);
  });

  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['127.0.0.1', '::ffff:127.0.0.1'],
  ])('tells open, ended and gone apart at a server on %s that is known as %s', async (listen, host) => {
    await using server = createServer({ allowHalfOpen: true }).listen(0, listen);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const accepted = once(server, 'connection');
    const client = connect({ host, port, allowHalfOpen: true });
    await once(client, 'connect');
    const { localAddress, localPort } = client;
    const look = () => readConnectionTable(port)!(localAddress!, localPort!);
    expect(look()).toBe('open');
    const [socket] = await accepted;
    socket.end();
    await expect.poll(look).toBe('fin');
    client.destroy();
    socket.destroy();
    // What lingers is the server's, who said FIN first.
    await expect.poll(look).toBe('gone');
    expect(readConnectionTable(port)!('::2', localPort!)).toBe('gone');
    expect(readConnectionTable(port)!('nowhere', localPort!)).toBeUndefined();
  });

  it.each(['127.0.0.1', '::'])(
    'sees an end that waits behind bytes that were not read, at a server on %s',
    async listen => {
      await using server = createServer({ allowHalfOpen: true }).listen(0, listen);
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const accepted = once(server, 'connection');
      const client = connect({ host: '127.0.0.1', port });
      client.pause();
      const [socket] = await accepted;
      // More than the buffers of both ends hold, so that the FIN cannot be sent.
      socket.write(Buffer.alloc(16_000_000));
      const look = () => readConnectionTable(port)!(client.localAddress!, client.localPort!);
      await new Promise(resolve => setTimeout(resolve, 100));
      expect(look()).toBe('open');
      socket.destroy();
      await expect.poll(look).toBe('fin');
      client.destroy();
    },
  );

  it('is read where the kernel has no IPv6, and is none where the kernel has no table', () => {
    using folder = temporaryFolder();
    expect(readConnectionTable(80, folder.path)).toBeUndefined();
    // Two connections to port 80; the server has ended the second.
    const lines = ['   0: 0200007F:9C40 0100007F:0050 01 …', '   1: 0300007F:9C40 0100007F:0050 08 …'];
    writeFileSync(join(folder.path, 'tcp'), `  sl  local_address rem_address   st …\n${lines.join('\n')}\n`);
    const look = readConnectionTable(80, folder.path)!;
    expect([2, 3, 4].map(last => look(`127.0.0.${last}`, 40_000))).toEqual(['open', 'fin', 'gone']);
  });
});
