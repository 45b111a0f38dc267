import { open, type Stage } from './socket-stage.ts';

/** What a socket does with what is written while it is corked. */
export const corkScripts: Record<string, (stage: Stage) => Promise<unknown>> = {
  'what is written under corks goes in order': async stage => {
    const { client, server, told } = await open(stage);
    const got: Buffer[] = [];
    server.on('data', chunk => got.push(chunk));
    client.cork();
    client.write('a');
    client.cork();
    client.write(Buffer.from('b'));
    client.write('0a', 'hex');
    client.uncork();
    await stage.sleep(30);
    const early = got.length;
    client.write('é', 'latin1');
    let called = false;
    client.write('c', () => {
      called = true;
    });
    client.uncork();
    await stage.sleep(30);
    client.cork();
    client.write('d');
    client.end('e');
    await stage.sleep(50);
    return { told, early, called, got: Buffer.concat(got).toString('hex') };
  },

  'corks hold back more than a socket buffers, then a write waits for the reader': async stage => {
    const { client, server, told } = await open(stage);
    server.pause();
    client.cork();
    const returned = [client.write('x'), client.write(Buffer.alloc(client.writableHighWaterMark))];
    client.uncork();
    client.write(Buffer.alloc(20_000_000));
    await stage.sleep(50);
    const waits = client.writableNeedDrain;
    const drained = new Promise(resolve => client.once('drain', resolve));
    server.resume();
    await drained;
    const read = new Promise<Buffer>(resolve => server.on('data', chunk => chunk.at(-1) === 121 && resolve(chunk)));
    client.write('y');
    await read;
    return { told: told.client, returned, waits, read: server.bytesRead };
  },

  'a write of no bytes under a cork calls back, too': async stage => {
    const { client, told } = await open(stage);
    let called = 0;
    client.cork();
    client.write('', 'latin1', () => {
      called += 1;
    });
    client.uncork();
    await stage.sleep(50);
    return { told, called };
  },

  'what is corked is lost when its socket is destroyed': async stage => {
    const { client, server, told } = await open(stage);
    client.cork();
    client.write('lost');
    client.destroy();
    client.uncork();
    await stage.sleep(50);
    return { told, read: server.bytesRead, writes: client.bytesWritten };
  },
};
