import { open, type Stage } from './socket-stage.ts';

/** Readers that stop, and that read in another way than before. */
export const readScripts: Record<string, (stage: Stage) => Promise<unknown>> = {
  'a listener that pauses gets no more until it resumes, then all in order': async stage => {
    const { client, server } = await open(stage);
    const read: string[] = [];
    server.on('data', chunk => {
      read.push(String(chunk));
      if (read.length % 2 === 0) server.pause();
    });
    const counts: number[] = [];
    for (const text of ['a', 'b', 'c', 'd', 'e']) {
      client.write(text);
      await stage.sleep(20);
      counts.push(read.join('').length);
    }
    for (let nth = 0; nth < 3; nth += 1) {
      server.resume();
      await stage.sleep(20);
    }
    return { counts, text: read.join(''), state: [server.readableDidRead, server.readableLength, server.bytesRead] };
  },
  'a reader that changes its ways misses nothing': async stage => {
    const { client, server } = await open(stage);
    const read: string[] = [];
    const take = (chunk: unknown) => void read.push(`data ${chunk}`);
    server.removeAllListeners('data').on('data', take);
    client.write('a');
    await stage.sleep(20);
    server.off('data', take);
    server.on('readable', () => {
      for (let chunk = server.read(); chunk !== null; chunk = server.read()) read.push(`read ${chunk}`);
    });
    client.write('b');
    await stage.sleep(20);
    server.removeAllListeners('readable').setEncoding('hex').on('data', take).resume();
    client.write('c');
    await stage.sleep(20);
    client.end('d');
    for await (const chunk of server) read.push(`iterated ${chunk}`);
    return read;
  },
};
