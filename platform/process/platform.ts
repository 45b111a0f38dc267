import { join } from 'node:path';
import type { Platform } from '../../harness/contracts.ts';
import { systemNetwork } from '../../harness/host/network.ts';
import { probe } from '../../harness/host/probe.ts';
import { signalProcess } from '../../harness/host/process-group.ts';
import { systemSecrets } from '../../harness/host/secrets.ts';
import { send } from '../../harness/host/send.ts';
import { trace } from '../../harness/host/trace.ts';
import type { ReplicaPlan } from '../../stack/replica-plan.ts';
import type { Topology } from '../../stack/topology.ts';
import { addressesOf, type Directory } from '../addresses.ts';
import type { Driver, DriverOptions, Opened } from '../driver.ts';
import { type FaultProxy, isApiReady, newAccess, PROXY, proxyEnvironment } from '../fault-proxy.ts';
import type { Program } from '../instance.ts';
import { type PlatformParts, platformOn } from '../platform.ts';
import { LOOPBACK, type PortBook, reservePorts } from '../ports.ts';
import { reap } from '../watchdog/reap.ts';
import type { Guard } from '../watchdog/watchdog.ts';
import { commandOf, toolVersions, writePrivateFiles } from './executable.ts';
import { serviceEnvironment } from './process-environment.ts';
import { startProcess } from './service-process.ts';

/** With the proxy's grace period and half a second for each kill, taking a stack down takes at most 8 s. */
const GRACE_MS = 2250;
const PROXY_GRACE_MS = 500;
const SWEEP_LIMIT_MS = 500;

/**
 * Runs a stack as child processes on this machine, see {@link platformOn}.
 *
 * The run id must be unique on the machine: leftover processes are found by it and killed.
 * Everything listens on the loopback interface. Services only know link addresses; readiness probes go directly to a replica, so
 * that a broken link does not look like a broken service.
 */
export function processPlatform(
  proxy: FaultProxy,
  { readyLimitMs }: Pick<PlatformParts, 'readyLimitMs'> = {},
): Platform<Topology> {
  return platformOn({
    kind: 'process',
    secret: systemSecrets,
    readyLimitMs,
    connect: proxy.connect,
    prepare: (topology, options) => processDriver(proxy, topology, options),
  });
}

/**
 * Runs replicas and the fault proxy as child processes.
 * @throws SquallError `TOOL_NOT_FOUND`, and as {@link reservePorts}
 */
export async function processDriver(proxy: FaultProxy, topology: Topology, options: DriverOptions): Promise<Driver> {
  const { runId, directory, clock, signal } = options;
  const network = systemNetwork;
  const tools = await toolVersions(topology, signal);
  const ports = await reservePorts(topology.links, [PROXY, ...topology.replicas.flatMap(listenersOf)], options.ports);
  const where: Directory = {
    replica: (name, listener) => ports.address(listenerName(name, listener)),
    link: name => ports.address(name),
  };
  return {
    versions: { node: process.version, ...tools },
    network,
    where,
    graceMs: { last: GRACE_MS, others: GRACE_MS, helpers: PROXY_GRACE_MS },
    edge: {
      write: (path, text) => writePrivateFiles(join(directory, 'edge'), { [path]: text }),
      async reload({ pid }) {
        if (pid !== undefined) signalProcess(pid, 'SIGHUP');
      },
    },
    open: (guard, starting) => openProxy(proxy, ports, options, guard, starting),
    async programOf(plan, guard) {
      const program = await programOf(plan, where, options, guard);
      for (const name of listenersOf(plan)) await ports.claim(name);
      return program;
    },
    async listenersOf({ name }) {
      await ports.claim(name);
      return { requested: where.link(name), listen: where.link(name) };
    },
    probe: (url, abort) => probe(url, { clock, network, signal: abort }),
    trace: (url, request, abort) => trace(url, request, { clock, network, signal: abort }),
    send: (origin, request, abort) => send(origin, request, abort, network),
    async cleanup() {
      await ports.free();
      // Finds descendants that left their group by the run id in their environment.
      await reap({ groups: [], runId, clock, limitMs: SWEEP_LIMIT_MS });
      return undefined;
    },
  };
}

async function openProxy(
  proxy: FaultProxy,
  ports: PortBook,
  { runId, seed, directory, clock }: DriverOptions,
  guard: Guard,
  signal: AbortSignal,
): Promise<Opened> {
  await ports.claim(PROXY);
  const access = newAccess(`http://${ports.address(PROXY)}`, systemSecrets);
  const { command, args, source, version } = await proxy.find({ host: LOOPBACK, port: ports.of(PROXY), seed }, signal);
  const environment = serviceEnvironment(runId, proxyEnvironment(access));
  const logPath = join(directory, `${PROXY}.log`);
  const helper = {
    name: PROXY,
    url: access.apiUrl,
    logPath,
    start: () => startProcess({ command, args, environment, directory, logPath }, guard, clock),
    isReady: (abort: AbortSignal) => isApiReady(access, proxy.connect, clock, abort),
  };
  return { helpers: [helper], proxy: { ...access, source, version } };
}

async function programOf(
  plan: ReplicaPlan,
  where: Directory,
  { runId, directory: runDirectory, clock, token }: DriverOptions,
  guard: Guard,
): Promise<Program> {
  const addresses = addressesOf(plan, where, {
    listenAt: listener => where.replica(plan.name, listener),
    directory: join(runDirectory, plan.name),
    token,
    isInImage: false,
  });
  if (plan.files) await writePrivateFiles(addresses.directory, await plan.files(addresses));
  const start = {
    ...commandOf(plan.run, addresses),
    environment: serviceEnvironment(runId, plan.environment(addresses)),
    directory: plan.files ? addresses.directory : runDirectory,
    logPath: join(runDirectory, `${plan.name}.log`),
  };
  return { logPath: start.logPath, start: () => startProcess(start, guard, clock) };
}

/** The names of a replica's ports. */
function listenersOf({ name, listeners = [] }: ReplicaPlan): string[] {
  return [name, ...listeners.map(listener => listenerName(name, listener))];
}

function listenerName(replica: string, listener: string | undefined): string {
  return listener === undefined ? replica : `${replica}/${listener}`;
}
