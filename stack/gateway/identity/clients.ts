import { hash, timingSafeEqual } from 'node:crypto';
import { type Networks, networkSet } from '../connections/addresses.ts';
import type { IdentityConfig } from './config.ts';

/** A client: somebody with an API key. */
export interface Client {
  readonly id: string;
  /** SHA-256 of its key, in hex. */
  readonly keyHash: string;
  readonly bearer: IdentityConfig['bearer'];
  /** Addresses that it may send from; undefined for all. */
  readonly networks: Networks | undefined;
}

/**
 * Clients by id and by key. Only hashes of keys are known here. SHA-256 is enough: keys are random texts of 128 bits and more, which nobody can
 * try out, unlike passwords, for which there are slow hashes.
 */
export class Clients {
  readonly #byId = new Map<string, Client>();
  readonly #all: readonly (readonly [Buffer, Client])[];

  /** @param apiKeyHashes of clients without a name: 16 digits of the hash are their id */
  constructor({ clients, bearer, networks: allowed }: IdentityConfig, apiKeyHashes: readonly string[]) {
    const common = allowed && networkSet(allowed);
    for (const [id, own] of Object.entries(clients)) {
      const networks = own.networks ? networkSet(own.networks) : common;
      this.#byId.set(id, { id, keyHash: own.sha256.toLowerCase(), bearer: own.bearer ?? bearer, networks });
    }
    const named = new Set([...this.#byId.values()].map(({ keyHash }) => keyHash));
    for (const keyHash of apiKeyHashes.map(hex => hex.toLowerCase())) {
      const id = keyHash.slice(0, 16);
      if (!named.has(keyHash)) this.#byId.set(id, { id, keyHash, bearer, networks: common });
    }
    this.#all = [...this.#byId.values()].map(client => [Buffer.from(client.keyHash, 'hex'), client]);
  }

  get size(): number {
    return this.#all.length;
  }

  get(id: string): Client | undefined {
    return this.#byId.get(id);
  }

  /** Client whose key has this hash, in hex. */
  withHash(keyHash: string): Client | undefined {
    return this.#all.find(([, client]) => client.keyHash === keyHash)?.[1];
  }

  /** Client with this key. Every hash is compared, each in constant time, so that the time tells nothing. */
  withKey(key: string): Client | undefined {
    const digest = hash('sha256', key, 'buffer');
    let found: Client | undefined;
    for (const [own, client] of this.#all) if (timingSafeEqual(own, digest)) found = client;
    return found;
  }
}
