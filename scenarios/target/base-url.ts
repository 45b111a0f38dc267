import type { Api } from '../../harness/plan.ts';

/** Where a target has its APIs; `url` + `root` + the path of an API + `query`. */
export interface ApiBase {
  /** Base of plain HTTP requests and of the fault proxy's probes, without a slash at its end. */
  readonly url: string;
  /** What precedes the paths of the APIs below `url`: its version, such as `/v1`; empty where `url` has all of it. */
  readonly root: string;
  /** The endpoint that the target names, as it is written; then `root` precedes its siblings. */
  readonly endpoint?: { readonly api: Api; readonly path: string };
  /** Query of every request, with its question mark; empty for none. */
  readonly query: string;
}

/** Paths of the APIs below a base URL as OpenAI's clients take it. */
const ENDPOINTS: Readonly<Record<Api, string>> = {
  chat: '/chat/completions',
  completions: '/completions',
  embeddings: '/embeddings',
};
const VERSION = /\/v\d\w*$/;
/** A base URL that OpenAI's clients take as it is: it has a version somewhere, ends in `/openai`, or names a deployment of Azure's. */
const COMPLETE = /\/v\d\w*(\/|$)|\/openai$|\/deployments\/[^/]+$/;

/**
 * Where a target has its APIs, by one rule:
 *
 * | URL of the target | example | chat goes to |
 * |---|---|---|
 * | an endpoint | `/any/chat/completions` | `/any/chat/completions` |
 * | a base URL: with a version, or at its end `/openai` or a deployment | `/openai/v1`, `/v1beta/openai` | `/openai/v1/chat/completions` … |
 * | any other | `/team`, or nothing | `/team/v1/chat/completions` |
 *
 * Slashes at the end mean nothing, but for an endpoint. The query is that of every request.
 */
export function apiBaseOf({ origin, pathname, search: query }: URL): ApiBase {
  const path = pathname.replace(/\/+$/, '');
  const api = (['chat', 'completions', 'embeddings'] as const).find(name => path.endsWith(ENDPOINTS[name]));
  const above = api === undefined ? path : path.slice(0, -ENDPOINTS[api].length);
  const version = VERSION.exec(above)?.[0] ?? '';
  const prefix = above.slice(0, above.length - version.length);
  const isComplete = api !== undefined || COMPLETE.test(above);
  return {
    url: origin + prefix,
    root: isComplete ? version : '/v1',
    ...(api !== undefined && { endpoint: { api, path: pathname.slice(prefix.length) } }),
    query,
  };
}

/** Path and query of an API, relative to the `url` of a base. */
export function apiPath({ root, endpoint, query }: ApiBase, api: Api): string {
  return withQuery(endpoint?.api === api ? endpoint.path : root + ENDPOINTS[api], query);
}

/** Path and query of the list of models, relative to the `url` of a base. */
export function modelsPath({ root, query }: ApiBase): string {
  return withQuery(`${root}/models`, query);
}

/** A path, which may have a query, with one more. @param query with its question mark; empty for none */
export function withQuery(path: string, query: string): string {
  return query !== '' && path.includes('?') ? `${path}&${query.slice(1)}` : path + query;
}
