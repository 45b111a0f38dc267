import { createServer, type Socket } from 'node:net';
import { open, type Stage, transcript } from './socket-stage.ts';

/** Writes, and adds to `told` how that ended. */
function write(socket: Socket, name: string, bytes: string | Buffer, told: string[]): void {
  socket.write(bytes, error => void told.push(`${name} ${(error as NodeJS.ErrnoException | null)?.code ?? 'written'}`));
}

/** How connections end, in every order that a service may meet. */
export const endScripts: Record<string, (stage: Stage) => Promise<unknown>> = {
  'a paused reader hears of a reset after the bytes before it': async stage => {
    const { client, server, told } = await open(stage);
    server.pause();
    await stage.sleep(10);
    client.write('bytes');
    await stage.sleep(20);
    client.resetAndDestroy();
    await stage.sleep(30);
    const before = [...told.server];
    server.resume();
    await stage.sleep(30);
    return { before, told };
  },
  'a paused writer hears of a reset by its write': async stage => {
    const { client, server, told } = await open(stage);
    server.pause();
    await stage.sleep(10);
    client.resetAndDestroy();
    await stage.sleep(30);
    const before = [...told.server];
    write(server, 'one', 'x', told.server);
    await stage.sleep(30);
    return { before, told };
  },
  'a reset ends a write that waits': async stage => {
    const { client, server, told } = await open(stage);
    server.pause();
    await stage.sleep(10);
    write(client, 'large', Buffer.alloc(20_000_000), told.client);
    write(client, 'next', 'x', told.client);
    await stage.sleep(50);
    server.resetAndDestroy();
    await stage.sleep(50);
    return { told: told.client };
  },
  'a reset ends a write that waits on a paused socket': async stage => {
    const { client, server, told } = await open(stage);
    server.pause();
    client.pause();
    await stage.sleep(10);
    write(client, 'large', Buffer.alloc(20_000_000), told.client);
    await stage.sleep(50);
    server.resetAndDestroy();
    await stage.sleep(50);
    return { told: told.client };
  },
  'writes that wait when a socket is destroyed': async stage => {
    const { client, server, told } = await open(stage);
    server.pause();
    await stage.sleep(10);
    write(client, 'large', Buffer.alloc(20_000_000), told.client);
    write(client, 'next', 'x', told.client);
    await stage.sleep(30);
    client.destroy();
    write(client, 'last', 'x', told.client);
    await stage.sleep(50);
    return { told: told.client, state: [client.readyState, client.writable, client.readable, client.closed] };
  },
  'writes before a connection that is refused': async stage => {
    const closed = createServer();
    const endpoint = await stage.server.listen(closed, { host: stage.host, port: 0 });
    await new Promise(resolve => closed.close(resolve));
    const client = stage.client.connect(endpoint);
    const told = transcript(client);
    write(client, 'one', 'x', told);
    write(client, 'two', 'x', told);
    client.end(() => told.push('ended'));
    await stage.sleep(50);
    return told;
  },
  'writes before a connection that is destroyed': async stage => {
    const listening = createServer();
    const endpoint = await stage.server.listen(listening, { host: stage.host, port: 0 });
    const client = stage.client.connect(endpoint);
    const told = transcript(client);
    write(client, 'one', 'x', told);
    client.destroy();
    await stage.sleep(50);
    listening.close();
    return told;
  },
  'a write after the end of the peer, where that ends both': async stage => {
    const { client, server, told } = await open(stage);
    client.once('end', () => write(client, 'at the end', 'x', told.client));
    server.end();
    await stage.sleep(40);
    return told;
  },
  'a write after both have ended': async stage => {
    const { client, server, told } = await open(stage);
    server.end();
    await stage.sleep(40);
    write(client, 'late', 'x', told.client);
    await stage.sleep(20);
    return { told, state: [client.readyState, client.destroyed] };
  },
  'a write after the own end': async stage => {
    const { client, told } = await open(stage, { serverHalfOpen: true, clientHalfOpen: true });
    client.end();
    write(client, 'late', 'x', told.client);
    await stage.sleep(40);
    return { told: told.client, state: [client.readyState, client.destroyed] };
  },
  'both end at once': async stage => {
    const { client, server, told } = await open(stage, { serverHalfOpen: true, clientHalfOpen: true });
    client.end('a');
    server.end('b');
    await stage.sleep(40);
    return told;
  },
  'bytes that were read and not taken do not reset': async stage => {
    const { client, server, told } = await open(stage);
    server.pause();
    await stage.sleep(10);
    client.write('bytes');
    await stage.sleep(20);
    server.destroy();
    await stage.sleep(20);
    return told;
  },
  'both are destroyed at once': async stage => {
    const { client, server, told } = await open(stage);
    client.destroy();
    server.destroy();
    await stage.sleep(40);
    return told;
  },
  'an end is told before a reset that follows it': async stage => {
    const { client, server, told } = await open(stage, { serverHalfOpen: true });
    client.write('x');
    client.end();
    await stage.sleep(20);
    client.resetAndDestroy();
    await stage.sleep(30);
    write(server, 'late', 'y', told.server);
    await stage.sleep(30);
    return told;
  },
  'bytes for a socket that is destroyed reset its peer': async stage => {
    const { client, server, told } = await open(stage, { serverHalfOpen: true });
    client.destroy();
    write(server, 'one', 'x', told.server);
    await stage.sleep(20);
    write(server, 'two', 'x', told.server);
    await stage.sleep(20);
    return told;
  },
  'one that ended and is destroyed later resets only what comes after': async stage => {
    const { client, server, told } = await open(stage, { serverHalfOpen: true, clientHalfOpen: true });
    client.end();
    await stage.sleep(20);
    write(server, 'one', 'x', told.server);
    await stage.sleep(20);
    client.destroy();
    await stage.sleep(20);
    write(server, 'two', 'x', told.server);
    await stage.sleep(20);
    write(server, 'three', 'x', told.server);
    await stage.sleep(20);
    return told;
  },
  'a server that destroys what it accepts': async stage => {
    const listening = createServer(socket => socket.destroy());
    const endpoint = await stage.server.listen(listening, { host: stage.host, port: 0 });
    const client = stage.client.connect(endpoint);
    const told = transcript(client);
    await stage.sleep(40);
    listening.close();
    return { told, bytes: client.bytesWritten };
  },
  'no timeout of a socket that is closed': async stage => {
    const { client, server, told } = await open(stage);
    client.destroy();
    client.setTimeout(10);
    server.setTimeout(10);
    await stage.sleep(60);
    return { told, timeout: [client.timeout, server.timeout] };
  },
  'a timeout while it connects': async stage => {
    const listening = createServer();
    const endpoint = await stage.server.listen(listening, { host: stage.host, port: 0 });
    const client = stage.client.connect(endpoint);
    const told = transcript(client);
    let late = 0;
    client.setTimeout(40, () => {
      late += 1;
    });
    await stage.sleep(160);
    client.destroy();
    listening.close();
    return { told, late, timeout: client.timeout };
  },
  'addresses after the end': async stage => {
    const { client, server } = await open(stage);
    const known = server.remoteAddress === client.localAddress;
    server.destroy();
    client.destroy();
    await stage.sleep(20);
    return [known, client.localAddress, client.localPort, server.localPort, client.address(), typeof server.remotePort];
  },
  'bytes of what never left': async stage => {
    const { client, server } = await open(stage);
    server.pause();
    await stage.sleep(10);
    client.write(Buffer.alloc(20_000_000));
    client.write(Buffer.alloc(1000));
    const before = client.bytesWritten;
    client.destroy();
    await stage.sleep(20);
    return [before, client.writableLength];
  },
  'readable and iterated': async stage => {
    const { client, server } = await open(stage, { serverHalfOpen: true });
    client.removeAllListeners('data');
    client.pause();
    server.write('one');
    await stage.sleep(20);
    server.end('two');
    let text = '';
    for await (const chunk of client) text += chunk;
    await stage.sleep(20);
    return [text, client.destroyed, client.readableEnded];
  },
  'an iteration that is reset': async stage => {
    const { client, server } = await open(stage);
    server.write('one');
    const read = (async () => {
      for await (const _ of client);
    })().catch(error => `${error.code} ${error.syscall}`);
    await stage.sleep(20);
    server.resetAndDestroy();
    return read;
  },
  'pause and resume keep every byte': async stage => {
    const { client, server } = await open(stage);
    let bytes = 0;
    server.on('data', chunk => {
      bytes += chunk.length;
      server.pause();
      void stage.sleep(1).then(() => server.resume());
    });
    client.end(Buffer.alloc(600_000));
    while (bytes < 600_000) await stage.sleep(20);
    await stage.sleep(20);
    return [bytes, server.destroyed];
  },
  'a piped echo ends with its client': async stage => {
    const { client, server, told } = await open(stage, { serverHalfOpen: true, clientHalfOpen: true });
    server.pipe(server);
    client.write('a');
    await stage.sleep(20);
    client.end('b');
    await stage.sleep(40);
    return { client: told.client, destroyed: [client.destroyed, server.destroyed] };
  },
};
