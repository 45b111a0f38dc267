import type { AddressInfo } from 'node:net';
import { Duplex, type DuplexOptions } from 'node:stream';
import type { Endpoint } from '../../../harness/host/network.ts';

/** The part of a `net.Socket` that says who is connected to whom, and whether. */
export class NamedSocket extends Duplex {
  connecting = true;
  readonly #local: Endpoint;
  readonly #peer: Endpoint;
  #isPeerKnown = false;

  constructor(local: Endpoint, peer: Endpoint, options: DuplexOptions) {
    super(options);
    this.#local = local;
    this.#peer = peer;
  }

  get localAddress(): string | undefined {
    return this.destroyed ? undefined : this.#local.host;
  }
  get localPort(): number | undefined {
    return this.destroyed ? undefined : this.#local.port;
  }
  get localFamily(): string | undefined {
    return this.destroyed ? undefined : 'IPv4';
  }
  get remoteAddress(): string | undefined {
    return this.#peerName()?.host;
  }
  get remotePort(): number | undefined {
    return this.#peerName()?.port;
  }
  get remoteFamily(): string | undefined {
    return this.#peerName() && 'IPv4';
  }
  get pending(): boolean {
    return this.connecting;
  }
  get readyState(): string {
    if (this.connecting) return 'opening';
    if (this.readable && this.writable) return 'open';
    if (this.readable) return 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  address(): AddressInfo | object {
    return this.destroyed ? {} : { address: this.#local.host, family: 'IPv4', port: this.#local.port };
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }

  /** Of a closed socket it is known only if somebody asked before. */
  #peerName(): Endpoint | undefined {
    if (this.connecting || (this.destroyed && !this.#isPeerKnown)) return undefined;
    this.#isPeerKnown = true;
    return this.#peer;
  }
}
