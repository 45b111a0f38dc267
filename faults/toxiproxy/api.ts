import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { messageOf } from '../../harness/errors.ts';
import { statusOf } from './api-error.ts';
import { asObject, type Body, parseBody, readField } from './body.ts';
import type { ProxyCollection } from './proxy-collection.ts';
import { isAuthorized } from './token.ts';

/** Version in `GET /version` of the embedded server: that of the API, marked as not being Toxiproxy itself. */
export const EMBEDDED_VERSION = '2.12.0-embedded';

const MAX_BODY_BYTES = 1024 * 1024;

interface Reply {
  readonly status: number;
  /** Sent as JSON; absent without a body. */
  readonly json?: unknown;
}

interface Call {
  readonly proxyName: string;
  readonly toxicName: string;
  readonly text: string;
  readonly proxies: ProxyCollection;
}

type Handler = (call: Call) => Reply | Promise<Reply>;

const ROUTES: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '/version': { GET: () => ok({ version: EMBEDDED_VERSION }) },
  '/reset': { POST: async ({ proxies }) => proxies.reset().then(noContent) },
  '/populate': { POST: populate },
  '/proxies': {
    GET: ({ proxies }) => ok(Object.fromEntries(proxies.all().map(proxy => [proxy.name, proxy.toJson()]))),
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
 * Toxiproxy 2.12's HTTP API over `proxies`: same paths, status codes, JSON and error bodies. Not implemented: `/metrics`.
 * Calls are executed one after the other, in order of arrival.
 * @param token that every call must carry as `Authorization: Bearer`, as from 2.13; empty for none
 */
export function createApi(proxies: ProxyCollection, token = ''): Server {
  let last: Promise<unknown> = Promise.resolve();
  return createServer((request, response) => {
    if (!isAuthorized(request.headers.authorization, token)) {
      const headers = { 'content-type': 'application/json', 'www-authenticate': 'Bearer', connection: 'close' };
      response.writeHead(401, headers).end(`${JSON.stringify({ error: 'unauthorized', status: 401 })}\n`);
      return;
    }
    void readText(request).then(
      text => {
        last = last.then(() => reply(request, response, text, proxies)).catch(() => response.destroy());
      },
      () => response.destroy(),
    );
  });
}

async function reply(request: IncomingMessage, response: ServerResponse, text: string, proxies: ProxyCollection) {
  const { pattern, proxyName, toxicName } = matchPath(request.url ?? '/');
  const handlers = ROUTES[pattern];
  if (!handlers) return sendText(response, 404, '404 page not found\n');
  const handler = handlers[request.method ?? 'GET'];
  if (!handler) return response.writeHead(405).end();
  if (request.headers['user-agent']?.startsWith('Mozilla/')) {
    return sendText(response, 403, 'User agent not allowed\n');
  }
  try {
    const { status, json } = await handler({ proxyName, toxicName, text, proxies });
    if (json === undefined) return response.writeHead(status).end();
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
  } catch (error) {
    // Toxiproxy's errors are JSON under a text content type, and end with a newline.
    sendText(response, statusOf(error), `${JSON.stringify(errorBody(error))}\n`);
  }
}

/** Names are percent-encoded; as in Toxiproxy a name cannot contain a slash, encoded or not. */
function matchPath(url: string): { pattern: string; proxyName: string; toxicName: string } {
  const path = decodePath(url.split('?')[0]!);
  const [matched, proxyName = '', toxics = '', toxicName = ''] =
    /^\/proxies\/([^/]+)(\/toxics(?:\/([^/]+))?)?$/.exec(path) ?? [];
  const pattern = matched ? `/proxies/{proxy}${toxicName === '' ? toxics : '/toxics/{toxic}'}` : path;
  return { pattern, proxyName, toxicName };
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return '';
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BODY_BYTES) throw new Error('body too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
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

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}
