/** The part of autocannon 9 that the probe uses; its own types are of an older version. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events';

  /** Sends as soon as it has its answer; after each loss on a new socket. */
  export interface Client extends EventEmitter<ClientEvents> {
    setRequests(requests: readonly RequestSetup[]): void;
    destroy(): void;
  }

  export interface ClientEvents {
    headers: [Head];
    /** A part of the body. */
    body: [Buffer];
    /** The whole answer is in. */
    response: [];
    connError: [Error];
    /** No whole answer in time; by now it has a new socket, and has sent on it. */
    timeout: [];
  }

  /** Names and values of headers in turn. */
  export interface Head {
    readonly statusCode: number;
    readonly headers: readonly string[];
    readonly shouldKeepAlive: boolean;
  }

  export interface RequestSetup {
    /** Called before each request: what to send, beside the defaults that it is given. */
    readonly setupRequest: (defaults: object) => object;
  }

  export interface Options {
    readonly url: readonly string[];
    readonly connections: number;
    /** s */
    readonly duration: number;
    /** s, for the whole answer; at least 1. */
    readonly timeout: number;
    readonly setupClient: (client: Client) => void;
  }

  export default function autocannon(options: Options): EventEmitter;
}
