import { createHash, hash } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { duplexPair } from 'node:stream';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import pino from 'pino';
import { seededRandom } from '../../../../harness/random.ts';
import type { BatchStore } from '../../../../stack/gateway/batch/batch-service.ts';
import { type GatewayConfigInput, parseGatewayConfig } from '../../../../stack/gateway/config.ts';
import { Gateway } from '../../../../stack/gateway/gateway.ts';
import { createGatewayServer } from '../../../../stack/gateway/http/server.ts';
import { Identity } from '../../../../stack/gateway/identity/identity.ts';
import { KeyRing } from '../../../../stack/gateway/identity/keys/key-ring.ts';
import type { KeySource } from '../../../../stack/gateway/identity/keys/key-source.ts';
import { parseKeys } from '../../../../stack/gateway/identity/keys/local-keys.ts';
import type { SharedStore } from '../../../../stack/gateway/identity/shared-store.ts';
import {
  LIST_SCRIPT,
  PUT_SCRIPT,
  revocationsOf,
  storeFunctions,
  USE_SCRIPT,
} from '../../../../stack/gateway/identity/store-scripts.ts';
import type { TransportFactory } from '../../../../stack/gateway/upstream/transport.ts';
import { FakeClock } from '../../../fake-clock.ts';

/** Start of time in these tests, in ms since the epoch. */
export const START_MS = 1_800_000_000_000;
/** API keys, each of a client of the same name. */
export const KEYS = { alice: 'sk-alice-0123456789abcdef', bob: 'sk-bob-0123456789abcdef' } as const;
export const HOST = 'llm.test';
const COMPLETION = JSON.stringify({ choices: [{ message: { role: 'assistant', content: 'hi' } }] });

let ids = 0;

type IdentityInput = Exclude<NonNullable<GatewayConfigInput['identity']>, 'off'>;

/** A new private key as a JWK set's text. */
export async function newKeys(alg = 'ES256', kid?: string): Promise<string> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return JSON.stringify({ keys: [{ ...(await exportJWK(privateKey)), ...(kid !== undefined && { kid }) }] });
}

/** Source of keys that a test replaces: `text` is read by each load, and an empty one fails. */
export function sourceOf(text: string): KeySource & { text: string; loads: number } {
  return {
    refreshMs: 1000,
    loads: 0,
    text,
    load() {
      this.loads += 1;
      return parseKeys(this.text, 'The test');
    },
  };
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
  /** Address of the client's connection. */
  readonly address?: string;
}

interface InsideOptions {
  readonly keys?: KeySource;
  readonly store?: SharedStore;
  readonly clock?: FakeClock;
  readonly rest?: Partial<GatewayConfigInput>;
  /** Where batches are kept, if they are on. */
  readonly batch?: BatchStore;
}

