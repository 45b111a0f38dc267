/** One request to an upstream. */
interface UpstreamRequest {
  readonly method: 'GET' | 'POST';
  /** Path below the upstream's URL, starting with `/`. */
  readonly path: string;
  /** Alternating lower-case names and values. */
  readonly headers: string[];
  readonly body?: Buffer;
}

/** Headers of a response by name, in lower case. */
export type UpstreamHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Callbacks of one request: `onConnected`, `onResponse`, `onData`*, then exactly one of `onEnd` or `onError`. */
export interface UpstreamHandler {
  /** Called when the request is written to a connected socket. */
  onConnected(): void;
  onResponse(status: number, headers: UpstreamHeaders): void;
  onData(chunk: Buffer): void;
  /** @param trailers of a chunked response */
  onEnd(trailers?: UpstreamHeaders): void;
  /** Also called after a cancel; may come before `onConnected`. */
  onError(error: Error): void;
}

/** Request in flight. */
export interface UpstreamCall {
  /** Aborts the request and closes its socket, so that the upstream stops working on it. No effect once it has ended. */
  cancel(): void;
  /** Stops reading from the upstream, whose data then queues in the kernel and, once that is full, in the upstream. */
  pause(): void;
  resume(): void;
}

/** Connections to one upstream. Implemented by `undici-transport.ts`; a simulated network can replace it. */
export interface Transport {
  send(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall;
  /** Closes every socket at once. */
  close(): Promise<void>;
}

/** Creates the {@link Transport} to an upstream at `url`. */
export type TransportFactory = (url: string) => Transport;
