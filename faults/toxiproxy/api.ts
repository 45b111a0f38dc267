import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { messageOf } from '../../harness/errors.ts';
import type { Random } from '../../harness/random.ts';
import { ApiError, statusOf } from './api-error.ts';
import { asObject, type Body, parseBody, readField } from './body.ts';
import type { ProxyCollection } from './proxy-collection.ts';
import { isAuthorized } from './token.ts';

/** Version in `GET /version` of the embedded server: that of the API, marked as not being Toxiproxy itself. */
export const EMBEDDED_VERSION = '2.12.0-embedded';

/** To the byte as Toxiproxy writes it. */
const VERSION_JSON = `{"version": "${EMBEDDED_VERSION}"}\n`;

const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** Toxiproxy's, in ms: of a request to arrive, and of an idle connection. */
const TIMEOUTS = { requestTimeout: 15_000, keepAliveTimeout: 60_000 };
/** Of whatever is no success. */
const PLAIN = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };

interface ApiOptions {
  /** That every call must carry as `Authorization: Bearer`, as from 2.13. @default none */
  readonly token?: string | undefined;
  /** @default none, and no such path */
  readonly metrics?: Metrics | undefined;
}

/** What `GET /metrics` responds with. */
export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

interface Reply {
  readonly status: number;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, instead. */
  readonly text?: string;
  /** @default application/json */
  readonly contentType?: string;
}

interface Call {
  readonly proxyName: string;
  readonly toxicName: string;
  readonly text: string;
  readonly proxies: ProxyCollection;
}

type Handler = (call: Call) => Reply | Promise<Reply>;

const ROUTES: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '/version': { GET: () => ({ status: 200, contentType: 'application/json;charset=utf-8', text: VERSION_JSON }) },
  '/reset': { POST: async ({ proxies }) => proxies.reset().then(noContent) },
  '/populate': { POST: populate },
  '/proxies': {
    GET: ({ proxies }) => ok(new Map(proxies.all().map(proxy => [proxy.name, proxy.toJson()]))),
    POST: async call => ({ status: 201, json: (await call.proxies.create(bodyOf(call))).toJson() }),
  },
  '/proxies/{proxy}': {
    GET: call => ok(proxyOf(call).toJson()),
    POST: updateProxy,
    PATCH: updateProxy,
    DELETE: async ({ proxies, proxyName }) => proxies.remove(proxyName).then(noContent),
  },
  '/proxies/{proxy}/toxics': {
    GET: call => ok(proxyOf(call).listToxics()),
    POST: call => ok(proxyOf(call).addToxic(bodyOf(call))),
  },
  '/proxies/{proxy}/toxics/{toxic}': {
    GET: call => ok(proxyOf(call).getToxic(call.toxicName)),
    POST: updateToxic,
    PATCH: updateToxic,
    DELETE: call => {
      proxyOf(call).removeToxic(call.toxicName);
      return noContent();
    },
  },
};

/**
 * Toxiproxy 2.12's HTTP API over `proxies`: same paths, status codes, headers, JSON and error bodies. Calls are executed one after the
 * other, in order of arrival. A body of more than 64 MiB, where Toxiproxy has no limit, is read and rejected with 413.
 */
export function createApi(proxies: ProxyCollection, { token = '', metrics }: ApiOptions = {}): Server {
  let last: Promise<unknown> = Promise.resolve();
  const random = proxies.random.stream('request ids');
  return createServer(TIMEOUTS, (request, response) => {
    if (!isAuthorized(request.headers.authorization, token)) {
      const headers = { 'content-type': 'application/json', 'www-authenticate': 'Bearer', connection: 'close' };
      send(response, 401, headers, `${JSON.stringify({ error: 'unauthorized', status: 401 })}\n`);
      return;
    }
    void readText(request).then(
      text => {
        last = last
          .then(() => reply(request, response, { text, proxies, metrics, random }))
          .catch(() => response.destroy());
      },
      () => response.destroy(),
    );
  });
}

