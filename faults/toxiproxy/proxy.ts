import { createServer, type Server, type Socket } from 'node:net';
import type { Machine, Network } from '../../harness/host/network.ts';
import type { Random } from '../../harness/random.ts';
import { formatAddress, resolveAddress } from './address.ts';
import { ApiError } from './api-error.ts';
import { asObject, type Body, readField, readFloat32, readInteger } from './body.ts';
import { Connection, selectDirection, type TransferredBytes } from './connection.ts';
import { findToxicKind } from './toxics/registry.ts';
import { directionOf, type ToxicJson, type ToxicKind } from './toxics/toxic.ts';

/** The kernel's accept queue; the machine's `somaxconn` may lower it. */
const BACKLOG = 4096;

/** A proxy as the API shows it. */
export interface ProxyJson {
  readonly name: string;
  /** `host:port`; the actual port once it listens. */
  readonly listen: string;
  readonly upstream: string;
  readonly enabled: boolean;
  readonly toxics: readonly ShownToxic[];
}

/** A toxic as the API shows it: its attributes are int64, which the stages read as numbers. */
type ShownToxic = Omit<ToxicJson, 'attributes'> & { readonly attributes: ExactAttributes };
type ExactAttributes = Readonly<Record<string, bigint>>;
type StoredToxic = ToxicJson & { readonly exact: ExactAttributes };

interface ProxyOptions {
  readonly name: string;
  readonly listen: string;
  readonly upstream: string;
  readonly machine: Machine;
  readonly random: Random;
  readonly log: ProxyLog;
  readonly onTransferred: OnTransferred;
}

/** Called when a connection of a proxy is over. */
export type OnTransferred = (proxy: Pick<ProxyJson, 'name' | 'listen' | 'upstream'>, bytes: TransferredBytes) => void;

/** Takes one line of the log. */
export type ProxyLog = (line: Readonly<Record<string, string>>) => void;

/** A listener, its connections, and the toxics that they share. Calls must not overlap. */
export class FaultProxy {
  readonly name: string;
  readonly #machine: Machine;
  readonly #random: Random;
  readonly #log: ProxyLog;
  readonly #onTransferred: OnTransferred;
  readonly #connections = new Set<Connection>();
  #listen: string;
  #upstream: string;
  #server: Server | undefined;
  #toxics: readonly StoredToxic[] = [];
  #accepted = 0;

  constructor({ name, listen, upstream, machine, random, log, onTransferred }: ProxyOptions) {
    this.name = name;
    this.#listen = listen;
    this.#upstream = upstream;
    this.#machine = machine;
    this.#log = log;
    this.#onTransferred = onTransferred;
    this.#random = random.stream(name);
  }

  /** The proxy and its toxics, upstream first, as in Toxiproxy. */
  toJson(): ProxyJson {
    const { name } = this;
    return {
      name,
      listen: this.#listen,
      upstream: this.#upstream,
      enabled: this.#server !== undefined,
      toxics: this.listToxics(),
    };
  }

