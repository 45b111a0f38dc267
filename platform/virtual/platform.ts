import { join } from 'node:path';
import type { Platform } from '../../harness/contracts.ts';
import type { Machine } from '../../harness/host/network.ts';
import { probe } from '../../harness/host/probe.ts';
import { send } from '../../harness/host/send.ts';
import { trace } from '../../harness/host/trace.ts';
import { serveAutoscaler } from '../../stack/autoscaler/serve.ts';
import { serveCollector } from '../../stack/collector/serve.ts';
import { serveControl } from '../../stack/control/serve.ts';
import { ledgerFunctions } from '../../stack/gateway/accounting/ledger-scripts.ts';
import { commitFunctions } from '../../stack/gateway/batch/ledger/commit-script.ts';
import { storeFunctions } from '../../stack/gateway/identity/store-scripts.ts';
import { takeFunctions } from '../../stack/gateway/limits/take-function.ts';
import { decisionFunctions } from '../../stack/gateway/release/store-scripts.ts';
import { serveGateway } from '../../stack/gateway/serve.ts';
import { serveInference } from '../../stack/inference/serve.ts';
import { servePreprocess } from '../../stack/preprocess/serve.ts';
import { inMemoryRedis } from '../../stack/redis/in-memory-redis.ts';
import { Keyspace } from '../../stack/redis/keyspace.ts';
import type { RedisOptions } from '../../stack/redis/options.ts';
import { REDIS_USER } from '../../stack/redis/render-redis-config.ts';
import type { ReplicaPlan } from '../../stack/replica-plan.ts';
import type { Serve } from '../../stack/service-program.ts';
import type { Topology } from '../../stack/topology.ts';
import { addressesOf, type Directory } from '../addresses.ts';
import type { Driver, DriverOptions } from '../driver.ts';
import { type FaultProxy, isApiReady, newAccess, PROXY } from '../fault-proxy.ts';
import type { Program } from '../instance.ts';
import { platformOn } from '../platform.ts';
import type { Watchdog } from '../watchdog/watchdog.ts';
import { cpuCostsOf, type VirtualOptions } from './cpu-costs.ts';
import { NO_COSTS } from './net/host.ts';
import { virtualService } from './service.ts';
import type { VirtualWorld } from './world.ts';

/** A fault proxy that runs in this process. Passed in, since platforms do not know faults. */
export interface VirtualFaultProxy {
  /** Serves its API at `LISTEN`, to those who have the token in `TOXIPROXY_AUTH_TOKEN`. */
  readonly serve: Serve;
  readonly version: string;
  /** A client of it on `machine`. */
  connect(machine: Machine): FaultProxy['connect'];
}

const PORT = 8000;
const PROXY_HOST = '10.0.0.3';
const FIRST_LINK_PORT = 10_000;

/** Replaces the watchdog: what runs in this process ends with it. */
const NO_WATCHDOG: Watchdog = { pid: process.pid, register: () => {}, forget: () => {}, disarm: async () => {} };

/**
 * Runs a stack in this process in virtual time, see {@link platformOn}: each replica on a host of its own, with the services that the other
 * platforms run as programs, and the embedded fault proxy on every link. Redis is in memory.
 */
export function virtualPlatform(
  proxy: VirtualFaultProxy,
  world: VirtualWorld,
  virtual: VirtualOptions,
): Platform<Topology> {
  return platformOn({
    kind: 'virtual',
    secret: world.secret,
    connect: proxy.connect(world.harness),
    watch: async () => NO_WATCHDOG,
    prepare: async (topology, options) => virtualDriver(proxy, world, topology, { ...options, virtual }),
  });
}

type VirtualDriverOptions = DriverOptions & { readonly virtual: VirtualOptions };

