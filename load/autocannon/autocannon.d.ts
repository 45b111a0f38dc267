/** The part of autocannon 9 that the probe uses; its own types are of an older version. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';
  import type { ConnectionOptions } from 'node:tls';

  /** Sends as soon as it has its answer; after each loss on a new socket. */
  export interface Client extends EventEmitter {
    /** ms without an answer, after which it takes a new socket. */
    timeout: number;
    readonly timeoutTicker: { reschedule(ms: number): void };
    readonly conn: Socket;
    readonly parser: Parser;
    /** What was sent on the present socket and has no answer; given what the parser finds. */
    readonly pipelinedRequests: { clear(): void; addBody(bytes: Buffer): void };
    setRequests(requests: readonly Request[]): void;
    destroy(): void;
  }

  /** Of http-parser-js; one for all sockets of a client. */
  export interface Parser {
    readonly hadError: boolean;
    /** `BODY_RAW` in a body that ends with its connection. */
    readonly state: string;
    reinitialize(type: 'RESPONSE'): void;
    /** Called with the head of an answer; true says that no body follows. */
    2: (head: Head) => boolean | undefined;
  }

  /** Names and values of headers in turn. */
  export interface Head {
    readonly statusCode: number;
    readonly headers: readonly string[];
    readonly shouldKeepAlive: boolean;
  }

  export interface Request {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  }

  export interface Options {
    readonly url: readonly string[];
    readonly connections: number;
    readonly pipelining: number;
    /** s */
    readonly duration: number;
    readonly setupClient: (client: Client) => void;
    readonly servername: string;
    /** autocannon adds `rejectUnauthorized: false`. */
    readonly tlsOptions: ConnectionOptions;
  }

  export default function autocannon(options: Options): EventEmitter & { stop(): void };
}
