import { request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import { duplexPair } from 'node:stream';
import pino from 'pino';
import { seededRandom } from '../../../../harness/random.ts';
import { type AdminChange, createAdminServer } from '../../../../stack/gateway/admin/admin-server.ts';
import { type GatewayConfigInput, parseGatewayConfig } from '../../../../stack/gateway/config.ts';
import { Gateway } from '../../../../stack/gateway/gateway.ts';
import { createGatewayServer } from '../../../../stack/gateway/http/server.ts';
import type { DecisionStore } from '../../../../stack/gateway/release/decision.ts';
import type { Transport } from '../../../../stack/gateway/upstream/transport.ts';
import { FakeClock } from '../../../fake-clock.ts';

export const TOKEN = 'admin-token-0123456789';
export const START_MS = 1_800_000_000_000;

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Sends a request to a server in this process, on a connection of its own over a pair of streams. */
export function sendTo(
  server: Server,
  path: string,
  { method = 'GET', headers = {}, body }: Sent = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const [near, far] = duplexPair();
    server.emit('connection', far);
    // Node adds it to some methods only.
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const outgoing = { host: 'llm.test', path, method, headers: { connection: 'close', ...length, ...headers } };
    const request = httpRequest({ ...outgoing, createConnection: () => near as never }, response => {
      let text = '';
      response.on('data', chunk => {
        text += String(chunk);
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
      response.on('error', reject);
    });
    request.on('error', reject).end(body);
  });
}

/** How an upstream responds: with a status, or never. */
export type Behaviour = (url: string) => number | 'hang';

/** A gateway and its admin API in this process, without any socket. */
export async function gatewayWithAdmin(
  config: GatewayConfigInput,
  behaviour: Behaviour = () => 200,
  { clock = new FakeClock(START_MS), decisions }: { clock?: FakeClock; decisions?: DecisionStore } = {},
) {
  const changes: AdminChange[] = [];
  const log = pino({ enabled: false });
  const gateway = new Gateway({
    config: parseGatewayConfig(JSON.stringify({ healthChecks: 'off', ...config })),
    ...{ clock, random: seededRandom(1), log, decisions },
    transport: url => transportTo(() => behaviour(url)),
  });
  const server = createGatewayServer(gateway);
  await gateway.release?.start();
  const onChange = (change: AdminChange) => void changes.push(change);
  const adminServer = createAdminServer({ routes: gateway.adminRoutes, token: TOKEN, log, onChange });
  return {
    ...{ gateway, clock, changes, adminServer },
    /** Sends to the admin API with its token. @returns the status and the JSON */
    async admin(method: string, path: string, body?: unknown) {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const { status, text } = await sendTo(adminServer, path, {
        ...{ method, headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status, json: JSON.parse(text) };
    },
    /** Sends a completion. */
    complete: (headers: Readonly<Record<string, string>> = {}) =>
      sendTo(server, '/v1/chat/completions', {
        ...{ method: 'POST', headers },
        body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hi' }] }),
      }),
    send: (path: string) => sendTo(server, path),
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

const COMPLETION = JSON.stringify({ choices: [{ message: { role: 'assistant', content: 'hi' } }] });

function transportTo(behaviour: () => number | 'hang'): Transport {
  return {
    send: (_request, handler) => {
      const status = behaviour();
      queueMicrotask(() => {
        handler.onConnected();
        if (status === 'hang') return;
        handler.onResponse(status, { 'content-type': 'application/json' });
        handler.onData(Buffer.from(status === 200 ? COMPLETION : '{"error":{}}'));
        handler.onEnd();
      });
      return { cancel: () => {}, pause: () => {}, resume: () => {} };
    },
    close: async () => {},
  };
}