function virtualDriver(
  proxy: VirtualFaultProxy,
  world: VirtualWorld,
  topology: Topology,
  options: VirtualDriverOptions,
): Driver {
  const { clock, network } = world.harness;
  const where = directoryOf(topology);
  return {
    versions: { node: process.version },
    network,
    where,
    graceMs: { last: 2250, others: 2250, helpers: 500 },
    edge: { write: async () => {}, reload: async () => {} },
    async open() {
      const endpoint = `${PROXY_HOST}:${PORT}`;
      const access = newAccess(`http://${endpoint}`, world.secret);
      const program = virtualService(
        {
          ...{ name: PROXY, address: PROXY_HOST, serve: proxy.serve, costs: NO_COSTS, names: [] },
          environment: { LISTEN: endpoint, TOXIPROXY_AUTH_TOKEN: access.token },
          logPath: join(options.directory, `${PROXY}.log`),
        },
        world,
      );
      const isReady = (signal: AbortSignal) => isApiReady(access, proxy.connect(world.harness), clock, signal);
      const helper = { ...program, name: PROXY, url: access.apiUrl, isReady };
      return { helpers: [helper], proxy: { ...access, source: 'embedded', version: proxy.version } };
    },
    programOf: async plan => programOf(plan, where, world, options),
    listenersOf: async ({ name }) => ({ requested: where.link(name), listen: where.link(name) }),
    probe: (url, signal) => probe(url, { clock, network, signal }),
    trace: (url, request, signal) => trace(url, request, { clock, network, signal }),
    send: (origin, request, signal) => send(origin, request, signal, network),
    cleanup: async () => undefined,
  };
}

/** Each replica has a host, in the order of the topology; all links are ports of the fault proxy. */
function directoryOf({ replicas, links }: Topology): Directory {
  const hosts = new Map(
    replicas.map(({ name }, nth) => [name, `10.0.${1 + Math.floor(nth / 200)}.${1 + (nth % 200)}`]),
  );
  const ports = new Map(links.map(({ name }, nth) => [name, FIRST_LINK_PORT + nth]));
  return {
    replica: (name, listener) => `${hosts.get(name)}:${listener === undefined ? PORT : PORT + 1}`,
    link: name => `${PROXY_HOST}:${ports.get(name)}`,
  };
}

function programOf(plan: ReplicaPlan, where: Directory, world: VirtualWorld, options: VirtualDriverOptions): Program {
  const { directory, token, virtual } = options;
  const context = { directory, token, isInImage: false };
  const addresses = addressesOf(plan, where, {
    ...context,
    listenAt: listener => where.replica(plan.name, listener),
  });
  return virtualService(
    {
      name: plan.name,
      address: where.replica(plan.name).split(':')[0]!,
      serve: serviceOf(plan),
      environment: { LISTEN: addresses.listen, ...plan.environment(addresses) },
      logPath: join(directory, `${plan.name}.log`),
      costs: cpuCostsOf(virtual, plan.service),
      names: [PROXY_HOST],
    },
    world,
  );
}

function serviceOf({ service, ready, redis }: ReplicaPlan): Serve {
  if (ready.kind === 'redis') return redisService(ready.password, redis!);
  const services = {
    gateway: serveGateway,
    inference: serveInference,
    control: serveControl,
    collector: serveCollector,
    preprocess: servePreprocess,
    autoscaler: serveAutoscaler,
  };
  return services[service as keyof typeof services];
}

/** Redis in memory. What it holds survives a kill where it has an append-only file, as that of the program does. */
function redisService(password: string, { maxMemoryMb, eviction, persistence }: RedisOptions): Serve {
  const empty = () => ({
    scripts: new Map([
      ...takeFunctions(),
      ...storeFunctions(),
      ...commitFunctions(),
      ...decisionFunctions(),
      ...ledgerFunctions(),
    ]),
    keyspace: new Keyspace(maxMemoryMb, eviction),
  });
  const kept = empty();
  return async ({ clock, network, environment, stopped }) => {
    const held = persistence === 'off' ? empty() : kept;
    const server = inMemoryRedis({ username: REDIS_USER, password, clock, ...held });
    const [host = '', port] = environment.LISTEN!.split(':');
    await network.listen(server, { host, port: Number(port) });
    await stopped;
  };
}
