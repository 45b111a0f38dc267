import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { seededRandom } from '../../harness/random.ts';

/** What a server sends instead of a sound response, or beside one. Whatever follows its resolution is silence. */
export interface HostileResponse {
  readonly name: string;
  respond(socket: Socket): void | Promise<void>;
}

const MIB = 2 ** 20;
const event = (data: unknown) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
const token = (content: unknown, reason: unknown = null) =>
  event({ choices: [{ index: 0, delta: { content }, finish_reason: reason }] });
const DONE = `${token('', 'stop')}data: [DONE]\n\n`;
const ESCAPES = '\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\r';
const random = seededRandom(3);
const noise = Buffer.from(Array.from({ length: 64 * 1024 }, () => random.integer(0, 255)));

/** A sound stream; its framing alone may be wrong. */
export const SOUND_BODY = `${token('a')}${token('b')}${DONE}`;

const BODIES: Readonly<Record<string, string | Buffer>> = {
  sound: SOUND_BODY,
  nothing: '',
  escapes: `${token(ESCAPES)}${event({ error: { message: ESCAPES } })}`,
  'escapes in plain text': `Internal error ${ESCAPES}\n`,
  'invalid UTF-8': Buffer.concat([
    Buffer.from('data: {"choices":[{"delta":{"content":"'),
    Buffer.from([0xff, 0xc0, 0xaf, 0xed, 0xa0, 0x80]),
    Buffer.from('"}}]}\n\n'),
    Buffer.from(DONE),
  ]),
  'a huge line': `data: ${'x'.repeat(2 * MIB)}`,
  'a huge token': `${token('x'.repeat(2 * MIB))}${DONE}`,
  'a huge object': `{"a": [${'1,'.repeat(MIB)}1]}`,
  comments: ': ping\n\n'.repeat(20_000),
  'many events': `${token('x').repeat(5000)}${DONE}`,
  'many choices': `${event({ choices: Array.from({ length: 20_000 }, () => ({ delta: { content: 'x' } })) })}${DONE}`,
  'deep JSON': event(`${'['.repeat(50_000)}${']'.repeat(50_000)}`),
  'keys of prototypes': `${event('{"__proto__":{"choices":[]},"constructor":1,"choices":[{"delta":{"__proto__":1,"content":"x"}}]}')}${DONE}`,
  'huge usage': `${token('x')}${event({ choices: [], usage: { prompt_tokens: 1e308, completion_tokens: -5, total_tokens: 'x' } })}${DONE}`,
  'wrong types': `${token({ a: 1 })}${token([])}${token(5)}${event({ choices: 'x' })}${event([null])}${event('null')}`,
  'bytes of 0': Buffer.alloc(100_000),
  noise,
  'lone returns': SOUND_BODY.replaceAll('\n', '\r'),
  'other fields': `event: ${'x'.repeat(10_000)}\nid: ${ESCAPES}\nretry: 1e999\ndata\n\n${SOUND_BODY}`,
  HTML: `<html><title>${ESCAPES}</title>${'<div>'.repeat(10_000)}`,
};

const head = (fields: string, status = '200 OK') =>
  `HTTP/1.1 ${status}\r\ncontent-type: text/event-stream\r\n${fields}\r\n`;
const chunk = (bytes: Buffer) =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
const END = '0\r\n\r\n';