/** A gateway in this process, without any socket: each request is a connection over a pair of streams. */
export async function gatewayInside(identity: IdentityInput, options: InsideOptions = {}) {
  const { keys = sourceOf(await newKeys()), store, clock = new FakeClock(START_MS), rest, batch } = options;
  const clients = Object.fromEntries(Object.entries(KEYS).map(([id, key]) => [id, { sha256: hash('sha256', key) }]));
  const text = JSON.stringify({
    ...{ healthChecks: 'off', upstreams: [{ name: 'one', url: 'http://one' }], models: ['tiny'], ...rest },
    identity: { clients, ...(store && { redis: { url: 'redis://127.0.0.1' } }), ...identity },
  });
  const config = parseGatewayConfig(text);
  const log = pino({ enabled: false });
  const settle = <T>(run: () => Promise<T>) => run();
  const own = config.identity as Exclude<typeof config.identity, 'off'>;
  const ring = await KeyRing.open(keys, { clock, log, settle, keepMs: own.tokenLifeMs + own.leewayMs });
  const gateway = new Gateway({
    ...{ config, clock, random: seededRandom(1), transport, log, batch },
    identity: registry =>
      new Identity({
        ...{ config: own, apiKeyHashes: config.apiKeyHashes, ring, store, registry, clock, log, settle },
        newId: () => `id-${ids++}`,
      }),
  });
  const server = createGatewayServer(gateway);
  const started = gateway.identity!.start();
  await clock.advance(50);
  await started;
  const send = (path: string, { method = 'GET', headers = {}, body, address }: RequestOptions = {}) =>
    new Promise<Reply>((resolve, reject) => {
      const [near, far] = duplexPair();
      server.emit('connection', Object.assign(far, { remoteAddress: address }));
      const outgoing = { host: HOST, path, method, headers: { host: HOST, connection: 'close', ...headers } };
      const request = httpRequest({ ...outgoing, createConnection: () => near as never }, response => {
        let received = '';
        response.on('data', chunk => {
          received += String(chunk);
        });
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text: received }));
      });
      request.on('error', reject).end(body);
    });
  return {
    gateway,
    clock,
    ring,
    identity: gateway.identity!,
    send,
    /** Requests a token. */
    token: (form: Readonly<Record<string, string>>, more: RequestOptions = {}) =>
      send('/oauth/token', {
        method: 'POST',
        ...more,
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...more.headers },
        body: new URLSearchParams({ grant_type: 'client_credentials', ...form }).toString(),
      }),
    [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
  };
}

export type InsideGateway = Awaited<ReturnType<typeof gatewayInside>>;

const transport: TransportFactory = () => ({
  send: (_request, handler) => {
    queueMicrotask(() => {
      handler.onConnected();
      handler.onResponse(200, { 'content-type': 'application/json' });
      handler.onData(Buffer.from(COMPLETION));
      handler.onEnd();
    });
    return { cancel: () => {}, pause: () => {}, resume: () => {} };
  },
  close: async () => {},
});

interface ProofOptions {
  readonly method?: string;
  readonly url?: string;
  /** Access token that it is for. */
  readonly token?: string;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: JWTPayload;
}

/** Somebody with a key of their own, who proves to have it (RFC 9449). @param clock decides when proofs are made */
export async function newHolder(clock: FakeClock, alg = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  let nth = 0;
  return {
    privateKey,
    jwk,
    thumbprint: await calculateJwkThumbprint(jwk),
    proof({ method = 'GET', url = `http://${HOST}/v1/models`, token, header, claims }: ProofOptions = {}) {
      const ath = token === undefined ? {} : { ath: createHash('sha256').update(token).digest('base64url') };
      const iat = Math.floor(clock.nowMs() / 1000);
      return new SignJWT({ htm: method, htu: url, jti: `proof-${nth++}`, iat, ...ath, ...claims })
        .setProtectedHeader({ alg, typ: 'dpop+jwt', jwk, ...header } as { alg: string })
        .sign(privateKey);
    },
  };
}

/** Store in this process, by the functions that stand for Redis' scripts in virtual time. @param state of what several share */
export function storeInside(clock: FakeClock, state = storeFunctions()) {
  const call = (script: string, keys: string[], values: (string | number)[]) => {
    if (store.isDown) throw new Error('down');
    const run = state.get(createHash('sha1').update(script).digest('hex'))!;
    return run(keys, values.map(String), clock.nowMs(), () => null);
  };
  const store: SharedStore & { isDown: boolean; isSilent: boolean } = {
    isDown: false,
    isSilent: false,
    open: () => {},
    use: async (proof, ttlMs) => (store.isSilent ? new Promise(() => {}) : call(USE_SCRIPT, [proof], [ttlMs])[0] === 1),
    put: async (id, { isRevoked, untilMs }, decidedMs = 0) =>
      Number(call(PUT_SCRIPT, ['all'], [id, isRevoked ? 1 : 0, untilMs, decidedMs])[0]),
    list: async known =>
      store.isSilent ? new Promise(() => {}) : revocationsOf(call(LIST_SCRIPT, ['all'], [known]).map(String), known),
    reconnect: () => {},
    close: () => {},
  };
  return store;
}
