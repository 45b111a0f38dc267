import { accessControl } from './concerns/access-control.ts';
import { ACCESS_LOG, accessLog } from './concerns/access-log.ts';
import { cache } from './concerns/cache.ts';
import { type Concern, type EdgeCapabilities, type EdgePlan, textOf } from './concerns/concern.ts';
import { errors } from './concerns/errors.ts';
import { firewall } from './concerns/firewall.ts';
import { forwarding } from './concerns/forwarding.ts';
import { limits } from './concerns/limits.ts';
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

/** Concerns in the order in which nginx reads them. */
const CONCERNS: readonly ((plan: EdgePlan) => Concern)[] = [
  forwarding,
  accessLog,
  upstreams,
  tls,
  accessControl,
  limits,
  timeouts,
  streaming,
  cache,
  firewall,
  errors,
];

const CONTEXTS = ['http', 'server', 'proxied', 'streaming', 'unstreamed'] as const;
type Context = (typeof CONTEXTS)[number];

/** Folders below the prefix that nginx writes to. It writes nowhere else. */
const FOLDERS = ['logs', 'temp', 'certificates'] as const;

/** Paths of the pid file and logs below the prefix. */
export const EDGE_PATHS = { pid: 'temp/nginx.pid', errorLog: 'logs/error.log', accessLog: ACCESS_LOG } as const;

/** Arguments of nginx for `prefix`, which must also be the working directory: ModSecurity resolves its paths against it. */
export function edgeArguments(prefix: string): readonly string[] {
  return ['-p', prefix, '-c', 'nginx.conf', '-e', EDGE_PATHS.errorLog];
}

/** Further input of {@link renderEdge}. */
interface RenderOptions {
  /** @default neither post-quantum key exchange nor ModSecurity */
  readonly capabilities?: EdgeCapabilities;
  /** Destination of logs: files below the prefix, or stdout and stderr as in containers. @default files */
  readonly logsTo?: 'files' | 'output';
  /** User of the worker processes. Only valid if nginx is started by root. */
  readonly workerUser?: string;
}

/**
 * nginx configuration for `options`: file contents by path below the prefix; a path that ends in `/` is a folder that nginx writes
 * to. All paths inside are relative (except ModSecurity's), so that the prefix can be anywhere; nginx must be started in it, with
 * {@link edgeArguments}.
 *
 * ```
 * nginx.conf ─┬▶ http/<concern>.conf
 *             └▶ server/<concern>.conf, and per location proxied/, streaming/ or unstreamed/
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
    throw badEdge('Expected `workerUser` to be a user name');
  }
  const plan: EdgePlan = {
    options: parseEdge(edgeOptionsSchema, options),
    addresses: parseEdge(edgeAddressesSchema, addresses),
    capabilities,
    logsTo,
  };
  const concerns = CONCERNS.map(concern => concern(plan));
  const files = concerns.flatMap(concern => [
    ...CONTEXTS.flatMap(context =>
      concern[context]?.length ? [[pathOf(context, concern), textOf(concern[context])]] : [],
    ),
    ...Object.entries(concern.files ?? {}),
  ]);
  return {
    ...Object.fromEntries(FOLDERS.map(folder => [`${folder}/`, ''])),
    'nginx.conf': textOf(mainFile(plan, concerns, workerUser)),
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

/**
 * Server blocks of the configuration.
 * @throws SquallError `BAD_EDGE_OPTIONS` when listeners do not match `tls`
 */
function servers({ options: { tls, streaming }, addresses }: EdgePlan, concerns: readonly Concern[]): string[] {
  if (tls === 'off' && (addresses.http === undefined || addresses.https !== undefined)) {
    throw badEdge('Expected an address for `http` and none for `https`, since `tls` is off');
  }
  if (tls !== 'off' && addresses.https === undefined)
    throw badEdge('Expected an address for `https`, since `tls` is on');
  const routes = [
    ...[...new Set(streaming.paths)].flatMap(path => location(`= ${path}`, 'streaming', concerns)),
    // No conflict with the streaming path `/`, whose location is `= /`.
    ...location('/', 'unstreamed', concerns),
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
    // A page whose name resolves to this address (DNS rebinding) sends that name.
    `  if ($host !~* "^(127(\\.[0-9]+){3}|\\[::1\\]|localhost|edge)$") {`,
    '    return 403;',
    '  }',
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

function location(match: string, kind: 'streaming' | 'unstreamed', concerns: readonly Concern[]): string[] {
  return [
    `  location ${match} {`,
    ...[...includes('proxied', concerns), ...includes(kind, concerns)].map(line => `  ${line}`),
    '  }',
  ];
}

function includes(context: Context, concerns: readonly Concern[]): string[] {
  return concerns.filter(concern => concern[context]?.length).map(concern => `  include ${pathOf(context, concern)};`);
}

function pathOf(context: Context, concern: Concern): string {
  return `${context}/${concern.name}.conf`;
}
