import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '../../../harness/clock.ts';
import { SquallError } from '../../../harness/errors.ts';
import { requestTarget } from '../../../harness/http/request-target.ts';
import { ApiError } from '../http/api-error.ts';
import type { Exchange, Stage } from '../http/exchange.ts';
import { type Client, Clients } from './clients.ts';
import type { IdentityConfig } from './config.ts';
import { IdentityMetrics } from './identity-metrics.ts';
import type { KeyRing } from './keys/key-ring.ts';
import { checkProof, type Proof } from './proof.ts';
import { refusal } from './refusal.ts';
import { Revocations } from './revocations.ts';
import type { SharedStore } from './shared-store.ts';
import { type AccessToken, Tokens } from './tokens.ts';
import { UsedProofs } from './used-proofs.ts';

/** What identity is given. */
export interface IdentityOptions {
  readonly config: IdentityConfig;
  readonly apiKeyHashes: readonly string[];
  readonly ring: KeyRing;
  /** Store that gateways share; undefined: each knows its own revocations and proofs only. */
  readonly store: SharedStore | undefined;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: () => string;
  readonly settle: <T>(run: () => Promise<T>) => Promise<T>;
}

/** How long it matters that a key is revoked: longer than any configuration lives, and a date that fits in a number. */
const FOREVER_MS = 8_000_000_000_000;

/** A JSON Web Signature: its header begins with `{"`. An API key that does, too, and has two dots, must be exchanged for a token. */
const TOKEN = /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/;

/**
 * Who sends a request: a client with an access token, or with its API key where that is allowed.
 *
 * ```
 * API key ─► POST /oauth/token ─► token ─► request ─► signature, times ─► revoked? ─► proof, used once ─► address ─► caller
 * ```
 *
 * A token is checked without any other service, so that it goes on working while the token endpoint does not.
 */
export class Identity implements Disposable {
  readonly config: IdentityConfig;
  readonly clients: Clients;
  readonly tokens: Tokens;
  readonly ring: KeyRing;
  readonly revocations: Revocations;
  readonly metrics: IdentityMetrics;
  readonly #options: IdentityOptions;
  readonly #used = new UsedProofs();

  /** @throws SquallError `BAD_GATEWAY_CONFIG` without any client */
  constructor(options: IdentityOptions) {
    const { config, clock, log, registry, store, apiKeyHashes, ring } = options;
    this.#options = options;
    this.config = config;
    this.ring = ring;
    this.metrics = new IdentityMetrics(registry);
    this.clients = new Clients(config, apiKeyHashes);
    this.tokens = new Tokens(options);
    const { pollMs, redis } = config;
    this.revocations = new Revocations({
      ...{ clock, log, metrics: this.metrics, store, pollMs },
      timeoutMs: redis?.timeoutMs ?? 0,
    });
    if (this.clients.size > 0) return;
    const message = 'GATEWAY_CONFIG: `identity`: expected at least one client in `apiKeyHashes` or `identity.clients`';
    throw new SquallError('option', 'BAD_GATEWAY_CONFIG', message, { next: 'Add the SHA-256 of an API key.' });
  }

  /** Starts to look for new keys and revocations; resolves once it knows what is revoked, or that the store does not say. */
  start(): Promise<void> {
    this.ring.start();
    return this.revocations.start();
  }

  [Symbol.dispose](): void {
    this.ring[Symbol.dispose]();
    this.revocations[Symbol.dispose]();
  }

