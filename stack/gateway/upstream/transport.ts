/** One request to an upstream. */
export interface UpstreamRequest {
  readonly method: 'GET' | 'POST';
  /** Path below the upstream's URL, starting with `/`. */
  readonly path: string;
  /** Names in lower case and values, in turn. */
  readonly headers: string[];
  readonly body?: Buffer;
}

/** Receives one answer: `connected`, `answered`, `data`*, then exactly one of `ended` or `failed`. */
export interface UpstreamHandler {
  /** The request is being written to a connected socket. */
  connected(): void;
  answered(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void;
  data(chunk: Buffer): void;
  ended(): void;
  /** Also called after a cancel; may come before `connected`. */
  failed(error: Error): void;
}

/** A request under way. */
export interface UpstreamCall {
  /** Gives the answer up and closes its socket, so that the upstream stops working on it. Harmless when it is over. */
  cancel(): void;
  /** Stops reading from the upstream; what it sends meanwhile waits in the kernel, and then in the upstream. */
  pause(): void;
  resume(): void;
}

/** The way to one upstream. The real one is `undici-transport.ts`; a simulated network can stand in for it. */
export interface Transport {
  send(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall;
  /** Closes every socket at once. */
  close(): Promise<void>;
}

/** Makes the {@link Transport} to an upstream at `url`. */
export type TransportFactory = (url: string) => Transport;
