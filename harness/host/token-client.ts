import type { IncomingMessage } from 'node:http';
import type { ConnectionOptions } from 'node:tls';
import type { TokenLogin } from '../http/login.ts';
import { type ProofClaims, proofMaker } from '../http/proof.ts';
import { type ClientTls, tlsNameOf, tlsOptionsOf } from './client-tls.ts';
import { requestOver } from './http-client.ts';
import type { Machine } from './network.ts';

/** Limit of a request for a token, in ms. */
const LIMIT_MS = 5000;
const MAX_CHARACTERS = 65_536;

/** Where a service is reached. */
export interface TokenEntry {
  readonly url: URL;
  /** By which it is known, in `Host`, TLS name and proofs. */
  readonly origin: string;
  /** Null without TLS. */
  readonly tls: ConnectionOptions | null;
}

/** Entries at `targets`. @param origin, authority, tls see `RunningStack` */
export function tokenEntries(
  targets: readonly string[],
  {
    origin,
    authority,
    tls,
  }: {
    readonly origin?: string | undefined;
    readonly authority?: string | undefined;
    readonly tls?: ClientTls | undefined;
  },
): TokenEntry[] {
  return targets.map(text => {
    const url = new URL(text);
    const own = new URL(origin ?? url.origin);
    const options = {
      ...tlsNameOf(own.hostname),
      ...tlsOptionsOf(tls),
      ...(authority !== undefined && { ca: authority }),
    };
    return { url, origin: own.origin, tls: url.protocol === 'https:' ? options : null };
  });
}

/** An access token. */
export interface AccessToken {
  readonly text: string;
  readonly lifeMs: number;
}

/** Options of a {@link TokenClient}. */
export interface TokenClientOptions {
  readonly login: TokenLogin;
  readonly machine: Machine;
  /** Begins the ids of its proofs, which no other client of the same key may share. */
  readonly name: string;
}

/** A client that exchanges API keys for tokens, and proves that its requests are its own where tokens are bound to its key. */
export class TokenClient {
  readonly #options: TokenClientOptions;
  readonly #prove: ((claims: ProofClaims) => string) | undefined;
  #proofs = 0;

  constructor(options: TokenClientOptions) {
    const { proofKey } = options.login;
    this.#options = options;
    this.#prove = proofKey === undefined ? undefined : proofMaker(proofKey);
  }

  /** A new token for an API key. @throws Error with the status and the error of the response, or why there is none */
  async request(entry: TokenEntry, apiKey: string, signal: AbortSignal): Promise<AccessToken> {
    const { login, machine } = this.#options;
    const path = entry.url.pathname.replace(/\/$/, '') + login.path;
    const dpop = this.#proof('POST', entry.origin + path);
    const { status, text } = await exchange(machine, entry, {
      ...{ method: 'POST', path, signal: AbortSignal.any([signal, machine.clock.timeout(LIMIT_MS)]) },
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...(dpop !== undefined && { dpop }) },
      body: new URLSearchParams({ grant_type: 'client_credentials', client_secret: apiKey }).toString(),
    });
    const { access_token: token, expires_in: seconds, error = '' } = parsed(text);
    if (status !== 200 || typeof token !== 'string') throw new Error(`status ${status} ${String(error)}`.trim());
    return { text: token, lifeMs: Number(seconds) * 1000 };
  }

  /** Credentials of a request with a token. Each has a proof of its own. @param url its path, or whole; without the query */
  headers(token: string, method: string, url: string): Readonly<Record<string, string>> {
    const dpop = this.#proof(method, url, token);
    return dpop === undefined ? { authorization: `Bearer ${token}` } : { authorization: `DPoP ${token}`, dpop };
  }

  #proof(method: string, url: string, token?: string): string | undefined {
    const { name, machine } = this.#options;
    this.#proofs += 1;
    return this.#prove?.({ method, url, id: `${name}-${this.#proofs}`, now: machine.clock.date(), token });
  }
}

/** A request to an entry. */
export interface EntryRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of the response, the first so many are read. @default 65,536 */
  readonly maxCharacters?: number;
  readonly signal: AbortSignal;
}

/** Sends a request on a connection of its own, and reads the response. @throws without a complete response */
export function exchange(
  { network }: Pick<Machine, 'network'>,
  { url, origin, tls }: TokenEntry,
  { body, maxCharacters = MAX_CHARACTERS, ...request }: EntryRequest,
): Promise<{ readonly status: number; readonly text: string }> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (tls ? 443 : 80));
  const headers = { host: new URL(origin).host, connection: 'close', ...request.headers };
  return new Promise((resolve, reject) => {
    const onResponse = (response: IncomingMessage) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        if (text.length < maxCharacters) text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    };
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const sent = requestOver(network, { ...request, host, port, tls, headers: { ...headers, ...length } }, onResponse);
    sent.on('error', reject).end(body);
  });
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) as Record<string, unknown> | null) ?? {};
  } catch {
    return {};
  }
}
