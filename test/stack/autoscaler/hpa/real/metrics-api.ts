import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { makeAuthority } from '../../../../../stack/edge/certificates.ts';
import type { Api } from './api.ts';

const VERSIONS = [
  'metrics.k8s.io/v1beta1',
  'custom.metrics.k8s.io/v1beta2',
  'external.metrics.k8s.io/v1beta1',
] as const;
const CONTENT = { 'content-type': 'application/json' };
const AGGREGATED_MS = 60_000;

/** Which metric was asked for. `name` is absent for the resource metrics, which come together. */
export interface MetricQuery {
  readonly kind: 'resource' | 'pods' | 'object' | 'external';
  readonly namespace: string;
  readonly name?: string;
}

/** Values that the server sends back: quantities as text, whole seconds since 1970. */
export type MetricReply =
  | { readonly k: 'resource'; readonly at: number; readonly w: number; readonly pods: readonly ContainerUsages[] }
  | {
      readonly k: 'pods';
      readonly at: number;
      readonly w: number | null;
      readonly values: readonly (readonly [string, string])[];
    }
  | { readonly k: 'object'; readonly value: string; readonly of: { readonly kind: string; readonly name: string } }
  | { readonly k: 'external'; readonly values: readonly string[] }
  | { readonly k: 'failed'; readonly code: number };

interface ContainerUsages {
  readonly pod: string;
  readonly containers: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/**
 * Serves the three metrics APIs over HTTPS on loopback, and makes the kube-apiserver pass them on.
 * @param reply values for a query
 */
export async function serveMetrics(api: Api, reply: (query: MetricQuery) => MetricReply): Promise<AsyncDisposable> {
  const authority = await makeAuthority(new Date());
  // The name by which the kube-apiserver knows a service.
  const { certificate, key } = await authority.issue({ names: ['metrics.default.svc', 'localhost'] });
  const server = createServer({ cert: certificate, key }, ({ url = '/' }, response) => {
    const path = decodeURIComponent(url.split('?')[0]!).slice('/apis/'.length);
    const version = VERSIONS.find(each => path === each);
    if (version) return send(response, 200, resourcesOf(version));
    const query = queryOf(path);
    if (!query) return send(response, 404, statusOf(404));
    const found = reply(query);
    if (found.k === 'failed') return send(response, found.code, statusOf(found.code));
    send(response, 200, listOf(query, found));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await register(api, (server.address() as { port: number }).port, authority.certificate);
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise(closed => server.close(closed));
    },
  };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, CONTENT).end(JSON.stringify(body));
}

function statusOf(code: number): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: 'scripted', code };
}

function resourcesOf(version: (typeof VERSIONS)[number]): object {
  const pods = { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs: ['get', 'list'] };
  const resources = version === VERSIONS[0] ? [pods] : [];
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: version, resources };
}

/** `GROUP/VERSION/namespaces/NS/…` as a query. */
function queryOf(path: string): MetricQuery | undefined {
  const [group, , , namespace = '', kind, object, name] = path.split('/');
  switch (`${group}/` as string) {
    case 'metrics.k8s.io/':
      return { kind: 'resource', namespace };
    case 'external.metrics.k8s.io/':
      return { kind: 'external', namespace, name: kind! };
    case 'custom.metrics.k8s.io/':
      // Of a namespace itself: `namespaces/NS/metrics/NAME`.
      if (kind === 'metrics') return { kind: 'object', namespace, name: object! };
      return { kind: object === '*' ? 'pods' : 'object', namespace, name: name! };
  }
  return undefined;
}

function listOf({ namespace, name = '' }: MetricQuery, found: Exclude<MetricReply, { k: 'failed' }>): object {
  const timestamp = (seconds: number) => new Date(1000 * seconds).toISOString().replace('.000Z', 'Z');
  const now = timestamp(Math.floor(Date.now() / 1000));
  const custom = (items: object[]) => ({ kind: 'MetricValueList', apiVersion: VERSIONS[1], metadata: {}, items });
  switch (found.k) {
    case 'resource': {
      const items = found.pods.map(({ pod, containers }) => ({
        ...{ metadata: { name: pod, namespace }, timestamp: timestamp(found.at), window: `${found.w}s` },
        containers: Object.entries(containers).map(([container, usage]) => ({ name: container, usage })),
      }));
      return { kind: 'PodMetricsList', apiVersion: VERSIONS[0], metadata: {}, items };
    }
    case 'pods':
      return custom(
        found.values.map(([pod, value]) => ({
          ...{ describedObject: { kind: 'Pod', namespace, name: pod, apiVersion: '/v1' }, metric: { name } },
          ...{ timestamp: timestamp(found.at), value, ...(found.w !== null && { windowSeconds: found.w }) },
        })),
      );
    case 'object':
      return custom([
        {
          describedObject: { namespace, ...found.of },
          metric: { name },
          timestamp: now,
          windowSeconds: 60,
          value: found.value,
        },
      ]);
    case 'external': {
      const items = found.values.map(value => ({ metricName: name, metricLabels: {}, timestamp: now, value }));
      return { kind: 'ExternalMetricValueList', apiVersion: VERSIONS[2], metadata: {}, items };
    }
  }
}

/** Registers a server on this machine for the metrics APIs, and waits until they are served. */
async function register(api: Api, port: number, authority: string): Promise<void> {
  const service = { metadata: { name: 'metrics' }, spec: { type: 'ExternalName', externalName: 'localhost' } };
  await created(api, '/api/v1/namespaces/default/services', service);
  const services = '/apis/apiregistration.k8s.io/v1/apiservices';
  for (const each of VERSIONS) {
    const [group, version] = each.split('/') as [string, string];
    await created(api, services, {
      metadata: { name: `${version}.${group}` },
      spec: {
        ...{ group, version, groupPriorityMinimum: 100, versionPriority: 100 },
        ...{ service: { namespace: 'default', name: 'metrics', port }, caBundle: btoa(authority) },
      },
    });
  }
  const startMs = Date.now();
  for (const each of VERSIONS) {
    while ((await api.send('GET', `/apis/${each}`)).status !== 200) {
      if (Date.now() - startMs > AGGREGATED_MS) throw new Error(`kube-apiserver does not pass on ${each}`);
      await new Promise(resolve => setTimeout(resolve, 200));
    }
  }
}

/** Creates an object. @throws Error unless it was created */
async function created(api: Api, path: string, object: object): Promise<void> {
  const { status, body } = await api.send('POST', path, object);
  if (status !== 201) throw new Error(`POST ${path} became ${status}: ${body.message ?? body}`);
}
