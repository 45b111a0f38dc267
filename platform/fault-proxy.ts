import type { Clock } from '../harness/clock.ts';
import type { SecretBytes } from '../harness/host/secrets.ts';
import { isReadyAt } from './readiness.ts';

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

/** Where the API of a run's fault proxy is, and the token that it wants (Toxiproxy 2.12 wants none). */
export interface ProxyAccess {
  readonly apiUrl: string;
  readonly token: string;
}

/** A fault proxy's API at `apiUrl`, with a token of this run only, so that no other user of this machine can change its faults. */
export function newAccess(apiUrl: string, secret: SecretBytes): ProxyAccess {
  return { apiUrl, token: secret(24).toString('hex') };
}

/** Environment of a fault proxy: the token is nowhere else. By default Toxiproxy logs every connection. */
export function proxyEnvironment({ token }: ProxyAccess): Record<string, string> {
  return { LOG_LEVEL: 'warn', TOXIPROXY_AUTH_TOKEN: token };
}

/** Whether the API responds, as {@link isReadyAt}. */
export function isApiReady(
  access: ProxyAccess,
  connect: FaultProxy['connect'],
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const send = (_url: string, abort: AbortSignal) =>
    connect(access)
      .version(abort)
      .then(() => ({ isReady: true }));
  return isReadyAt(access.apiUrl, signal, send, clock);
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
  connect(access: ProxyAccess): ProxyApi;
}
