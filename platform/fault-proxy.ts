/** The name of the fault proxy's server, and by which services know it. */
export const PROXY = 'toxiproxy';

/** A program to be started. */
export interface FoundProxy {
  readonly command: string;
  readonly args: readonly string[];
  /** Where it comes from, such as `PATH` or `embedded`. */
  readonly source: string;
  /** Asked of the running server when absent. */
  readonly version?: string;
}

/** The API of a running fault proxy, as far as a platform needs it. */
export interface ProxyApi {
  version(signal?: AbortSignal): Promise<string>;
  createProxy(
    proxy: { readonly name: string; readonly listen: string; readonly upstream: string },
    signal?: AbortSignal,
  ): Promise<unknown>;
}

/**
 * How a platform comes by a fault proxy. It is handed in, since the stack does not know how faults are made:
 * `{ find: findToxiproxy, connect: connectToxiproxy }`.
 */
export interface FaultProxy {
  /** The server to start, so that its API listens on `host:port` and `GET /version` answers; `seed` decides its draws, if it can be seeded. */
  find(
    options: { readonly host: string; readonly port: number; readonly seed: number },
    signal?: AbortSignal,
  ): Promise<FoundProxy>;
  connect(options: { readonly apiUrl: string }): ProxyApi;
}
