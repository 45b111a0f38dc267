/**
 * Prober, `node prober-main.ts`: runs on the fault proxy's network interfaces, without npm packages, and has two tasks.
 *
 * It probes services and links from inside a stack's networks, on behalf of the harness outside. `GET /` with the header
 * `x-squall-probe: http://inference-1:8000/readyz` sends one probe and returns `{"isReady":true,"ttfbMs":1.2}`, or 502 with
 * `{"error":"connect ECONNREFUSED …"}` without a response. `POST /`, with an origin in that header and a method, a path and a body as
 * JSON, sends that request and returns `{"status":200,"text":"…"}`. `GET /` with a second
 * header `x-squall-trace`, a trace request as JSON, records a connection to that URL. All need the token of the run, or any local user could send
 * requests into the networks.
 *
 * It is also the name server of last resort. The engine does not know the names of stopped containers and forwards the query; in an
 * internal network an old engine lets that time out after ten seconds, during which Toxiproxy, which dials in its accept loop, would
 * not serve the link of a killed replica. This name server returns NXDOMAIN at once.
 */

import { createSocket } from 'node:dgram';
import { createServer, type IncomingMessage } from 'node:http';
import { thisMachine } from '../../harness/host/network.ts';
import { probe } from '../../harness/host/probe.ts';
import { type ShortRequest, send } from '../../harness/host/send.ts';
import type { TraceRequest } from '../../harness/host/trace.ts';
import { trace } from '../../harness/host/trace.ts';
import { foreignSite } from '../../harness/http/own-names.ts';
import { TOKEN_VARIABLE, tokenCheck } from '../../stack/token.ts';

const PORT = 8080;
const DNS_PORT = 53;

const lacksToken = tokenCheck(process.env[TOKEN_VARIABLE]);

const server = createServer((request, response) => {
  if (request.url === '/ready') {
    response.end('ready\n');
    return;
  }
  const refused = foreignSite(request) ?? lacksToken(request);
  if (refused !== undefined) {
    response.writeHead(403).end(`Permission denied: ${refused}\n`);
    return;
  }
  const url = request.headers['x-squall-probe'];
  if (typeof url !== 'string' || !URL.canParse(url)) {
    response.writeHead(400).end('Expected the header x-squall-probe to be a URL\n');
    return;
  }
  const disconnected = new AbortController();
  response.on('close', () => disconnected.abort());
  const respond = (status: number, body: object) =>
    response.writeHead(status, { connection: 'close' }).end(JSON.stringify(body));
  const { signal } = disconnected;
  const asking = answer(request, url, signal);
  asking.then(
    body => respond(200, body),
    error => respond(502, { error: error.message }),
  );
});

async function answer(request: IncomingMessage, url: string, signal: AbortSignal): Promise<object> {
  const { clock, network } = thisMachine;
  const traced = request.headers['x-squall-trace'];
  if (typeof traced === 'string') return trace(url, JSON.parse(traced) as TraceRequest, { clock, network, signal });
  if (request.method === 'POST') return send(url, (await readJson(request)) as ShortRequest, signal, network);
  const { isReady, ttfbMs } = await probe(url, { clock, network, signal });
  return { isReady, ttfbMs };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text);
}

/** Returns the query as a response (RFC 1035, 4.1.1): QR set, recursion available, response code 3, no such name. */
const names = createSocket('udp4').on('message', (query, from) => {
  const response = Buffer.from(query);
  response[2]! |= 0x80;
  response[3] = 0x83;
  names.send(response, from.port, from.address);
});
names.bind(DNS_PORT, '127.0.0.1', async () => {
  await thisMachine.network.listen(server, { host: '0.0.0.0', port: PORT });
  console.log(`listening on ${PORT}`);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
