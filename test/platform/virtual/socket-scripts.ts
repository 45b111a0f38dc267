import { createServer as createHttpServer, Agent as HttpAgent, request } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { corkScripts } from './cork-scripts.ts';
import { endScripts } from './end-scripts.ts';
import { readScripts } from './read-scripts.ts';
import { serverScripts } from './server-scripts.ts';
import { open, type Stage, transcript } from './socket-stage.ts';

/** What is done on the stage, and what it shows. */
export const scripts: Record<string, (stage: Stage) => Promise<unknown>> = {
  ...corkScripts,
  ...endScripts,
  ...readScripts,
  ...serverScripts,
  'what waits to be sent counts as written': async stage => {
    const { client, server } = await open(stage);
    server.pause();
    for (let nth = 0; nth < 3; nth += 1) client.write(Buffer.alloc(8_000_000));
    const waiting = [client.bytesWritten, client.writableLength > 0];
    server.resume();
    while (server.bytesRead < 24_000_000) await stage.sleep(20);
    return [...waiting, client.bytesWritten];
  },
  'bytes both ways, then an end from the client': async stage => {
    const { client, server, told } = await open(stage);
    client.write('hello');
    server.write(Buffer.alloc(100_000));
    await stage.sleep(50);
    client.end();
    await stage.sleep(50);
    return { told, bytes: [client.bytesRead, client.bytesWritten, server.bytesRead, server.bytesWritten] };
  },
  'an end from the server leaves a half-open client open': async stage => {
    const { client, server, told } = await open(stage, { clientHalfOpen: true, serverHalfOpen: true });
    server.end('last');
    await stage.sleep(50);
    const state = [client.readyState, server.readyState, client.writable, client.readable];
    client.write('still');
    await stage.sleep(50);
    client.end();
    await stage.sleep(50);
    return { told, state };
  },
  'nobody listens': async stage => {
    const closed = createServer();
    const endpoint = await stage.server.listen(closed, { host: stage.host, port: 0 });
    await new Promise(resolve => closed.close(resolve));
    const client = stage.client.connect(endpoint);
    const told = transcript(client);
    await stage.sleep(50);
    return { told, destroyed: client.destroyed, readyState: client.readyState };
  },
  'the client is destroyed': async stage => {
    const { client, told } = await open(stage);
    client.destroy();
    await stage.sleep(50);
    return told;
  },
  'the client is destroyed with an error': async stage => {
    const { client, told } = await open(stage);
    client.destroy(Object.assign(new Error('enough'), { code: 'ENOUGH' }));
    await stage.sleep(50);
    return told;
  },
  'the client resets': async stage => {
    const { client, told } = await open(stage);
    client.resetAndDestroy();
    await stage.sleep(50);
    return told;
  },
  'the client resets before it is connected': async stage => {
    const listening = createServer();
    const accepted: string[][] = [];
    listening.on('connection', socket => accepted.push(transcript(socket)));
    const endpoint = await stage.server.listen(listening, { host: stage.host, port: 0 });
    const client = stage.client.connect(endpoint);
    const told = transcript(client);
    client.resetAndDestroy();
    await stage.sleep(50);
    listening.close();
    return { told, accepted };
  },
  'the client is destroyed while it connects': async stage => {
    const listening = createServer();
    const endpoint = await stage.server.listen(listening, { host: stage.host, port: 0 });
    const client = stage.client.connect(endpoint);
    const told = transcript(client);
    client.destroy();
    await stage.sleep(50);
    listening.close();
    return told;
  },
  'the server closes with bytes unread': async stage => {
    const { client, server, told } = await open(stage);
    server.pause();
    await stage.sleep(10);
    client.write(Buffer.alloc(200_000));
    await stage.sleep(50);
    server.destroy();
    await stage.sleep(50);
    return { client: told.client, server: told.server.filter(words => !words.startsWith('data')) };
  },
  'a write after the peer has gone': async stage => {
    const { client, server, told } = await open(stage, { clientHalfOpen: true });
    server.destroy();
    await stage.sleep(50);
    client.write('one');
    await stage.sleep(50);
    client.write('two');
    await stage.sleep(50);
    return told;
  },
  'writes before it is connected': async stage => {
    const listening = createServer();
    const told: string[][] = [];
    listening.on('connection', socket => told.push(transcript(socket)));
    const endpoint = await stage.server.listen(listening, { host: stage.host, port: 0 });
    const client = stage.client.connect(endpoint);
    told.push(transcript(client));
    client.write('early');
    client.end(' bird');
    await stage.sleep(80);
    listening.close();
    return told.sort((a, b) => a.length - b.length || String(a).localeCompare(String(b)));
  },
  'a reader that waits makes the writer wait': async stage => {
    const { client, server, told } = await open(stage);
    server.pause();
    let written = 0;
    const chunk = Buffer.alloc(64 * 1024);
    while (written < 64 && client.write(chunk)) written += 1;
    await stage.sleep(100);
    // More than any kernel holds.
    for (let count = 0; count < 300; count += 1) client.write(chunk);
    await stage.sleep(300);
    const waited = client.writableNeedDrain && client.writableLength > 0;
    server.resume();
    await new Promise(resolve => client.once('drain', resolve));
    const drained = !client.writableNeedDrain && client.writableLength === 0;
    while (server.bytesRead < client.bytesWritten) await stage.sleep(20);
    client.destroy();
    await stage.sleep(50);
    return { waited, drained, client: told.client };
  },
  'an end is told after the bytes before it, however late they are read': async stage => {
    const { client, server, told } = await open(stage);
    server.pause();
    await stage.sleep(10);
    client.end('bytes');
    await stage.sleep(50);
    const before = [...told.server];
    server.resume();
    await stage.sleep(50);
    return { before, told };
  },
  'a timeout is told, and again after activity': async stage => {
    const { client, server, told } = await open(stage);
    client.setTimeout(300);
    await stage.sleep(200);
    server.write('x');
    await stage.sleep(200);
    const before = told.client.filter(words => words === 'timeout').length;
    await stage.sleep(300);
    client.setTimeout(0);
    client.destroy();
    await stage.sleep(30);
    return { before, told: told.client };
  },
  'destroySoon sends what was written': async stage => {
    const { client, told } = await open(stage);
    client.write(Buffer.alloc(50_000));
    client.destroySoon();
    await stage.sleep(80);
    return told;
  },
  addresses: async stage => {
    const { client, server, listening } = await open(stage);
    const same = client.localPort === server.remotePort && client.remotePort === server.localPort;
    const listens = (listening.address() as { port: number }).port === client.remotePort;
    const states = [client.readyState, client.pending, client.connecting, listening.listening];
    client.destroy();
    await stage.sleep(30);
    return { same, listens, states, after: [client.remoteAddress === stage.host, client.readyState] };
  },
  'a port is taken': async stage => {
    const first = createServer();
    const endpoint = await stage.server.listen(first, { host: stage.host, port: 0 });
    const error = await stage.server
      .listen(createServer(), endpoint)
      .catch((error: NodeJS.ErrnoException) => error.code);
    first.close();
    return error;
  },
  'a server is closed when its last connection is': async stage => {
    const { client, listening, told } = await open(stage);
    let closed = 0;
    listening.close(() => {
      closed += 1;
    });
    await stage.sleep(30);
    const before = closed;
    client.end();
    await stage.sleep(50);
    return { before, closed, listening: listening.listening, told };
  },
  'an HTTP server drains: idle connections close at once, busy ones after their response': async stage => {
    const http = createHttpServer((incoming, response) => {
      const wait = Number(incoming.url?.slice(1));
      void stage.sleep(wait).then(() => response.end(`after ${wait}`));
    });
    const endpoint = await stage.server.listen(http, { host: stage.host, port: 0 });
    const told: string[] = [];
    const agent = new HttpAgent({ keepAlive: true });
    (agent as unknown as { createConnection: () => Socket }).createConnection = () => {
      const socket = stage.client.connect(endpoint);
      socket.on('close', () => told.push('closed'));
      return socket;
    };
    const get = (path: string) =>
      new Promise<string>((resolve, reject) =>
        request({ agent, path, host: endpoint.host }, response => {
          response.setEncoding('utf8').on('data', text => resolve(`${response.statusCode} ${text}`));
        })
          .on('error', reject)
          .end(),
      );
    const [fast, slow] = [get('/1'), get('/150')];
    told.push(await fast);
    await stage.sleep(30);
    let closed = false;
    http.close(() => {
      closed = true;
    });
    await stage.sleep(30);
    told.push(`closed ${closed}`);
    told.push(await slow);
    await stage.sleep(50);
    told.push(`closed ${closed}`);
    return told;
  },
  'fetch streams a response': async stage => {
    const http = createHttpServer(async (_, response) => {
      for (const word of ['one', 'two', 'three']) {
        response.write(word);
        await stage.sleep(20);
      }
      response.end();
    });
    const { host, port } = await stage.server.listen(http, { host: stage.host, port: 0 });
    const response = await stage.client.fetch(`http://${host}:${port}/`, { headers: { connection: 'close' } });
    const words: string[] = [];
    for await (const chunk of response.body!) words.push(Buffer.from(chunk).toString());
    http.close();
    return words;
  },
  'fetch is aborted': async stage => {
    const closes: string[] = [];
    const http = createHttpServer((incoming, response) => {
      incoming.on('close', () => closes.push('request closed'));
      response.on('close', () => closes.push('response closed'));
    });
    const { host, port } = await stage.server.listen(http, { host: stage.host, port: 0 });
    const abort = new AbortController();
    const fetched = stage.client.fetch(`http://${host}:${port}/`, { signal: abort.signal }).catch(error => error.name);
    await stage.sleep(50);
    abort.abort();
    const name = await fetched;
    await stage.sleep(50);
    http.close();
    return { name, closes };
  },
};
