/**
 * The prober: `node prober-main.ts`, a program on the fault proxy's network interfaces with two duties.
 *
 * It looks at services and links, from inside a stack's networks, on behalf of a harness outside. `GET /` with the header
 * `x-squall-probe: http://inference-1:8000/readyz` sends that request on a fresh connection and answers `{"status":200,"ttfbMs":1.2}`, or
 * 502 with `{"error":"connect ECONNREFUSED …"}` when nothing answers. A `redis://user:password@host:port` is asked to `PING`, and its
 * status is 200 when it answers `PONG`.
 *
 * And it is the name server of last resort. Names of containers that do not run are unknown to the engine, which asks on; an old
 * engine in a network without a way out then lets the question time out after ten seconds, for which Toxiproxy, dialling in its
 * accept loop, would serve nobody on a link whose replica was killed. Here they do not exist, and that is said at once.
 *
 * The header keeps web pages out, which may not send it to another site. It must not import anything of ours: this file alone
 * is put into its container.
 */
import { createSocket } from 'node:dgram';
import { createServer, get } from 'node:http';
import { connect } from 'node:net';

const PORT = 8080;
const DNS_PORT = 53;

const server = createServer((request, response) => {
  if (request.url === '/ready') {
    response.end('ready\n');
    return;
  }
  const url = request.headers['x-squall-probe'];
  if (typeof url !== 'string' || !URL.canParse(url)) {
    response.writeHead(400).end('Expected the header x-squall-probe to be a URL\n');
    return;
  }
  const startNs = process.hrtime.bigint();
  const answer = (status: number, body: object) => {
    if (!response.headersSent) response.writeHead(status, { connection: 'close' }).end(JSON.stringify(body));
  };
  const seen = (status: number | undefined) =>
    answer(200, { status, ttfbMs: Number(process.hrtime.bigint() - startNs) / 1e6 });
  const probe = url.startsWith('redis:') ? ping(new URL(url), seen) : ask(url, seen);
  probe.on('error', error => answer(502, { error: error.message }));
  probe.on('close', () => answer(502, { error: 'closed without an answer' }));
  // Who does not want to know any more hangs up.
  response.on('close', () => probe.destroy());
});

type Seen = (status: number | undefined) => void;

function ask(url: string, seen: Seen) {
  return get(url, { agent: false }, found => {
    seen(found.statusCode);
    found.on('error', () => {}).resume();
  });
}

/** Any first byte is an answer; PONG, after a password where one is known, is a good one. */
function ping({ hostname: host, port, username, password }: URL, seen: Seen) {
  const socket = connect({ host, port: Number(port) });
  const login = password === '' ? '' : `AUTH ${username} ${password}\r\n`;
  socket.on('connect', () => socket.write(`${login}PING\r\n`));
  let said = '';
  socket.on('data', chunk => {
    said += chunk.toString('latin1');
    if (login !== '' && said === '+OK\r\n') return;
    seen(said.endsWith('+PONG\r\n') ? 200 : 401);
    socket.destroy();
  });
  return socket;
}

/** The question sent back as an answer (RFC 1035, 4.1.1): QR set, recursion available, response code 3, no such name. */
const names = createSocket('udp4').on('message', (question, from) => {
  const answer = Buffer.from(question);
  answer[2]! |= 0x80;
  answer[3] = 0x83;
  names.send(answer, from.port, from.address);
});
names.bind(DNS_PORT, '127.0.0.1', () => {
  server.listen(PORT, '0.0.0.0', () => console.log(`listening on ${PORT}`));
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
