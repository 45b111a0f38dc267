import type { Notes } from './response/notes.ts';
import type { Connections } from './wire/connections.ts';

/** Request that was answered with a redirect. */
export interface Redirected {
  readonly status: number;
  /** `Location` of the response. */
  readonly location: string | undefined;
  readonly method: string;
  /** Origin as the server knows it, and path and query of the request. */
  readonly origin: string;
  readonly path: string;
}

/** Where to send a request again: another path of the same origin. */
export interface Redirect {
  /** Path and query. */
  readonly path: string;
  /** Whether later requests may go there at once. */
  readonly isPermanent: boolean;
}

const KEEP_METHOD = new Set([307, 308]);
const PERMANENT = new Set([301, 308]);
const REDIRECTS = new Set([301, 302, 303, ...KEEP_METHOD]);

/**
 * What to do about a response, in the way of clients: nothing if it is no redirect; to send the request again, once, within its origin;
 * or to fail, and why. After 301, 302 and 303 most clients, those of OpenAI among them, would turn a POST into a GET, which no API of
 * completions takes.
 */
export function redirectOf({ status, location, method, origin, path }: Redirected): Redirect | string | undefined {
  if (!REDIRECTS.has(status)) return undefined;
  const to = location === undefined ? null : URL.parse(location, origin + path);
  if (!to) return `redirected (${status}) without a usable Location`;
  const where = `redirected (${status}) to ${to.origin === origin ? to.pathname + to.search : to.href}`;
  if (to.origin !== origin) return `${where}, which is another origin: nothing is sent there unless --target names it`;
  if (!KEEP_METHOD.has(status) && method !== 'GET' && method !== 'HEAD')
    return `${where}, where most clients would send a GET instead of the ${method}: name the new path in --target or load.path`;
  return { path: to.pathname + to.search, isPermanent: PERMANENT.has(status) };
}

/** Path of one request, which a redirect may change, once. */
export class Route {
  /** Path and query. */
  path: string;
  /** Whether the request is to be sent to another path as soon as the response that says so has ended. */
  isChanging = false;
  readonly #method: string;
  readonly #connections: Pick<Connections, 'origin' | 'moved'>;
  readonly #notes: Pick<Notes, 'oddity'>;
  #hasChanged = false;

  /** @param path as the load says it; one that was moved for good is left at once */
  constructor(
    method: string,
    path: string,
    connections: Pick<Connections, 'origin' | 'moved'>,
    notes: Pick<Notes, 'oddity'>,
  ) {
    this.path = connections.moved.get(path) ?? path;
    this.#method = method;
    this.#connections = connections;
    this.#notes = notes;
  }

  /** Follows a response if it is a redirect. @returns why it cannot be followed; undefined also if it is none */
  redirected(status: number, location: string | undefined): string | undefined {
    const { origin, moved } = this.#connections;
    const from = this.path;
    const found = redirectOf({ status, location, method: this.#method, origin, path: from });
    if (typeof found !== 'object') return found;
    if (this.#hasChanged) return `redirected (${status}) a second time, to ${found.path}`;
    const advice = 'clients pay a round trip for it: name the new path in --target or load.path';
    this.#notes.oddity('redirected', `${from} is redirected (${status}) to ${found.path}; ${advice}`);
    if (found.isPermanent) moved.set(from, found.path);
    this.path = found.path;
    this.isChanging = true;
    this.#hasChanged = true;
    return undefined;
  }
}
