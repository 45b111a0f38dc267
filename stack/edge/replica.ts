import { userInfo } from 'node:os';
import { SquallError } from '../../harness/errors.ts';
import { linkName, numbered, zoneOf } from '../naming.ts';
import type { SettledOptions } from '../options.ts';
import type { Addresses, ServicePlan, TopologyParts } from '../replica-plan.ts';
import { type CertificateAuthority, pemOf } from './certificates.ts';
import type { EdgeCapabilities } from './concerns/concern.ts';
import { CORE_RULE_SET, findNginx } from './installation.ts';
import { edgeArguments, renderEdge } from './render.ts';

/** Factory of the authority that issues the edge's certificates; creates it on first use. */
export type EntryAuthority = () => Promise<CertificateAuthority>;

/** Names in the edge's certificates: clients connect over loopback on every platform. */
export const ENTRY_NAMES = ['127.0.0.1', 'localhost'] as const;

/** Path of the edge's certificate and key in its directory. */
export const ENTRY_CERTIFICATE = 'certificates/server.pem';

/** Capabilities of the Docker image: Debian's nginx with OpenSSL 3.0, ModSecurity and the core rule set. */
const IMAGE_CAPABILITIES: EdgeCapabilities = {
  postQuantum: false,
  modsecurity: { module: '/usr/lib/nginx/modules/ngx_http_modsecurity_module.so', ...CORE_RULE_SET },
};

/** Networks of links. Clients connect through a link, so its `X-Forwarded-For` is trusted. */
const LINK_NETWORKS = ['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];

/**
 * Plan of the nginx in front of a stack's gateways.
 * @param authority required with TLS
 */
export function edgeReplica(
  { port: _port, ...options }: Exclude<SettledOptions['edge'], 'off'>,
  { options: { gateway }, zones }: TopologyParts,
  authority: EntryAuthority | undefined,
): ServicePlan {
  const zone = zoneOf('edge', zones);
  const hops = numbered('gateway', gateway.replicas).map(to => linkName('edge', zone, to, zones));
  const files = async ({ listen, listeners, links, isInImage }: Addresses) => {
    const rendered = renderEdge(
      { ...options, trustedProxies: LINK_NETWORKS },
      {
        ...(authority ? { https: listen } : { http: listen }),
        status: listeners.status!,
        upstreams: hops.map(link => links[link]!),
      },
      {
        capabilities: isInImage ? IMAGE_CAPABILITIES : await installedCapabilities(),
        logsTo: isInImage ? 'output' : 'files',
        // Only root can set the workers' user, who must be able to read the files.
        ...(!isInImage && process.getuid?.() === 0 ? { workerUser: userInfo().username } : {}),
      },
    );
    if (!authority) return rendered;
    const pair = await (await authority()).issue({ names: ENTRY_NAMES });
    return { ...rendered, [ENTRY_CERTIFICATE]: pemOf(pair) };
  };
  return {
    name: 'edge',
    service: 'edge',
    zone,
    run: { kind: 'tool', tool: 'nginx', args: ({ directory }: Addresses) => edgeArguments(directory) },
    protocol: 'http',
    ready: { kind: 'http', path: '/healthz', listener: 'status' },
    listeners: ['status'],
    uses: hops,
    files,
  };
}

/**
 * Capabilities of the installed nginx.
 * @throws SquallError `TOOL_NOT_FOUND`
 */
async function installedCapabilities(): Promise<EdgeCapabilities> {
  const found = await findNginx();
  if (found) return found.capabilities;
  const message = 'Expected nginx on this machine, but it is no longer installed';
  throw new SquallError('environment', 'TOOL_NOT_FOUND', message, { next: 'Reinstall nginx.' });
}
