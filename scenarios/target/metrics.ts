import { SquallError } from '../../harness/errors.ts';
import type { Machine } from '../../harness/host/network.ts';
import { locateTarget } from '../../harness/host/target.ts';
import { referenceIn, resolveSecret } from '../../load/request/secrets.ts';
import { hostAndPort } from '../../platform/external/reach.ts';
import type { MetricsEndpoint } from '../../stack/observability/endpoint.ts';
import type { External } from './external.ts';
import { authorizationHeader } from './target.ts';

/** Metrics of a target, as options or the `target` section of a scenario name them. */
export interface MetricsOptions {
  /** URLs, one for each replica or exporter; without a path `/metrics`. */
  readonly metrics?: readonly string[] | undefined;
  /** `Authorization` header as a reference, `env:NAME`. @default that of the target, for URLs of its origin */
  readonly metricsAuthorization?: string | undefined;
}

/**
 * Endpoints of a target's metrics, checked like the target: on this machine, unless the user confirmed that it is theirs.
 * @param written names of the two options as the user wrote them, for messages
 * @throws SquallError of kind `option` that names the option, or of kind `environment` for a name without an address
 */
export async function metricsEndpoints(
  { metrics = [], metricsAuthorization }: MetricsOptions,
  target: External,
  written: { readonly metrics: string; readonly authorization: string },
  machine: Machine,
  signal?: AbortSignal,
): Promise<MetricsEndpoint[]> {
  const given = metricsAuthorization === undefined ? '' : secretOf(metricsAuthorization, written.authorization);
  const own = new URL(target.url).origin;
  const urls = new Set(metrics.map(text => parse(text, written.metrics).href));
  return Promise.all(
    [...urls].map(async href => {
      const url = new URL(href);
      const { iOwnThisTarget } = target;
      const { addresses, port } = await locateTarget(url.origin, {
        iOwnThisTarget,
        machine,
        ...(signal && { signal }),
      });
      const authorization = given || (url.origin === own ? target.authorization : '');
      const path = url.pathname === '/metrics' ? '' : url.pathname;
      return {
        name: `${url.host}${path}${url.search}`,
        url: href,
        via: addresses.map(address => hostAndPort(address, port)),
        authorization,
        tls: target.tls,
      };
    }),
  );
}

function parse(text: string, option: string): URL {
  const url = URL.parse(text);
  const isBase = url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.hash === '';
  if (!isBase)
    // Quoted only if it contains no password.
    throw new SquallError(
      'option',
      'BAD_METRICS',
      `Expected \`${option}\` to be http or https URLs without a user and password${url?.password || url?.username ? '' : `, got "${text}"`}`,
      {
        next: 'Give a URL such as http://127.0.0.1:8000/metrics, and a credential by --metrics-authorization env:NAME.',
      },
    );
  if (url.pathname === '/') url.pathname = '/metrics';
  return url;
}

function secretOf(reference: string, option: string): string {
  const variable = referenceIn(reference);
  const value = variable === undefined ? '' : resolveSecret(reference, process.env);
  if (variable !== undefined && process.env[variable]) return authorizationHeader(value);
  const found = variable === undefined ? 'another text' : `env:${variable}, which is not set`;
  throw new SquallError(
    'option',
    'BAD_AUTHORIZATION',
    `Expected \`${option}\` to be env:NAME, the name of an environment variable with the token, got ${found}`,
    { next: 'Set the variable, and name it: a token on a command line or in a file is readable by others.' },
  );
}
