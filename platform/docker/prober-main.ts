/**
 * The prober: `node prober-main.ts`, a program on the fault proxy's network interfaces with two duties.
 *
 * It looks at services and links, from inside a stack's networks, on behalf of a harness outside. `GET /` with the header
 * `x-squall-probe: http://inference-1:8000/readyz` sends one probe there and answers `{"isReady":true,"ttfbMs":1.2}`, or 502 with
 * `{"error":"connect ECONNREFUSED …"}` when nothing answers.
 *
 * And it is the name server of last resort. Names of containers that do not run are unknown to the engine, which asks on; an old
 * engine in a network without a way out then lets the question time out after ten seconds, for which Toxiproxy, dialling in its
 * accept loop, would serve nobody on a link whose replica was killed. Here they do not exist, and that is said at once.
 *
 * The header keeps web pages out, which may not send it to another site. No npm package is in its container.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import { probe } from '../../harness/host/probe.ts';

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
  const hungUp = new AbortController();
  response.on('close', () => hungUp.abort());
  const answer = (status: number, body: object) =>
    response.writeHead(status, { connection: 'close' }).end(JSON.stringify(body));
  probe(url, { clock: { nowMs: () => performance.now() }, signal: hungUp.signal }).then(
    ({ isReady, ttfbMs }) => answer(200, { isReady, ttfbMs }),
    error => answer(502, { error: error.message }),
  );
});

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
