import { ACCESS_LOG, accessLog } from './concerns/access-log.ts';
import { cache } from './concerns/cache.ts';
import type { Concern, EdgeCapabilities, EdgePlan } from './concerns/concern.ts';
import { errors } from './concerns/errors.ts';
import { firewall } from './concerns/firewall.ts';
import { forwarding } from './concerns/forwarding.ts';
import { limits } from './concerns/limits.ts';
import { refusals } from './concerns/refusals.ts';
import { streaming } from './concerns/streaming.ts';
import { timeouts } from './concerns/timeouts.ts';
import { tls } from './concerns/tls.ts';
import { upstreams } from './concerns/upstreams.ts';
import {
  badEdge,
  type EdgeAddresses,
  type EdgeOptionsInput,
  edgeAddressesSchema,
  edgeOptionsSchema,
  parseEdge,
} from './options.ts';

/** In the order in which nginx reads them. */
const CONCERNS: readonly ((plan: EdgePlan) => Concern)[] = [
  forwarding,
  accessLog,
  upstreams,
  tls,
  refusals,
  limits,
  timeouts,
  streaming,
  cache,
  firewall,
  errors,
];

const PLACES = ['main', 'http', 'server', 'proxied', 'streaming', 'ordinary'] as const;
type Place = (typeof PLACES)[number];

/** Folders that nginx writes to, below the prefix. It writes nowhere else. */
const FOLDERS = ['logs', 'temp', 'certificates'] as const;

/** Where the master process's id is, below the prefix, and where nginx writes its log. */
export const EDGE_PATHS = { pid: 'temp/nginx.pid', errorLog: 'logs/error.log', accessLog: ACCESS_LOG } as const;

/** The arguments of nginx for `prefix`, which has to be the working directory too: ModSecurity takes its paths from there. */
export function edgeArguments(prefix: string): readonly string[] {
  return ['-p', prefix, '-c', 'nginx.conf', '-e', EDGE_PATHS.errorLog];
}

/** What {@link renderEdge} may be told beside options and addresses. */
export interface RenderOptions {
  /** @default neither post-quantum key exchange nor ModSecurity */
  readonly capabilities?: EdgeCapabilities;
  /** Into files below the prefix, or to the output of the process, as containers do. @default files */
  readonly logsTo?: 'files' | 'output';
  /** Whom root's workers run as; meaningless, and left out, for everybody else. */
  readonly workerUser?: string;
}

/**
 * nginx's configuration for `options`: paths below a prefix folder and what belongs there; one that ends in `/` is a folder that
 * nginx writes to. All paths in it are relative, so that the prefix can stand anywhere (but for ModSecurity's own); start nginx
 * inside it, with {@link edgeArguments}.
 *
 * ```
 * nginx.conf ─┬▶ http/<concern>.conf
 *             └▶ server/<concern>.conf, and per location proxied/, streaming/ or ordinary/
 * ```
 *
 * @throws SquallError `BAD_EDGE_OPTIONS`, `NO_MODSECURITY`
 */
export function renderEdge(
  options: EdgeOptionsInput,
  addresses: EdgeAddresses,
  { capabilities = { postQuantum: false, modsecurity: undefined }, logsTo = 'files', workerUser }: RenderOptions = {},
): Readonly<Record<string, string>> {
  if (workerUser !== undefined && !/^[a-z_][a-z0-9_-]{0,31}$/.test(workerUser)) {
    throw badEdge('Expected `workerUser` to be the name of a user');
  }
  const plan: EdgePlan = {
    options: parseEdge(edgeOptionsSchema, options),
    addresses: parseEdge(edgeAddressesSchema, addresses),
    capabilities,
    logsTo,
  };
  const concerns = CONCERNS.map(concern => concern(plan));
  const files = concerns.flatMap(concern => [
    ...PLACES.flatMap(place =>
      place !== 'main' && concern[place]?.length ? [[pathOf(place, concern), text(concern[place])] as const] : [],
    ),
    ...Object.entries(concern.files ?? {}),
  ]);
  return {
    ...Object.fromEntries(FOLDERS.map(folder => [`${folder}/`, ''])),
    'nginx.conf': text(mainFile(plan, concerns, workerUser)),
    ...Object.fromEntries(files),
  };
}

