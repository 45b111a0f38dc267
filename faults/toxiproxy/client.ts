import { Toxic as PackageToxic, Proxy as ProxyHandle, Toxiproxy } from 'toxiproxy-node-client';
import { z } from 'zod';
import { SquallError } from '../../harness/errors.ts';
import { parseAddress } from './address.ts';
import { BoundedHttp, RefusedError } from './bounded-http.ts';
import { type ActiveToxic, describeDifference, fromWire, type Toxic, toWire } from './toxic.ts';

const toxicAnswer = z.object({
  name: z.string(),
  type: z.string(),
  stream: z.string(),
  toxicity: z.number(),
  attributes: z.record(z.string(), z.number()),
});
const proxyAnswer = z.object({
  name: z.string(),
  listen: z.string(),
  upstream: z.string(),
  enabled: z.boolean(),
  toxics: z.array(toxicAnswer),
});

/** A proxy as the server reports it. */
export interface ProxyState {
  readonly name: string;
  /** The actual `host:port`, also where port 0 was asked for. */
  readonly listen: string;
  readonly upstream: string;
  readonly enabled: boolean;
}

/** Where the API is and how long it may take. */
export interface ToxiproxyOptions {
  /** For example `http://127.0.0.1:8474`. */
  readonly apiUrl: string;
  /** Limit of each operation, read-back included, in ms. @default 2000 */
  readonly timeoutMs?: number;
}

/** A proxy to create. */
export interface NewProxy {
  /** Any text without a slash, for example `gateway→inference-1`. */
  readonly name: string;
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly upstream: string;
}

/**
 * A typed Toxiproxy, embedded or real. Every operation is bounded, reads back what it set, and rejects with a
 * SquallError of kind `fault`: `BAD_TOXIC`, `BAD_PROXY` (nothing was sent), `TOXIPROXY_TIMEOUT`, `TOXIPROXY_UNREACHABLE`,
 * `TOXIPROXY_REFUSED` (with the server's words), `TOXIPROXY_ANSWER` (not Toxiproxy's JSON), `TOXIPROXY_MISMATCH` (it
 * answered yes, but did something else). On abort they reject with the signal's reason. Removing what is gone succeeds.
 */
export interface ToxiproxyClient {
  readonly apiUrl: string;
  /** The server's version, `git` for one built from its module, `…-embedded` for the embedded one. */
  version(signal?: AbortSignal): Promise<string>;
  createProxy(proxy: NewProxy, signal?: AbortSignal): Promise<ProxyState>;
  getProxy(name: string, signal?: AbortSignal): Promise<ProxyState>;
  deleteProxy(name: string, signal?: AbortSignal): Promise<void>;
  /** False closes the listener and every connection ("down"); true listens again on the same port. */
  setEnabled(name: string, enabled: boolean, signal?: AbortSignal): Promise<void>;
  addToxic(proxyName: string, toxic: Toxic, signal?: AbortSignal): Promise<ActiveToxic>;
  /**
   * Takes a toxic away. Toxiproxy 2.12 hangs for good when it removes a toxic whose connections are being closed, so a removal
   * that has not ended within the limit is finished by making the proxy anew, with its other toxics; that costs the connections
   * across it.
   */
  removeToxic(proxyName: string, toxicName: string, signal?: AbortSignal): Promise<void>;
  /**
   * Takes toxics away that end their connections anyhow when they go, as `timeout` and `reset_peer` do: makes the proxy anew with
   * its other toxics, which cannot hang as {@link removeToxic} can. Nothing happens when it has none of them. One that is missing, or
   * hangs and does not tell what it has, is made as `proxy` says.
   */
  removeByRenewal(proxy: ProxyState, toxicNames: readonly string[], signal?: AbortSignal): Promise<void>;
  /** The toxics of the kinds known here; others are left out. */
  listToxics(proxyName: string, signal?: AbortSignal): Promise<ActiveToxic[]>;
  /** Enables every proxy and removes every toxic. */
  reset(signal?: AbortSignal): Promise<void>;
}

