import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Clock } from '../../harness/clock.ts';
import type { RunningStack } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import { type Machine, thisMachine } from '../../harness/host/network.ts';
import { parseAddress } from './address.ts';
import { beginOperation, ignoreMissing, type Operation } from './operation.ts';
import { type ActiveToxic, fromWire, isSameToxic, type Toxic, toWire } from './toxic.ts';
import type { ToxicJson } from './toxics/toxic.ts';
import { Turns } from './turns.ts';

const toxicShape = z.object({
  name: z.string(),
  type: z.string(),
  stream: z.string(),
  toxicity: z.number(),
  attributes: z.record(z.string(), z.number()),
});
const stateShape = z.object({ name: z.string(), listen: z.string(), upstream: z.string(), enabled: z.boolean() });
const proxyShape = stateShape.extend({ toxics: z.array(toxicShape) });

/** A proxy as the server reports it; `listen` is the actual `host:port`, also if port 0 was requested. */
export type ProxyState = Readonly<z.output<typeof stateShape>>;

interface ToxiproxyOptions {
  /** Such as `http://127.0.0.1:8474`. */
  readonly apiUrl: string;
  /** Bearer token of its API; Toxiproxy 2.12 ignores it. @default none */
  readonly token?: string | undefined;
  /** Of one operation, including its read-back. @default 2000 */
  readonly timeoutMs?: number;
  /** @default this machine */
  readonly machine?: Machine;
  /** Shared by all clients that change the same proxies at once. @default those of this client alone */
  readonly turns?: Turns;
}

/** A proxy to create: any name without a slash, such as `gateway→inference-1`, and two `host:port`; port 0 is any free port. */
type NewProxy = Pick<ProxyState, 'name' | 'listen' | 'upstream'>;

/** A client of a stack's fault proxy. */
export function toxiproxyOf(stack: RunningStack, clock: Clock): ToxiproxyClient {
  const { proxyApiUrl, proxyToken, network } = stack;
  const turns = TURNS.get(stack) ?? new Turns();
  TURNS.set(stack, turns);
  return connectToxiproxy({ apiUrl: proxyApiUrl, token: proxyToken, machine: { clock, network }, turns });
}

/** Of the faults of each stack: those that end together would otherwise undo each other's healing. */
const TURNS = new WeakMap<RunningStack, Turns>();

/** See {@link connectToxiproxy}. */
export type ToxiproxyClient = ReturnType<typeof connectToxiproxy>;

/**
 * A client of a Toxiproxy, embedded or real; nothing is sent before the first call. toxiproxy-node-client over the transport of an
 * {@link Operation}, since its own has no token and no timeout, cannot be aborted, so that a toxic could be added after its removal and
 * stay, and drops the server's error messages. What it cannot do, such as reading any name, is plain HTTP.
 *
 * Every operation has a timeout, reads back what it set, and rejects with a SquallError of kind `fault`: `BAD_TOXIC`, `BAD_PROXY` (nothing
 * was sent), `TOXIPROXY_TIMEOUT`, `TOXIPROXY_HANGS`, `TOXIPROXY_UNREACHABLE`, `TOXIPROXY_REJECTED` (with the server's message), `TOXIPROXY_RESPONSE` (not
 * Toxiproxy's JSON), `TOXIPROXY_MISMATCH` (success was reported, but the result differs). On abort they reject with the signal's reason.
 */
