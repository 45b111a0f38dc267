import { createServer as createHttpServer } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { type Stage, transcript } from './socket-stage.ts';

/** What an HTTP server and a bare client of it are told while something happens. */
async function rawHttp(
  stage: Stage,
  respond: Parameters<typeof createHttpServer>[1] & {},
  act: (socket: Socket, http: ReturnType<typeof createHttpServer>) => Promise<void>,
) {
  const http = createHttpServer({ keepAliveTimeout: 60, keepAliveTimeoutBuffer: 0 }, respond);
  const seen: string[] = [];
  http.on('request', (incoming, response) => {
    incoming.on('aborted', () => seen.push('aborted')).on('close', () => seen.push('request closed'));
    response.on('close', () => seen.push(`response closed ${response.writableFinished}`));
  });
  http.on('connection', socket => socket.on('close', hadError => seen.push(`socket closed ${hadError}`)));
  const endpoint = await stage.server.listen(http, { host: stage.host, port: 0 });
  const client = stage.client.connect({ ...endpoint, allowHalfOpen: true });
  const texts: string[] = [];
  client.on('data', chunk => texts.push(String(chunk)));
  const told = transcript(client);
  await stage.sleep(20);
  await act(client, http);
  await stage.sleep(60);
  client.destroy();
  await stage.sleep(20);
  http.close();
  return { told: told.filter(words => !words.startsWith('data')), first: texts.join('').split('\r\n')[0], seen };
}

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';

/** How servers accept and end connections. */
export const serverScripts: Record<string, (stage: Stage) => Promise<unknown>> = {
  'no more connections than a server may have': async stage => {
    const listening = createServer();
    listening.maxConnections = 1;
    const drops: number[] = [];
    listening.on('drop', () => drops.push(1)).on('connection', socket => socket.on('error', () => {}));
    const endpoint = await stage.server.listen(listening, { host: stage.host, port: 0 });
    const told: string[][] = [];
    const clients: Socket[] = [];
    for (let nth = 0; nth < 3; nth += 1) {
      const client = stage.client.connect(endpoint);
      clients.push(client);
      told.push(transcript(client));
      await stage.sleep(20);
    }
    for (const client of clients) client.destroy();
    await stage.sleep(20);
    listening.close();
    return { told, drops: drops.length };
  },
  'sockets of a server that pauses them': async stage => {
    const listening = createServer({ pauseOnConnect: true });
    const bytes: number[] = [];
    listening.on('connection', socket => {
      socket.on('data', chunk => bytes.push(chunk.length));
      void stage.sleep(60).then(() => socket.resume());
    });
    const endpoint = await stage.server.listen(listening, { host: stage.host, port: 0 });
    const client = stage.client.connect(endpoint);
    client.write('bytes');
    await stage.sleep(30);
    const before = bytes.length;
    await stage.sleep(60);
    client.destroy();
    listening.close();
    return { before, bytes };
  },
  'a connection in the queue of a server that closes': async stage => {
    const listening = createServer();
    const endpoint = await stage.server.listen(listening, { host: stage.host, port: 0 });
    const errors: unknown[] = [];
    listening.on('error', error => errors.push(error));
    const closes: string[] = [];
    listening.on('close', () => closes.push('closed'));
    listening.close(error => closes.push(`called back ${error}`));
    listening.close(error => closes.push(`again ${(error as NodeJS.ErrnoException)?.code}`));
    const client = stage.client.connect(endpoint);
    const told = transcript(client);
    await stage.sleep(40);
    return { told, closes, errors };
  },
  'HTTP: an idle connection is closed by its server': stage =>
    rawHttp(
      stage,
      (_, response) => void response.end('hi'),
      async client => {
        client.write(GET);
        await stage.sleep(150);
      },
    ),
  'HTTP: a client that ends after its request': stage =>
    rawHttp(
      stage,
      (_, response) => void stage.sleep(30).then(() => response.end('hi')),
      async client => {
        client.end(GET);
        await stage.sleep(60);
      },
    ),
  'HTTP: a client that leaves during the response': stage =>
    rawHttp(
      stage,
      (_, response) => {
        response.write('one');
      },
      async client => {
        client.write(GET);
        await stage.sleep(25);
        client.destroy();
        await stage.sleep(60);
      },
    ),
  'HTTP: a client that resets during the response': stage =>
    rawHttp(
      stage,
      (_, response) => {
        response.write('one');
      },
      async client => {
        client.write(GET);
        await stage.sleep(25);
        client.resetAndDestroy();
        await stage.sleep(60);
      },
    ),
  'HTTP: what is no request': stage =>
    rawHttp(
      stage,
      (_, response) => void response.end('hi'),
      async client => {
        client.write('BAD\r\n\r\n');
        await stage.sleep(40);
      },
    ),
  'HTTP: the last response of a connection': stage =>
    rawHttp(
      stage,
      (_, response) => void response.end('hi'),
      async client => {
        client.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
        await stage.sleep(40);
      },
    ),
  'HTTP: a server that closes all its connections': stage =>
    rawHttp(
      stage,
      (_, response) => void response.write('one'),
      async (client, http) => {
        client.write(GET);
        await stage.sleep(30);
        http.closeAllConnections();
        await stage.sleep(30);
      },
    ),
  'HTTP: a server that destroys its response': stage =>
    rawHttp(
      stage,
      (_, response) => {
        response.write('one');
        void stage.sleep(20).then(() => response.destroy());
      },
      async client => {
        client.write(GET);
        await stage.sleep(60);
      },
    ),
  'HTTP: a server that answers before it has read the body': stage =>
    rawHttp(
      stage,
      (_, response) => void response.writeHead(413, { connection: 'close' }).end('no'),
      async client => {
        client.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 500000\r\n\r\n');
        client.write(Buffer.alloc(100_000));
        await stage.sleep(60);
      },
    ),
};