/** A client for the API at `apiUrl`. Nothing is sent before the first call. */
export function connectToxiproxy({ apiUrl, timeoutMs = 2000 }: ToxiproxyOptions): ToxiproxyClient {
  const root = apiUrl.replace(/\/+$/, '');
  const begin = (operation: string, signal?: AbortSignal) => {
    signal?.throwIfAborted();
    return new Operation(root, operation, new BoundedHttp(operation, timeoutMs, signal));
  };
  return {
    apiUrl: root,
    version: async signal => begin('read the version', signal).version(),
    createProxy: async (proxy, signal) => begin(`create proxy ${proxy.name}`, signal).createProxy(proxy),
    getProxy: async (name, signal) => begin(`read proxy ${name}`, signal).getProxy(name),
    deleteProxy: async (name, signal) => begin(`delete proxy ${name}`, signal).deleteProxy(name),
    setEnabled: async (name, enabled, signal) =>
      begin(`${enabled ? 'enable' : 'disable'} proxy ${name}`, signal).setEnabled(name, enabled),
    addToxic: async (proxyName, toxic, signal) =>
      begin(`add toxic ${toxic.name ?? toxic.kind} to ${proxyName}`, signal).addToxic(proxyName, toxic),
    removeToxic: async (proxyName, toxicName, signal) => {
      // Read first: a server that hangs does not tell afterwards what it was to keep.
      const before = await begin(`read proxy ${proxyName}`, signal).snapshot(proxyName);
      try {
        await begin(`remove toxic ${toxicName} from ${proxyName}`, signal).removeToxic(proxyName, toxicName);
      } catch (error) {
        ignoreHang(error);
        if (!before) throw error;
        const kept = { ...before, toxics: before.toxics.filter(({ name }) => name !== toxicName) };
        await begin(`make proxy ${proxyName} anew`, signal).recreate(kept);
      }
    },
    removeByRenewal: async (proxy, toxicNames, signal) => {
      const found = await begin(`read proxy ${proxy.name}`, signal).snapshot(proxy.name).catch(ignoreHang);
      const kept = (found?.toxics ?? []).filter(({ name }) => !toxicNames.includes(name));
      if (found && kept.length === found.toxics.length) return;
      await begin(`make proxy ${proxy.name} anew`, signal).recreate({ ...(found ?? proxy), toxics: kept });
    },
    listToxics: async (proxyName, signal) => begin(`list the toxics of ${proxyName}`, signal).listToxics(proxyName),
    reset: async signal => begin('reset all proxies', signal).reset(),
  };
}

/** One bounded operation: the package's paths and bodies over our transport. */
class Operation {
  readonly #description: string;
  readonly #package: Toxiproxy;

  constructor(root: string, description: string, http: BoundedHttp) {
    this.#description = description;
    this.#package = new Toxiproxy(root);
    // The package's HttpClient has a private method and is not exported, so no other class can have its type.
    this.#package.api = http as unknown as Toxiproxy['api'];
  }

  async version(): Promise<string> {
    const text = await this.#package.getVersion();
    return this.#check(z.object({ version: z.string() }), parseJson(text)).version;
  }

