/** Name of the fault proxy's server, and its host name inside a stack. */
export const PROXY = 'toxiproxy';

/** API of a running fault proxy, as far as a platform uses it. */
export interface ProxyApi {
  version(signal?: AbortSignal): Promise<string>;
  createProxy(
    proxy: { readonly name: string; readonly listen: string; readonly upstream: string },
    signal?: AbortSignal,
  ): Promise<unknown>;
}

/** Source of the fault proxy. Passed in, since platforms do not know faults: `{ find: findToxiproxy, connect: connectToxiproxy }`. */
export interface FaultProxy {
  /**
   * Command of a server whose API listens on `host:port` and responds to `GET /version`. `seed` decides its random draws, if it
   * supports a seed. `source` is for example `PATH` or `embedded`; a missing `version` is read from the API.
   */
  find(
    options: { readonly host: string; readonly port: number; readonly seed: number },
    signal?: AbortSignal,
  ): Promise<{
    readonly command: string;
    readonly args: readonly string[];
    readonly source: string;
    readonly version?: string;
  }>;
  connect(options: { readonly apiUrl: string }): ProxyApi;
}
