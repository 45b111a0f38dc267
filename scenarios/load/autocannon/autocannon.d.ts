/** The part of autocannon 9 that the probe uses; its own types are of an older version. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events';

  export interface Client extends EventEmitter {
    setRequests(requests: readonly Request[]): void;
    destroy(): void;
  }

  export interface Request {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    /** Called when the whole answer is in; names of headers as they were sent. */
    readonly onResponse: (
      status: number,
      body: string,
      context: unknown,
      headers: Readonly<Record<string, string | string[]>>,
    ) => void;
  }

  export interface Options {
    readonly url: readonly string[];
    readonly connections: number;
    readonly pipelining: number;
    /** s */
    readonly duration: number;
    /** s; of the whole answer */
    readonly timeout: number;
    readonly setupClient: (client: Client) => void;
  }

  export default function autocannon(options: Options): EventEmitter & { stop(): void };
}
