import type { Machine } from '../../harness/host/network.ts';
import type { Random } from '../../harness/random.ts';
import { ApiError } from './api-error.ts';
import { asList, asObject, type Body, parseBody, readField } from './body.ts';
import { FaultProxy, type OnTransferred, type ProxyJson, type ProxyLog } from './proxy.ts';

/** Result of a populate call: the proxies up to the first failure, and that failure. */
interface Populated {
  readonly proxies: readonly ProxyJson[] | null;
  readonly error?: unknown;
}

interface ProxyCollectionOptions {
  readonly machine: Machine;
  readonly random: Random;
  readonly log?: ProxyLog;
  readonly onTransferred?: OnTransferred;
}

/** All proxies by name. Calls must not overlap. */
export class ProxyCollection {
  readonly #proxies = new Map<string, FaultProxy>();
  readonly #options: Required<ProxyCollectionOptions>;

  /** Its chance, for what goes with it. */
  get random(): Random {
    return this.#options.random;
  }

  constructor({ machine, random, log = () => {}, onTransferred = () => {} }: ProxyCollectionOptions) {
    this.#options = { machine, random, log, onTransferred };
  }

  all(): FaultProxy[] {
    return [...this.#proxies.values()];
  }

  /** @throws ApiError 404 */
  get(name: string): FaultProxy {
    const proxy = this.#proxies.get(name);
    if (!proxy) throw new ApiError(404, 'proxy not found');
    return proxy;
  }

  /** @throws ApiError 400, 409, or an Error if it cannot listen; then nothing has changed */
  async create(body: Body): Promise<FaultProxy> {
    const { name, upstream, listen, enabled } = readProxy(body, '');
    if (this.#proxies.has(name)) throw new ApiError(409, 'proxy already exists');
    const proxy = this.#build(name, listen, upstream);
    if (enabled) await proxy.start();
    this.#proxies.set(name, proxy);
    return proxy;
  }

  /** Stops and forgets the proxy. @throws ApiError 404 */
  async remove(name: string): Promise<void> {
    const proxy = this.get(name);
    await proxy.stop();
    this.#proxies.delete(name);
  }

  /** Starts every proxy and removes every toxic. */
  async reset(): Promise<void> {
    for (const proxy of this.all()) {
      await proxy.start();
      proxy.removeToxics();
    }
  }

  /** Creates each proxy of a JSON array, replacing one of that name unless its addresses are the same. */
  async populate(text: string): Promise<Populated> {
    const proxies: ProxyJson[] = [];
    try {
      for (const entry of readPopulation(text)) proxies.push((await this.#addOrReplace(entry)).toJson());
      return { proxies: proxies.length > 0 ? proxies : null };
    } catch (error) {
      return { proxies: error instanceof ApiError ? null : proxies, error };
    }
  }

  /** Stops every proxy. */
  async close(): Promise<void> {
    await Promise.all(this.all().map(proxy => proxy.stop()));
  }

  async #addOrReplace({ name, listen, upstream, enabled }: ProxyBody): Promise<FaultProxy> {
    const present = this.#proxies.get(name);
    if (present && !(await present.differs(listen, upstream))) return present;
    await present?.stop();
    const proxy = this.#build(name, listen, upstream);
    if (enabled) await proxy.start();
    this.#proxies.set(name, proxy);
    return proxy;
  }

  #build(name: string, listen: string, upstream: string): FaultProxy {
    return new FaultProxy({ name, listen, upstream, ...this.#options });
  }
}

interface ProxyBody {
  readonly name: string;
  readonly listen: string;
  readonly upstream: string;
  readonly enabled: boolean;
}

/** The whole list is checked before the first proxy is touched. */
function readPopulation(text: string): ProxyBody[] {
  return asList(parseBody(text), 'the list of proxies').map((entry, index) =>
    readProxy(asObject(entry, 'proxy'), ` at proxy ${index + 1}`),
  );
}

function readProxy(body: Body, where: string): ProxyBody {
  const name = readField(body, 'name', '');
  const upstream = readField(body, 'upstream', '');
  const listen = readField(body, 'listen', '');
  const enabled = readField(body, 'enabled', true);
  if (name === '') throw new ApiError(400, `missing required field: name${where}`);
  if (upstream === '') throw new ApiError(400, `missing required field: upstream${where}`);
  return { name, upstream, listen, enabled };
}