export function connectToxiproxy(options: ToxiproxyOptions) {
  const { apiUrl, token, timeoutMs = 2000, machine = thisMachine, turns = new Turns() } = options;
  const root = apiUrl.replace(/\/+$/, '');
  const begin = (what: string, signal?: AbortSignal) =>
    beginOperation({ apiUrl: root, token, timeoutMs, machine }, what, signal);

  const create = async ({ library, read, expect }: Operation, { name, listen, upstream }: NewProxy) => {
    const path = pathOf(name);
    const port = portOf(name, listen);
    const proxy = { name, listen, upstream, enabled: true };
    await library.createProxy(proxy);
    const found = await read(stateShape, path);
    const actual = portOf(name, found.listen);
    const isPort = port === 0 ? actual > 0 : actual === port;
    expect(isPort && isDeepStrictEqual({ ...found, listen }, proxy), proxy, found);
    return found;
  };
  const enable = async ({ send, read, expect }: Operation, name: string, enabled: boolean) => {
    const { listen, upstream } = await read(stateShape, pathOf(name));
    await send('POST', pathOf(name), { enabled, listen, upstream });
    const found = await read(stateShape, pathOf(name));
    expect(found.enabled === enabled, { enabled }, found);
  };
  const add = ({ send }: Operation, name: string, toxic: ToxicJson) => send('POST', `${pathOf(name)}/toxics`, toxic);
  /** Read before a removal, since a server that hangs cannot be read afterwards. */
  const snapshot = (name: string, signal?: AbortSignal) =>
    ignoreMissing(begin(`read proxy ${name}`, signal).read(proxyShape, pathOf(name)));
  const renew = async (proxy: NewProxy & { enabled: boolean }, toxics: readonly ToxicJson[], signal?: AbortSignal) => {
    const operation = begin(`recreate proxy ${proxy.name}`, signal);
    await operation.remove(pathOf(proxy.name));
    await create(operation, proxy);
    for (const toxic of toxics) await add(operation, proxy.name, toxic);
    if (!proxy.enabled) await enable(operation, proxy.name, false);
  };

  return {
    apiUrl: root,
    /** The server's version, `git` for one built from its module, `…-embedded` for the embedded one. */
    version: async (signal?: AbortSignal): Promise<string> =>
      (await begin('read the version', signal).read(z.object({ version: z.string() }), '/version')).version,
    createProxy: (proxy: NewProxy, signal?: AbortSignal): Promise<ProxyState> =>
      turns.take(proxy.name, async () => create(begin(`create proxy ${proxy.name}`, signal), proxy)),
    getProxy: async (name: string, signal?: AbortSignal): Promise<ProxyState> =>
      begin(`read proxy ${name}`, signal).read(stateShape, pathOf(name)),
    /** Succeeds if it does not exist. */
    deleteProxy: (name: string, signal?: AbortSignal): Promise<void> =>
      turns.take(name, async () => begin(`delete proxy ${name}`, signal).remove(pathOf(name))),
    /** False closes the listener and every connection; true listens again on the same port. */
    setEnabled: (name: string, enabled: boolean, signal?: AbortSignal): Promise<void> =>
      turns.take(name, async () => {
        await enable(begin(`${enabled ? 'enable' : 'disable'} proxy ${name}`, signal), name, enabled);
      }),
    addToxic: (proxyName: string, toxic: Toxic, signal?: AbortSignal): Promise<ActiveToxic> =>
      turns.take(proxyName, async () => {
        const operation = begin(`add toxic ${toxic.name ?? toxic.kind} to ${proxyName}`, signal);
        const sent = toWire(toxic);
        const path = toxicPath(proxyName, sent.name);
        await add(operation, proxyName, sent);
        const found = await operation.read(toxicShape, path);
        operation.expect(isSameToxic(sent, found), sent, found);
        return fromWire(found)!;
      }),
    /**
     * Removes a toxic if it exists. Toxiproxy 2.12 hangs for good when it removes a toxic whose connections are being closed, so that
     * a removal that times out is completed by recreating the proxy with its other toxics, which closes its connections. Not even that
     * succeeds where another connection has come meanwhile.
     */
    removeToxic: (proxyName: string, toxicName: string, signal?: AbortSignal): Promise<void> =>
      turns.take(proxyName, async () => {
        const path = toxicPath(proxyName, toxicName);
        const before = await snapshot(proxyName, signal);
        try {
          await begin(`remove toxic ${toxicName} from ${proxyName}`, signal).remove(path);
        } catch (error) {
          ignoreHang(error);
          if (!before) throw error;
          const kept = before.toxics.filter(({ name }) => name !== toxicName);
          await renew(before, kept, signal).catch(again => {
            ignoreHang(again);
            throw hangs(toxicName, proxyName, again);
          });
        }
      }),
    /**
     * Removes toxics whose removal closes connections anyway, such as `timeout` and `reset_peer`: recreates the proxy with its other
     * toxics, which cannot hang as {@link removeToxic} can. Does nothing if it has none of them. A proxy that is missing or cannot be read
     * is recreated from `proxy`.
     */
    removeByRenewal: (proxy: ProxyState, toxicNames: readonly string[], signal?: AbortSignal): Promise<void> =>
      turns.take(proxy.name, async () => {
        const found = await snapshot(proxy.name, signal).catch(ignoreHang);
        const kept = found?.toxics.filter(({ name }) => !toxicNames.includes(name)) ?? [];
        if (!found || kept.length < found.toxics.length) await renew(found ?? proxy, kept, signal);
      }),
    /** Toxics of known kinds; others are omitted. */
    async listToxics(proxyName: string, signal?: AbortSignal): Promise<ActiveToxic[]> {
      const operation = begin(`list the toxics of ${proxyName}`, signal);
      const toxics = await operation.read(z.array(toxicShape), `${pathOf(proxyName)}/toxics`);
      return toxics.flatMap(toxic => fromWire(toxic) ?? []);
    },
    /** Enables every proxy and removes every toxic. */
    async reset(signal?: AbortSignal): Promise<void> {
      const { library, read, expect } = begin('reset all proxies', signal);
      await library.reset();
      const proxies = Object.values(await read(z.record(z.string(), proxyShape), '/proxies'));
      const wrong = proxies.filter(({ enabled, toxics }) => !enabled || toxics.length > 0);
      expect(wrong.length === 0, 'every proxy enabled and without toxics', wrong);
    },
  };
}

