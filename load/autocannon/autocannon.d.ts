/** The part of autocannon 9 that the probe uses; its own types are of an older version. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events';

  /** Connection that sends as soon as its response is complete, after each failure on a new socket. */
  export interface Client extends EventEmitter<ClientEvents> {
    setRequests(requests: readonly RequestSetup[]): void;
    destroy(): void;
  }

  export interface ClientEvents {
    headers: [Head];
    /** Chunk of the body. */
    body: [Buffer];
    /** The response is complete. */
    response: [];
    connError: [Error];
  }

  /** Head of a response; `headers` alternates names and values. */
  export interface Head {
    readonly statusCode: number;
    readonly headers: readonly string[];
    readonly shouldKeepAlive: boolean;
  }

  export interface RequestSetup {
    /** Called before each request; returns the request, based on the given defaults. */
    readonly setupRequest: (defaults: object) => object;
  }

  export interface Options {
    readonly url: readonly string[];
    readonly connections: number;
    /** s */
    readonly duration: number;
    /** s, for the whole response; at least 1. */
    readonly timeout: number;
    readonly setupClient: (client: Client) => void;
  }

  export default function autocannon(options: Options): EventEmitter;
}