const FRAMINGS: Readonly<Record<string, (socket: Socket, body: Buffer) => void | Promise<void>>> = {
  'of its length': (socket, body) =>
    void socket.write(Buffer.concat([Buffer.from(head(`content-length: ${body.length}\r\n`)), body])),
  'in chunks': (socket, body) =>
    void socket.write(
      Buffer.concat([Buffer.from(head('transfer-encoding: chunked\r\n')), chunk(body), Buffer.from(END)]),
    ),
  'until the end': (socket, body) => void socket.end(Buffer.concat([Buffer.from(head('')), body])),
  'of too great a length': (socket, body) =>
    void socket.end(Buffer.concat([Buffer.from(head(`content-length: ${body.length + 1000}\r\n`)), body])),
  'of too small a length': (socket, body) =>
    void socket.write(Buffer.concat([Buffer.from(head('content-length: 10\r\n')), body])),
  'in chunks of no length': (socket, body) =>
    void socket.write(Buffer.concat([Buffer.from(`${head('transfer-encoding: chunked\r\n')}zz\r\n`), body])),
  'in gzip': (socket, body) =>
    void socket.end(Buffer.concat([Buffer.from(head('content-encoding: gzip\r\n')), gzipSync(body)])),
  'as gzip that it is not': (socket, body) =>
    void socket.end(Buffer.concat([Buffer.from(head('content-encoding: gzip\r\n')), body])),
  'as a failure': (socket, body) =>
    void socket.end(
      Buffer.concat([
        Buffer.from(head(`content-length: ${body.length}\r\nx-a: ${'\x1b[31m'}\r\n`, `500 ${ESCAPES.trim()}`)),
        body,
      ]),
    ),
  'drop by drop, then reset': async (socket, body) => {
    socket.write(head('transfer-encoding: chunked\r\n'));
    for (let at = 0; at < Math.min(body.length, 60); at += 3) {
      socket.write(chunk(body.subarray(at, at + 3)));
      await new Promise(resolve => setTimeout(resolve, 5));
    }
    socket.resetAndDestroy();
  },
};