async function reply(
  request: IncomingMessage,
  response: ServerResponse,
  {
    text,
    proxies,
    metrics,
    random,
  }: Pick<Call, 'proxies'> & {
    readonly text: string | null;
    readonly metrics?: Metrics | undefined;
    readonly random: Random;
  },
): Promise<void> {
  const { method = 'GET', url = '/' } = request;
  if (url === '*') return send(response, method === 'OPTIONS' ? 200 : 404, {});
  const target = readTarget(url);
  if (!target) return send(response, 400, { ...PLAIN, connection: 'close' }, '400 Bad Request');
  if (target.location !== undefined) return send(response, 301, { location: target.location });
  const { pattern, proxyName, toxicName } = matchPath(target.path);
  const isMetrics = pattern === '/metrics' && metrics !== undefined;
  const handlers = ROUTES[pattern];
  if (!handlers && !isMetrics) return send(response, 404, PLAIN, '404 page not found\n');
  const handler = handlers?.[method];
  if (!handler && !isMetrics) return send(response, 405, {});
  response.setHeader('x-toxiproxy-request-id', requestId(random));
  if (request.headers['user-agent']?.startsWith('Mozilla/')) {
    return send(response, 403, PLAIN, 'User agent not allowed\n');
  }
  try {
    if (text === null) throw new ApiError(413, `bad request body: more than ${MAX_BODY_BYTES} bytes`);
    if (!handler) return send(response, 200, { 'content-type': metrics!.contentType }, await metrics!.text());
    const {
      status,
      contentType = 'application/json',
      ...body
    } = await handler({ proxyName, toxicName, text, proxies });
    if (body.json === undefined && body.text === undefined) return send(response, status, {});
    send(response, status, { 'content-type': contentType }, body.text ?? encode(body.json));
  } catch (error) {
    // Toxiproxy's errors are JSON under a text content type, and end with a newline.
    send(response, statusOf(error), PLAIN, `${encode(errorBody(error))}\n`);
  }
}

/** Its path decoded, or where the clean path is that the client is sent to, as by Go's mux; undefined for a bad percent-encoding. */
function readTarget(url: string): { readonly path: string; readonly location?: string } | undefined {
  const [encoded = '', ...query] = url.replace(/^https?:\/\/[^/?]*/i, '').split('?');
  if (/%(?![0-9a-f]{2})/i.test(encoded)) return undefined;
  const path = Buffer.from(
    encoded.replace(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString();
  const clean = cleanPath(path);
  if (clean === path) return { path };
  const location = encodeURI(clean).replace(/[?#]/g, encodeURIComponent);
  return { path, location: [location, ...query].join('?') };
}

/** Without empty and dot segments; the last slash stays. */
function cleanPath(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  return `/${kept.join('/')}${path.endsWith('/') && kept.length > 0 ? '/' : ''}`;
}

/** As in Toxiproxy a name cannot contain a slash, encoded or not. */
function matchPath(path: string): { pattern: string; proxyName: string; toxicName: string } {
  const [matched, proxyName = '', toxics = '', toxicName = ''] =
    /^\/proxies\/([^/]+)(\/toxics(?:\/([^/]+))?)?$/.exec(path) ?? [];
  const pattern = matched ? `/proxies/{proxy}${toxicName === '' ? toxics : '/toxics/{toxic}'}` : path;
  return { pattern, proxyName, toxicName };
}

/** 20 characters, unique, as of Toxiproxy's logger. */
function requestId(random: Random): string {
  return Array.from({ length: 20 }, () => random.integer(0, 31).toString(32)).join('');
}

/** The body; null for one that is too long, which is read to its end all the same so that the client sees the response. */
async function readText(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  }
  return bytes > MAX_BODY_BYTES ? null : Buffer.concat(chunks).toString();
}

async function populate({ proxies, text }: Call): Promise<Reply> {
  const { proxies: populated, error } = await proxies.populate(text);
  if (error === undefined) return { status: 201, json: { proxies: populated } };
  return { status: statusOf(error), json: { ...errorBody(error), proxies: populated } };
}

async function updateProxy(call: Call): Promise<Reply> {
  const proxy = proxyOf(call);
  const { listen, upstream, enabled } = proxy.toJson();
  const body = bodyOf(call);
  await proxy.update(
    readField(body, 'listen', listen),
    readField(body, 'upstream', upstream),
    readField(body, 'enabled', enabled),
  );
  return ok(proxy.toJson());
}

function updateToxic(call: Call): Reply {
  return ok(proxyOf(call).updateToxic(call.toxicName, bodyOf(call)));
}

function proxyOf({ proxies, proxyName }: Call) {
  return proxies.get(proxyName);
}

function bodyOf({ text }: Call): Body {
  return asObject(parseBody(text), 'body');
}

function ok(json: unknown): Reply {
  return { status: 200, json };
}

function noContent(): Reply {
  return { status: 204 };
}

function errorBody(error: unknown): { error: string; status: number } {
  return { error: messageOf(error), status: statusOf(error) };
}

/** JSON as Go's: integers of any size, the keys of a map in order, and what HTML or JavaScript would read otherwise escaped. */
function encode(json: unknown): string {
  if (json instanceof Map) {
    const keys = [...json.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return `{${keys.map(key => `${encode(key)}:${encode(json.get(key))}`)}}`;
  }
  // Not known to the compiler yet.
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  const text = JSON.stringify(json, (_key, value) => (typeof value === 'bigint' ? rawJSON(String(value)) : value));
  return text.replace(/[<>&\u2028\u2029]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function send(response: ServerResponse, status: number, headers: Readonly<Record<string, string>>, text = ''): void {
  const length = status === 204 ? {} : { 'content-length': Buffer.byteLength(text) };
  response.writeHead(status, { ...headers, ...length }).end(text);
}
