import { type IncomingMessage, request } from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import pino from 'pino';
import { newUuid, systemSecrets } from '../../../../harness/host/secrets.ts';
import { seededRandom } from '../../../../harness/random.ts';
import { Sealing } from '../../../../stack/gateway/cache/sealing.ts';
import type { CacheStore } from '../../../../stack/gateway/cache/store.ts';
import { type GatewayConfigInput, parseGatewayConfig } from '../../../../stack/gateway/config.ts';
import { Gateway } from '../../../../stack/gateway/gateway.ts';
import { createGatewayServer } from '../../../../stack/gateway/http/server.ts';
import type { UpstreamHandler } from '../../../../stack/gateway/upstream/transport.ts';
import { FakeClock } from '../../../fake-clock.ts';

/** A request at the upstream. */
export interface Call {
  readonly handler: UpstreamHandler;
  readonly path: string;
  readonly body: string;
  /** Alternating names and values. */
  readonly headers: readonly string[];
  isCancelled: boolean;
  isPaused: boolean;
}

/** A client of the gateway, and what it has received. */
export interface Client {
  readonly socket: Duplex;
  response: IncomingMessage | undefined;
  text: string;
  /** Whether the response arrived in full; undefined while it has not ended. */
  complete: boolean | undefined;
  leave(): void;
}

/** What a client sends. */
export interface Sent {
  readonly method?: 'GET' | 'POST';
  readonly body?: object;
  readonly headers?: Record<string, string>;
  readonly path?: string;
  /** Whether it reads nothing. */
  readonly isDeaf?: boolean;
}

const KEY = Buffer.alloc(32, 7);

/** Deterministic chat request. */
export const CHAT = { model: 'tiny', stream: true, temperature: 0, messages: [{ role: 'user', content: 'hi' }] };

/** A gateway with one upstream, both in memory, under a clock that stands still. @param parts more of the gateway */
export function startInMemory(
  config: Partial<GatewayConfigInput>,
  store?: CacheStore,
  key = KEY,
  parts: Partial<ConstructorParameters<typeof Gateway>[0]> = {},
) {
  const clock = (parts.clock as FakeClock | undefined) ?? new FakeClock();
  const calls: Call[] = [];
  const gateway = new Gateway({
    config: parseGatewayConfig(
      JSON.stringify({
        healthChecks: 'off',
        ejection: 'off',
        upstreams: [{ name: 'one', url: 'http://one' }],
        ...config,
      }),
    ),
    clock,
    random: seededRandom(1),
    transport: () => ({
      send: ({ path, body, headers }, handler) => {
        const call: Call = { handler, path, headers, body: String(body), isCancelled: false, isPaused: false };
        calls.push(call);
        queueMicrotask(() => handler.onConnected());
        return {
          cancel: () => {
            call.isCancelled = true;
          },
          pause: () => {
            call.isPaused = true;
          },
          resume: () => {
            call.isPaused = false;
          },
        };
      },
      close: async () => {},
    }),
    log: pino({ enabled: false }),
    cache: store && { store, sealing: new Sealing(key, () => newUuid(systemSecrets)) },
    ...parts,
  });
  gateway.start();
  const server = createGatewayServer(gateway);
  const connect = ({
    method = 'POST',
    body = CHAT,
    headers = {},
    path = '/v1/chat/completions',
    isDeaf = false,
  }: Sent = {}): Client => {
    const [socket, other] = duplexPair();
    server.emit('connection', other);
    const call = request({ method, path, headers, createConnection: () => socket as never });
    const client: Client = {
      ...{ socket, response: undefined, text: '', complete: undefined },
      leave: () => {
        client.complete = false;
        call.destroy();
        other.destroy();
      },
    };
    const over = () => {
      client.complete ??= client.response?.complete ?? false;
    };
    call.on('error', over);
    call.on('response', response => {
      client.response = response;
      response.on('error', () => {}).on('close', over);
      if (!isDeaf) response.on('data', chunk => (client.text += String(chunk)));
    });
    call.end(method === 'POST' ? JSON.stringify(body) : undefined);
    return client;
  };
  const metric = async (name: string) => {
    const text = await gateway.metrics.registry.metrics();
    const line = text.split('\n').find(candidate => candidate.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1) ?? 0);
  };
  return { clock, calls, connect, metric, gateway };
}

/** Lets everything that is under way come to rest. */
export async function settle(rounds = 12): Promise<void> {
  for (let round = 0; round < rounds; round += 1) await new Promise(resolve => setImmediate(resolve));
}

/** Begins an event stream. */
export function begin({ handler }: Call, first: string): void {
  handler.onResponse(200, { 'content-type': 'text/event-stream' });
  handler.onData(Buffer.from(first));
}

/** An event of a chat completion with this text. */
export function tokenOf(content: string): string {
  return `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
}
