import { userInfo } from 'node:os';
import { SquallError } from '../../harness/errors.ts';
import { linkName, numbered, zoneOf } from '../naming.ts';
import { DEFAULT_RESTART, type SettledOptions } from '../options.ts';
import type { Addresses, ReplicaPlan, TopologyParts } from '../replica-plan.ts';
import { type CertificateAuthority, pemOf } from './certificates.ts';
import type { EdgeCapabilities } from './concerns/concern.ts';
import { CORE_RULE_SET, findNginx } from './installation.ts';
import { edgeArguments, renderEdge } from './render.ts';

/** Who vouches for the edge; made when first asked for. */
export type EntryAuthority = () => Promise<CertificateAuthority>;

/** Names in the edge's certificates: clients enter on loopback, whatever the platform. */
export const ENTRY_NAMES = ['127.0.0.1', 'localhost'] as const;

/** Where the edge's certificate and key are, in its directory. */
export const ENTRY_CERTIFICATE = 'certificates/server.pem';

/** What our image has: Debian's nginx with OpenSSL 3.0, ModSecurity and the core rule set. */
const IMAGE_CAPABILITIES: EdgeCapabilities = {
  postQuantum: false,
  modsecurity: { module: '/usr/lib/nginx/modules/ngx_http_modsecurity_module.so', ...CORE_RULE_SET },
};

/** Clients come in across a link, so it is the link's word that counts for who they are. */
const LINK_NETWORKS = ['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];

/**
 * The one nginx of a stack, in front of its gateways.
 * @param authority needed with TLS
 */
export function edgeReplica(
  { port: _port, ...options }: Exclude<SettledOptions['edge'], 'off'>,
  { options: { gateway }, zones }: TopologyParts,
  authority: EntryAuthority | undefined,
): ReplicaPlan {
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
        // Only root can tell its workers to be somebody, and they must be able to reach the files.
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
    coldStartMs: 0,
    uses: hops,
    restart: DEFAULT_RESTART,
    environment: () => ({}),
    files,
  };
}

/** @throws SquallError `TOOL_NOT_FOUND` */
async function installedCapabilities(): Promise<EdgeCapabilities> {
  const found = await findNginx();
  if (found) return found.capabilities;
  throw new SquallError('environment', 'TOOL_NOT_FOUND', 'Expected nginx on this machine, and it is gone', {
    next: 'Install it again.',
  });
}
