import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ReplicaState } from '../../../harness/cluster/observer.ts';
import type { Replica, RunningStack } from '../../../harness/contracts.ts';
import { systemNetwork } from '../../../harness/host/network.ts';

/** Starts a web server on a free port. Disposing closes it with all its connections. */
export async function serve(listener: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** Fake replica with only an address. */
export function replicaAt(name: string, url: string, state: ReplicaState = 'ready'): Replica {
  const nothing = async () => {};
  const service = name.replace(/-\d+$/, '');
  return {
    name,
    service,
    zone: 'zone-a',
    coldStartMs: 0,
    metricsPath: '/metrics',
    url,
    pid: undefined,
    instance: undefined,
    state,
    lastExit: undefined,
    kill: nothing,
    terminate: nothing,
    pause: nothing,
    resume: nothing,
    hold() {},
    release: nothing,
    ready: nothing,
  };
}

/** Fake stack with only replicas. */
export function stackOf(...replicas: Replica[]): RunningStack {
  return {
    network: systemNetwork,
    entries: [],
    entryCertificate: undefined,
    authorization: '',
    proxyApiUrl: '',
    links: [],
    replicas,
    versions: {},
    probe: async () => ({ sentMs: 0, ttfbMs: 0 }),
    trace: () => Promise.reject(new Error('not traced')),
    protect() {},
    async [Symbol.asyncDispose]() {},
  };
}