  /** Listens; idempotent. @throws Error with Go's message if it cannot */
  async start(): Promise<void> {
    if (this.#server) return;
    const server = createServer({ allowHalfOpen: true }, client => this.#accept(client));
    this.#listen = await listenOn(server, this.#listen, this.#machine.network);
    server.on('error', () => {});
    this.#server = server;
  }

  /** Closes the listener and every connection. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = new Promise<void>(resolve => server.close(() => resolve()));
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }

  /** Changes addresses (which drops every connection) and whether it is enabled. */
  async update(listen: string, upstream: string, enabled: boolean): Promise<void> {
    if (await this.differs(listen, upstream)) {
      await this.stop();
      this.#listen = listen;
      this.#upstream = upstream;
    }
    if (enabled) await this.start();
    else await this.stop();
  }

  /** Whether these addresses differ from the current ones. @throws Error if `listen` is invalid */
  async differs(listen: string, upstream: string): Promise<boolean> {
    return (
      formatAddress(await resolveAddress(listen, this.#machine.network)) !== this.#listen || upstream !== this.#upstream
    );
  }

  listToxics(): ShownToxic[] {
    const directions = (['upstream', 'downstream'] as const).map(direction => selectDirection(this.#toxics, direction));
    return directions.flat().map(shown);
  }

  /** @throws ApiError 404 */
  getToxic(name: string): ShownToxic {
    return shown(this.#find(name));
  }

  /** Adds a toxic to every current and future connection. @throws ApiError 400 or 409, with nothing changed */
  addToxic(body: Body): ShownToxic {
    const stream = readField(body, 'stream', 'downstream');
    const type = readField(body, 'type', '');
    const toxicity = readFloat32(body, 'toxicity', 1);
    const name = readField(body, 'name', '') || `${type}_${stream}`;
    if (!directionOf(stream)) throw new ApiError(400, 'stream was invalid, can be either upstream or downstream');
    const kind = findToxicKind(type);
    if (!kind) throw new ApiError(400, 'invalid toxic type');
    if (this.#toxics.some(toxic => toxic.name === name)) throw new ApiError(409, 'toxic already exists');
    const toxic = { ...readAttributes(body, kind, {}), name, type, stream, toxicity };
    this.#toxics = [...this.#toxics, toxic];
    for (const connection of this.#connections) connection.add(toxic);
    return shown(toxic);
  }

  /** Changes attributes and toxicity; name, type and stream stay. @throws ApiError 400 or 404, with nothing changed */
  updateToxic(name: string, body: Body): ShownToxic {
    const before = this.#find(name);
    const attributes = readAttributes(body, findToxicKind(before.type)!, before.exact);
    const toxic = { ...before, ...attributes, toxicity: readFloat32(body, 'toxicity', before.toxicity) };
    this.#toxics = this.#toxics.map(other => (other === before ? toxic : other));
    for (const connection of this.#connections) connection.update(toxic);
    return shown(toxic);
  }

  /** @throws ApiError 404 */
  removeToxic(name: string): void {
    const toxic = this.#find(name);
    this.#toxics = this.#toxics.filter(other => other !== toxic);
    for (const connection of this.#connections) connection.remove(toxic);
  }

  /** Removes every toxic. */
  removeToxics(): void {
    for (const toxic of this.#toxics) this.removeToxic(toxic.name);
  }

  #find(name: string): StoredToxic {
    const toxic = this.#toxics.find(toxic => toxic.name === name);
    if (!toxic) throw new ApiError(404, 'toxic not found');
    return toxic;
  }

  #accept(client: Socket): void {
    this.#accepted += 1;
    const proxy = { name: this.name, listen: this.#listen, upstream: this.#upstream };
    try {
      const connection = new Connection(client, {
        machine: this.#machine,
        random: this.#random.stream(String(this.#accepted)),
        upstream: this.#upstream,
        toxics: this.#toxics,
        onRefused: error => this.#logRefusal(error, client),
        onClosed: bytes => {
          this.#connections.delete(connection);
          this.#onTransferred(proxy, bytes);
        },
      });
      this.#connections.add(connection);
    } catch {
      client.destroy();
    }
  }

  /** As Toxiproxy logs it, so that readers of its log need not know which of the two it is. */
  #logRefusal({ code, message }: NodeJS.ErrnoException, client: Socket): void {
    const why = code === 'ECONNREFUSED' ? 'connect: connection refused' : message;
    this.#log({
      level: 'error',
      name: this.name,
      listen: this.#listen,
      upstream: this.#upstream,
      error: `dial tcp ${this.#upstream}: ${why}`,
      client: formatAddress({ host: client.remoteAddress ?? '', port: client.remotePort ?? 0 }),
      time: this.#machine.clock.date().toISOString(),
      message: 'Unable to open connection to upstream',
    });
  }
}

function shown({ exact, name, type, stream, toxicity }: StoredToxic): ShownToxic {
  return { attributes: exact, name, type, stream, toxicity };
}

function readAttributes(
  body: Body,
  kind: ToxicKind,
  before: ExactAttributes,
): Pick<StoredToxic, 'attributes' | 'exact'> {
  const given = asObject(body.attributes, 'attributes');
  const exact = kind.attributes.map(name => [name, readInteger(given, name, before[name] ?? 0n)] as const);
  const attributes = Object.fromEntries(exact.map(([name, value]) => [name, Number(value)] as const));
  const problem = kind.problem?.(attributes);
  if (problem !== undefined) throw new ApiError(400, problem);
  return { exact: Object.fromEntries(exact), attributes };
}

/** What Go says of an address that cannot be bound. */
const BIND_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
};

/** Listens on `listen` and returns the address, with the kernel's choice for port 0. */
async function listenOn(server: Server, listen: string, network: Network): Promise<string> {
  const address = await resolveAddress(listen, network).catch((error: Error) => {
    throw new Error(`listen tcp: ${error.message}`);
  });
  try {
    return formatAddress(await network.listen(server, address, BACKLOG));
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new Error(`listen tcp ${formatAddress(address)}: bind: ${BIND_ERRORS[code] ?? message}`);
  }
}