/** Writes a text again and again for as long as anybody reads. */
async function flood(socket: Socket, first: string, again: string | Buffer): Promise<void> {
  socket.write(first);
  while (socket.writable) {
    if (!socket.write(again)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
    // A socket that is being closed may say neither; the loop must not keep it from that.
    await new Promise(resolve => setImmediate(resolve));
  }
}

const zeros = Buffer.alloc(64 * MIB);
const newlines = Buffer.alloc(16 * MIB, '\n');
const bombs = {
  gzip: gzipSync(zeros),
  deflate: deflateSync(zeros),
  br: brotliCompressSync(newlines, { params: { 0: 0, 1: 1 } }),
  zstd: zstdCompressSync(zeros),
  'gzip, of lines': gzipSync(newlines),
};

const HEADS: Readonly<Record<string, (socket: Socket) => void | Promise<void>>> = {
  'no status': socket => void socket.end('HTTP/1.1\r\n\r\n'),
  'a status of letters': socket => void socket.end('HTTP/1.1 abc OK\r\n\r\n'),
  'a status of 0': socket => void socket.end('HTTP/1.1 000 OK\r\ncontent-length: 0\r\n\r\n'),
  'a status of 999': socket => void socket.end(`HTTP/1.1 999 ${ESCAPES.trim()}\r\ncontent-length: 0\r\n\r\n`),
  'a long status': socket => void socket.end(`HTTP/1.1 ${'2'.repeat(10_000)} OK\r\n\r\n`),
  'HTTP/9': socket => void socket.end('HTTP/9.9 200 OK\r\ncontent-length: 0\r\n\r\n'),
  'HTTP/2': socket => void socket.end(Buffer.from([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100])),
  TLS: socket => void socket.end(Buffer.from([0x15, 3, 1, 0, 2, 2, 0x46])),
  SSH: socket => void socket.end('SSH-2.0-OpenSSH_9.2p1\r\n'),
  silence: () => {},
  'an end at once': socket => void socket.end(),
  'a reset at once': socket => void socket.resetAndDestroy(),
  'half a status': socket => void socket.end('HTTP/1.1 20'),
  'half a header': socket => void socket.end('HTTP/1.1 200 OK\r\ncontent-le'),
  'a huge header': socket => void socket.end(head(`x-a: ${'a'.repeat(MIB)}\r\n`)),
  'many headers': socket => void socket.end(head(Array.from({ length: 50_000 }, (_, i) => `x-${i}: a\r\n`).join(''))),
  'a header without end': socket => flood(socket, 'HTTP/1.1 200 OK\r\nx-a: ', 'a'.repeat(64 * 1024)),
  'headers without end': socket => flood(socket, 'HTTP/1.1 200 OK\r\n', 'x-a: b\r\n'.repeat(8000)),
  'a status without end': socket => flood(socket, 'HTTP/1.1 200 ', 'O'.repeat(64 * 1024)),
  'early hints without end': socket => flood(socket, '', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(500)),
  'continues without end': socket => flood(socket, '', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(500)),
  'an upgrade': socket =>
    void socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
  'two lengths': socket => void socket.end(`${head('content-length: 3\r\ncontent-length: 400\r\n')}${SOUND_BODY}`),
  'a length and chunks': socket =>
    void socket.end(`${head('content-length: 3\r\ntransfer-encoding: chunked\r\n')}${SOUND_BODY}`),
  'a negative length': socket => void socket.end(`${head('content-length: -5\r\n')}${SOUND_BODY}`),
  'a length beyond numbers': socket =>
    void socket.end(`${head(`content-length: ${'9'.repeat(400)}\r\n`)}${SOUND_BODY}`),
  'a chunk without end': socket => flood(socket, `${head('transfer-encoding: chunked\r\n')}`, '0'.repeat(64 * 1024)),
  'an extension without end': socket =>
    flood(socket, `${head('transfer-encoding: chunked\r\n')}5;`, 'x'.repeat(64 * 1024)),
  'trailers without end': socket =>
    flood(
      socket,
      `${head('transfer-encoding: chunked\r\n')}${chunk(Buffer.from(SOUND_BODY))}0\r\n`,
      'x-a: b\r\n'.repeat(8000),
    ),
  'a chunk beyond numbers': socket =>
    void socket.end(`${head('transfer-encoding: chunked\r\n')}${'f'.repeat(40)}\r\n${SOUND_BODY}`),
  'a negative chunk': socket => void socket.end(`${head('transfer-encoding: chunked\r\n')}-5\r\n${SOUND_BODY}`),
  'bytes after the end': socket =>
    void socket.write(`${head('content-length: 0\r\n')}${head('content-length: 0\r\n').repeat(1000)}`),
  'a line without end': socket => flood(socket, `${head('')}data: `, 'x'.repeat(64 * 1024)),
  'comments without end': socket => flood(socket, head(''), ': ping\n\n'.repeat(8000)),
  'zeros without end': socket => flood(socket, head(''), Buffer.alloc(64 * 1024)),
  'noise as gzip without end': socket => flood(socket, head('content-encoding: gzip\r\n'), noise),
  'members of gzip without end': socket => flood(socket, head('content-encoding: gzip\r\n'), gzipSync(noise)),
  'an unknown encoding': socket => void socket.end(`${head(`content-encoding: ${'x'.repeat(5000)}\r\n`)}${SOUND_BODY}`),
  'a redirect to itself': socket =>
    void socket.write('HTTP/1.1 307 x\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n'),
  'a redirect elsewhere': socket =>
    void socket.write('HTTP/1.1 308 x\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n'),
  'a redirect to a file': socket =>
    void socket.write('HTTP/1.1 302 x\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n'),
  'a redirect of controls': socket =>
    void socket.write(
      `HTTP/1.1 302 x\r\nlocation: /${ESCAPES.trim()}${'a'.repeat(60_000)}\r\ncontent-length: 0\r\n\r\n`,
    ),
  'a wait of years': socket =>
    void socket.write('HTTP/1.1 503 x\r\nretry-after: 99999999999\r\ncontent-length: 0\r\n\r\n'),
  ...Object.fromEntries(
    Object.entries(bombs).map(([name, bytes]) => [
      `a bomb in ${name}`,
      (socket: Socket) =>
        void socket.end(Buffer.concat([Buffer.from(head(`content-encoding: ${name.split(',')[0]}\r\n`)), bytes])),
    ]),
  ),
};

/** All of them: 200 bodies in framings, and more that have a beginning of their own. */
export const RESPONSES: readonly HostileResponse[] = [
  ...Object.entries(BODIES).flatMap(([body, text]) =>
    Object.entries(FRAMINGS).map(([framing, respond]) => ({
      name: `${body}, ${framing}`,
      respond: (socket: Socket) => respond(socket, Buffer.from(text as string)),
    })),
  ),
  ...Object.entries(HEADS).map(([name, respond]) => ({ name, respond })),
];

/** A server that gives each request the response whose index is the first number in its path. */
export async function hostileServer(): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: false }, socket => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.once('data', bytes => {
      const index = Number(/^\w+ \D*(\d+)/.exec(bytes.toString('latin1'))?.[1] ?? -1);
      Promise.resolve(RESPONSES[index]?.respond(socket)).catch(() => {});
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