function mainFile(plan: EdgePlan, concerns: readonly Concern[], workerUser: string | undefined): string[] {
  const { workers, connectionsPerWorker, drainMs } = plan.options;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return [
    ...concerns.flatMap(concern => concern.main ?? []),
    ...(workerUser === undefined ? [] : [`user ${workerUser};`]),
    'daemon off;',
    `worker_processes ${workers};`,
    `worker_shutdown_timeout ${drainMs}ms;`,
    `pid ${EDGE_PATHS.pid};`,
    `error_log ${plan.logsTo === 'files' ? EDGE_PATHS.errorLog : 'stderr'} notice;`,
    'events {',
    `  worker_connections ${connectionsPerWorker};`,
    '}',
    'http {',
    ...temporary.map(name => `  ${name}_temp_path temp/${name};`),
    '  server_tokens off;',
    '  default_type application/octet-stream;',
    '  tcp_nodelay on;',
    ...includes('http', concerns),
    ...servers(plan, concerns).map(line => `  ${line}`),
    '}',
  ];
}

/** @throws SquallError `BAD_EDGE_OPTIONS` when no listener is left */
function servers({ options: { tls, streaming }, addresses }: EdgePlan, concerns: readonly Concern[]): string[] {
  if (tls === 'off' && (addresses.http === undefined || addresses.https !== undefined)) {
    throw badEdge('Expected an address for `http`, and none for `https`, where `tls` is off');
  }
  if (tls !== 'off' && addresses.https === undefined)
    throw badEdge('Expected an address for `https`, since `tls` is on');
  const routes = [
    ...[...new Set(streaming.paths)].flatMap(path => location(`= ${path}`, 'streaming', concerns)),
    // `/` alone may be a streaming path without hiding this one: `= /` is another location.
    ...location('/', 'ordinary', concerns),
  ];
  const redirects = tls !== 'off' && tls.redirect;
  const host = (tls !== 'off' && tls.serverName) || '$host';
  const port = addresses.https?.slice(addresses.https.lastIndexOf(':') + 1);
  const redirect = ['  location / {', `    return 308 https://${host}:${port}$request_uri;`, '  }'];
  const listener = (listen: string, body: readonly string[]) => [
    'server {',
    `  listen ${listen};`,
    ...includes('server', concerns),
    ...body,
    '}',
  ];
  return [
    ...(addresses.http === undefined ? [] : listener(addresses.http, redirects ? redirect : routes)),
    ...(addresses.https === undefined ? [] : listener(`${addresses.https} ssl`, routes)),
    ...statusServer(addresses.status),
  ];
}

function statusServer(listen: string): string[] {
  return [
    'server {',
    `  listen ${listen};`,
    '  access_log off;',
    '  location = /nginx_status {',
    '    stub_status;',
    '  }',
    '  location = /healthz {',
    '    default_type text/plain;',
    "    return 200 'ok';",
    '  }',
    '  location / {',
    '    return 404;',
    '  }',
    '}',
  ];
}

function location(match: string, kind: 'streaming' | 'ordinary', concerns: readonly Concern[]): string[] {
  return [
    `  location ${match} {`,
    ...[...includes('proxied', concerns), ...includes(kind, concerns)].map(line => `  ${line}`),
    '  }',
  ];
}

function includes(place: Place, concerns: readonly Concern[]): string[] {
  return concerns.filter(concern => concern[place]?.length).map(concern => `  include ${pathOf(place, concern)};`);
}

function pathOf(place: Place, concern: Concern): string {
  return `${place}/${concern.name}.conf`;
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