  async createProxy({ name, listen, upstream }: NewProxy): Promise<ProxyState> {
    checkNewProxy(name, listen);
    await this.#package.createProxy({ name, listen, upstream, enabled: true });
    const found = await this.getProxy(name);
    const { port } = parseAddress(listen);
    const hasPort = port === 0 || parseAddress(found.listen).port === port;
    this.#expect(
      found.name === name && found.upstream === upstream && found.enabled && hasPort && !/:0?$/.test(found.listen),
      { name, listen, upstream, enabled: true },
      found,
    );
    return found;
  }

  async getProxy(name: string): Promise<ProxyState> {
    const answer = await this.#package.api.get(this.#handle(name).getPath());
    const { toxics: _toxics, ...state } = this.#check(proxyAnswer, answer.data);
    return state;
  }

  async deleteProxy(name: string): Promise<void> {
    await ignoreMissing(this.#handle(name).remove());
    const left = await ignoreMissing(this.getProxy(name));
    this.#expect(left === undefined, `no proxy ${name}`, left);
  }

  /** The proxy with its toxics; undefined if there is none. */
  async snapshot(name: string): Promise<z.output<typeof proxyAnswer> | undefined> {
    const answer = await ignoreMissing(this.#package.api.get(this.#handle(name).getPath()));
    return answer && this.#check(proxyAnswer, answer.data);
  }

  async recreate({ name, listen, upstream, enabled, toxics }: z.output<typeof proxyAnswer>): Promise<void> {
    await this.deleteProxy(name);
    await this.createProxy({ name, listen, upstream });
    for (const toxic of toxics)
      await this.#handle(name).addToxic(toxic as unknown as Parameters<ProxyHandle['addToxic']>[0]);
    if (!enabled) await this.setEnabled(name, false);
  }

  async setEnabled(name: string, enabled: boolean): Promise<void> {
    const { listen, upstream } = await this.getProxy(name);
    await this.#handle(name).update({ enabled, listen, upstream });
    const found = await this.getProxy(name);
    this.#expect(found.enabled === enabled, { name, listen, upstream, enabled }, found);
  }

  async addToxic(proxyName: string, toxic: Toxic): Promise<ActiveToxic> {
    const wire = toWire(toxic);
    checkName(wire.name, 'toxic');
    await this.#handle(proxyName).addToxic(wire as Parameters<ProxyHandle['addToxic']>[0]);
    const found = this.#check(toxicAnswer, await this.#handle(proxyName).getToxic(encodeURIComponent(wire.name)));
    const difference = describeDifference(wire, found);
    if (difference) throw this.#mismatch(difference);
    return fromWire(found)!;
  }

  async removeToxic(proxyName: string, toxicName: string): Promise<void> {
    const handle = this.#handle(proxyName);
    const path = encodeURIComponent(checkName(toxicName, 'toxic'));
    const body = { name: path, type: 'latency', stream: 'downstream', toxicity: 1, attributes: {} } as const;
    await ignoreMissing(new PackageToxic(handle.api, handle.getPath(), body).remove());
    const left = await ignoreMissing(handle.getToxic(path));
    this.#expect(left === undefined, `no toxic ${toxicName}`, left?.toJson());
  }

  async listToxics(proxyName: string): Promise<ActiveToxic[]> {
    const answer = await this.#package.api.get(`${this.#handle(proxyName).getPath()}/toxics`);
    return this.#check(z.array(toxicAnswer), answer.data).flatMap(toxic => fromWire(toxic) ?? []);
  }

  async reset(): Promise<void> {
    await this.#package.reset();
    const answer = await this.#package.api.get(`${this.#package.host}/proxies`);
    const proxies = Object.values(this.#check(z.record(z.string(), proxyAnswer), answer.data));
    const sick = proxies.filter(({ enabled, toxics }) => !enabled || toxics.length > 0);
    this.#expect(sick.length === 0, 'every proxy enabled and without toxics', sick);
  }

  /** The package writes names into paths as they are; a handle under the encoded name makes them safe. */
  #handle(name: string): ProxyHandle {
    const encoded = encodeURIComponent(checkName(name, 'proxy'));
    return new ProxyHandle(this.#package, { name: encoded, listen: '', upstream: '', enabled: true, toxics: [] });
  }

  #check<T>(schema: z.ZodType<T>, data: unknown): T {
    const { success, data: value, error } = schema.safeParse(data);
    if (success) return value;
    const message = `Could not ${this.#description}: unexpected answer, ${z.prettifyError(error)}`;
    throw new SquallError('fault', 'TOXIPROXY_ANSWER', message, { next: 'Check that this is a Toxiproxy API.' });
  }

  #expect(isMet: boolean, expected: unknown, found: unknown): void {
    if (!isMet) throw this.#mismatch(`Expected ${show(expected)}, found ${show(found)}`);
  }

  #mismatch(difference: string): SquallError {
    const message = `Could not ${this.#description}, though the server agreed. ${difference}`;
    return new SquallError('fault', 'TOXIPROXY_MISMATCH', message, {
      next: 'Look for another user of this fault proxy.',
    });
  }
}

async function ignoreMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof RefusedError && error.status === 404) return undefined;
    throw error;
  }
}

/** @throws the error, unless it says that the server did not answer in time */
function ignoreHang(error: unknown): undefined {
  if (!(error instanceof SquallError) || error.code !== 'TOXIPROXY_TIMEOUT') throw error;
}

function checkNewProxy(name: string, listen: string): void {
  checkName(name, 'proxy');
  try {
    parseAddress(listen);
  } catch (cause) {
    const message = `Expected \`listen\` of proxy ${name} to be "host:port", got ${show(listen)}`;
    throw new SquallError('fault', 'BAD_PROXY', message, { cause, next: 'Use for example 127.0.0.1:0.' });
  }
}

/** A slash cannot be part of a name, since the server decodes paths before it splits them. */
function checkName(name: string, what: 'proxy' | 'toxic'): string {
  if (name !== '' && name !== '.' && name !== '..' && !name.includes('/')) return name;
  const code = what === 'proxy' ? 'BAD_PROXY' : 'BAD_TOXIC';
  throw new SquallError('fault', code, `Expected the ${what}'s name to be text without a slash, got ${show(name)}`, {
    next: `Rename the ${what}.`,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? `"${value}"` : JSON.stringify(value);
}