  /**
   * Stage that decides who the caller is.
   * @param addressOf address of the client of a request
   * @throws ApiError 401, 403 or 503, from the returned stage
   */
  authentication(addressOf: (request: IncomingMessage) => string | undefined): Stage {
    return exchange =>
      this.#clientOf(exchange, addressOf(exchange.request)).then(
        ({ keyHash }) => {
          exchange.caller = keyHash;
        },
        error => {
          if (error instanceof ApiError) this.metrics.refused.labels(error.code).inc();
          throw error;
        },
      );
  }

  /**
   * Stage of what a caller left to be done later, such as a line of a batch.
   * @throws ApiError 401 if the key of the exchange's caller has been revoked since then, or is no longer known; 503 as {@link requireKept}; from the stage
   */
  readonly authorization: Stage = ({ caller }) => {
    const client = this.clients.withHash(caller);
    if (!client) throw refusal('key_revoked', 'The API key is no longer accepted.');
    this.requireKept(client);
  };

  async #clientOf({ request }: Exchange, address: string | undefined): Promise<Client> {
    const [, named = '', text = ''] = /^(Bearer|DPoP) +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (text === '') throw refusal('missing_credentials', 'Expected an access token: Authorization: DPoP or Bearer.');
    this.#requireShort(text);
    const scheme = named.toLowerCase();
    const client = TOKEN.test(text) ? await this.#ofToken(request, scheme, text) : this.#ofKey(scheme, text);
    this.requireAddress(client, address);
    return client;
  }

  #ofKey(scheme: string, key: string): Client {
    const client = this.clients.withKey(key);
    if (scheme !== 'bearer' || client?.bearer !== 'keys')
      throw refusal('invalid_credentials', 'Expected an access token, got something else.');
    this.requireKept(client);
    return client;
  }

  async #ofToken(request: IncomingMessage, scheme: string, text: string): Promise<Client> {
    const token = await this.tokens.verify(text);
    const client = this.clients.get(token.client);
    if (!client) throw refusal('key_revoked', 'The API key of the access token is no longer accepted.');
    this.requireKept(client);
    if (this.revocations.has(`token:${token.id}`)) throw refusal('token_revoked', 'The access token is revoked.');
    if (token.thumbprint !== undefined) await this.#requireProof(request, scheme, token);
    else if (scheme !== 'bearer' || client.bearer === 'off')
      throw refusal('proof_required', 'Expected an access token that is bound to a key, see RFC 9449.');
    return client;
  }

  async #requireProof(request: IncomingMessage, scheme: string, token: AccessToken): Promise<void> {
    if (scheme !== 'dpop') throw refusal('proof_required', 'Expected Authorization: DPoP with a proof.');
    const text = request.headers.dpop;
    if (text === undefined) throw refusal('proof_required', 'Expected a proof in the header DPoP.');
    await this.checkProof(request, String(text), token);
  }

  /**
   * Checks a request's proof, and that it is its first use.
   * @param token that it comes with; undefined at the token endpoint
   * @throws ApiError 401, or 503 where nothing can be decided
   */
  async checkProof(request: IncomingMessage, text: string, token?: AccessToken): Promise<Proof> {
    const { config } = this;
    const { clock, settle } = this.#options;
    this.#requireShort(text);
    const now = clock.date();
    const limits = { now, maxAgeMs: config.proofMaxAgeMs, leewayMs: config.leewayMs };
    const bound = token && { tokenDigest: token.digest, thumbprint: token.thumbprint! };
    const expected = { method: request.method ?? '', urls: this.#urlsOf(request), ...limits, ...bound };
    const proof = await settle(() => checkProof(text, expected));
    if (config.replays === 'refuse') await this.#requireFirstUse(`${proof.thumbprint}:${proof.id}`, now);
    return proof;
  }

  async #requireFirstUse(proof: string, now: Date): Promise<void> {
    const { store, clock } = this.#options;
    const { proofMaxAgeMs, leewayMs, onOutage, redis } = this.config;
    // From the future by `leewayMs` and a second at most, and accepted until `leewayMs` after its age.
    const lifeMs = proofMaxAgeMs + 2 * leewayMs + 1000;
    const replayed = () => refusal('proof_replayed', 'The DPoP proof was used before.');
    const unknown = () => refusal('identity_unavailable', 'It cannot be checked whether the DPoP proof was used.');
    const own = this.#used.use(proof, now.getTime(), now.getTime() + lifeMs);
    if (own === false) throw replayed();
    if (store && !this.revocations.isDown) {
      const isFirst = await within(store.use(proof, lifeMs), redis?.timeoutMs ?? 0, clock);
      this.revocations.record(isFirst !== undefined);
      if (isFirst === false) throw replayed();
      if (isFirst === true) return;
    }
    if (own === 'full' || (store && onOutage === 'fail')) throw unknown();
    if (store) this.metrics.fallbacks.labels('proofs').inc();
  }

  /** @throws ApiError 401 if the client's key is revoked, 503 if that is unknown and must not be */
  requireKept(client: Client): void {
    if (this.revocations.has(`key:${client.id}`)) throw refusal('key_revoked', 'The API key is revoked.');
    if (!this.revocations.isStale) return;
    if (this.config.onOutage === 'fail')
      throw refusal('identity_unavailable', 'Revocations cannot be checked at the moment.');
    this.metrics.fallbacks.labels('revocations').inc();
  }

  /**
   * Revokes a client's key, and with it all its tokens, or one token by its `jti`; or takes that back.
   * @returns whether all gateways will know within a second; if not, this one does, and tells them as soon as it can
   */
  revoke(kind: 'key' | 'token', id: string, isRevoked = true): Promise<boolean> {
    const { tokenLifeMs, leewayMs } = this.config;
    const tokenUntilMs = this.#options.clock.date().getTime() + tokenLifeMs + leewayMs;
    return this.revocations.set(`${kind}:${id}`, isRevoked, kind === 'key' ? FOREVER_MS : tokenUntilMs);
  }

  /** @throws ApiError 403 unless the client may send from `address` */
  requireAddress({ networks }: Client, address: string | undefined): void {
    if (networks && (address === undefined || !networks.has(address)))
      throw refusal('address_not_allowed', 'The client address is not allowed for this API key.');
  }

  #requireShort(text: string): void {
    if (text.length > this.config.maxCredentialBytes)
      throw refusal('credentials_too_long', `Expected at most ${this.config.maxCredentialBytes} bytes of credentials.`);
  }

  #urlsOf(request: IncomingMessage): string[] {
    const { path = '', authority = '' } = requestTarget(request) ?? {};
    const { origins } = this.config;
    if (origins.length > 0) return origins.map(origin => new URL(origin).origin + path);
    // Whatever ends TLS in front of the gateway knows the scheme, not the gateway.
    return ['http', 'https'].map(scheme => `${scheme}://${authority}${path}`);
  }
}

/** Result of a call, or undefined if it fails or takes longer than `limitMs`. */
function within<T>(call: Promise<T>, limitMs: number, clock: Clock): Promise<T | undefined> {
  return new Promise(resolve => {
    const cancel = clock.after(limitMs, () => resolve(undefined));
    const settled = (value: T | undefined) => {
      cancel();
      resolve(value);
    };
    call.then(settled, () => settled(undefined));
  });
}