const pathOf = (name: string) => `/proxies/${encode(name, 'PROXY')}`;
const toxicPath = (proxy: string, name: string) => `${pathOf(proxy)}/toxics/${encode(name, 'TOXIC')}`;

/** The error of a server that is beyond help. */
function hangs(toxic: string, proxy: string, cause: unknown): SquallError {
  const why = `Toxiproxy has hung since ${toxic} was removed from ${proxy} while clients gave up, as versions before 2.13 do`;
  const next = 'Set SQUALL_TOXIPROXY to `embedded`, or to the path of a newer server';
  return new SquallError('fault', 'TOXIPROXY_HANGS', `${why}: ${next}`, { cause, next: `${next}.` });
}

/** @throws the error, unless it is a timeout */
function ignoreHang(error: unknown): undefined {
  if (!(error instanceof SquallError) || error.code !== 'TOXIPROXY_TIMEOUT') throw error;
}

function portOf(name: string, listen: string): number {
  try {
    return parseAddress(listen).port;
  } catch (cause) {
    const message = `Expected \`listen\` of proxy ${name} to be "host:port", got ${JSON.stringify(listen)}`;
    throw new SquallError('fault', 'BAD_PROXY', message, { cause, next: 'Use for example 127.0.0.1:0.' });
  }
}

/** A name cannot contain a slash, since the server decodes paths before splitting them. */
function encode(name: string, what: 'PROXY' | 'TOXIC'): string {
  if (name !== '' && name !== '.' && name !== '..' && !name.includes('/')) return encodeURIComponent(name);
  const message = `Expected the ${what.toLowerCase()}'s name to be text without a slash, got ${JSON.stringify(name)}`;
  throw new SquallError('fault', `BAD_${what}`, message, { next: `Rename the ${what.toLowerCase()}.` });
}
