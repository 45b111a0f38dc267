import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectToxiproxy } from '../../faults/toxiproxy/client.ts';
import { findToxiproxy } from '../../faults/toxiproxy/find.ts';
import { systemClock } from '../../harness/clock.ts';
import type { ReplicaState } from '../../harness/cluster/observer.ts';
import type { RunningStack, UpOptions } from '../../harness/contracts.ts';
import { isGroupAlive, processesOfRun } from '../../harness/host/process-group.ts';
import { processPlatform } from '../../platform/process/platform.ts';
import type { RestartPolicy } from '../../stack/options.ts';
import type { Addresses, ReplicaPlan } from '../../stack/replica-plan.ts';
import type { Topology } from '../../stack/topology.ts';

/** A service of a fixture stack. */
export interface FixtureService {
  /** A file of `fixtures/`, without its ending. */
  readonly fixture: string;
  readonly restart?: RestartPolicy;
  readonly environment?: Readonly<Record<string, string>>;
}

/** `front` enters through `client→front` and uses a link `front→NAME` to each of the `services`. */
export function fixtureTopology(services: Readonly<Record<string, FixtureService>>, port = 0): Topology {
  const names = Object.keys(services);
  const replica = (
    name: string,
    { fixture, restart = 'off', environment = {} }: FixtureService,
    uses: string[],
  ): ReplicaPlan => ({
    name,
    service: name.split('-')[0]!,
    zone: name === 'front' ? 'zone-b' : 'zone-a',
    run: { kind: 'node', program: join(import.meta.dirname, 'fixtures', `${fixture}.ts`) },
    protocol: 'http',
    ready: { kind: 'http', path: '/readyz' },
    coldStartMs: 0,
    uses,
    restart,
    environment: ({ listen, links }: Addresses) => ({
      ...environment,
      NAME: name,
      LISTEN: listen,
      LINKS: Object.values(links).join(),
    }),
  });
  return {
    replicas: [
      ...names.map(name => replica(name, services[name]!, [])),
      replica(
        'front',
        { fixture: 'ready-at-once' },
        names.map(name => `front→${name}`),
      ),
    ],
    links: [
      { name: 'client→front', to: 'front', port, usedBy: 'clients' },
      ...names.map(name => ({ name: `front→${name}`, to: name, port: 0, usedBy: 'services' as const })),
    ],
    authorization: '',
  };
}

/** The process platform over the embedded fault proxy, which every machine has. */
export const platform = processPlatform(
  {
    find: (address, signal) => findToxiproxy({ ...address, env: { SQUALL_TOXIPROXY: 'embedded' } }, signal),
    connect: connectToxiproxy,
  },
  { readyLimitMs: 15_000 },
);

/** Run of one test: its options, and the changes that its observer received. */
export interface TestRun {
  readonly options: UpOptions;
  readonly seen: { replica: string; state: ReplicaState; atMs: number; detail: string }[];
  [Symbol.dispose](): void;
}

let runs = 0;

/** A run directory and options of one test; disposing removes the directory. */
export function testRun(signal: AbortSignal = new AbortController().signal): TestRun {
  runs += 1;
  const directory = mkdtempSync(join(tmpdir(), 'squall-test-'));
  const seen: TestRun['seen'] = [];
  const observer: UpOptions['observer'] = {
    replica: ({ replica, state, detail = '' }) => seen.push({ replica, state, detail, atMs: systemClock.nowMs() }),
  };
  return {
    options: { runId: `test-${process.pid}-${runs}`, seed: 1, directory, observer, signal, clock: systemClock },
    seen,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Every port of a stack. */
export function portsOf(stack: RunningStack): number[] {
  const urls = [stack.proxyApiUrl, ...stack.replicas.map(({ url }) => url)];
  return [
    ...urls.map(url => Number(new URL(url).port)),
    ...stack.links.map(({ listen }) => Number(listen.split(':')[1])),
  ];
}

/** Those of `ports` that accept connections. */
export async function openPorts(ports: readonly number[]): Promise<number[]> {
  const open = await Promise.all(
    ports.map(
      port =>
        new Promise<boolean>(resolve => {
          const socket = connect(port, '127.0.0.1', () => socket.destroy());
          socket.once('close', hadError => resolve(!hadError));
          socket.on('error', () => {});
        }),
    ),
  );
  return ports.filter((_, index) => open[index]);
}

/** Live processes of a run, and live groups among `pids`; the former on Linux only. */
export function aliveOf(runId: string, pids: readonly number[] = []): number[] {
  return [...new Set([...processesOfRun(runId), ...pids.filter(isGroupAlive)])];
}
