import type { Machine } from '../../harness/host/network.ts';
import { tokenHeaders } from '../token.ts';

const TIMEOUT_MS = 2000;

/** The scale of a deployment. */
export interface ScaleReading {
  readonly replicas: number;
  /** Replicas that exist. */
  readonly existing: number;
  readonly version: string;
}

/** A pod as the API has it. Times are ISO 8601. */
export interface PodObject {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
    readonly startTime?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime: string;
    }[];
  };
}

/** The parts of Kubernetes' API that an autoscaler uses. Calls reject on failure, after 2 s, and on abort. */
export interface ScaleClient {
  read(signal: AbortSignal): Promise<ScaleReading>;
  pods(signal: AbortSignal): Promise<readonly PodObject[]>;
  /** Sets the number of replicas, and says why. @param version that was read; the call fails if it is outdated */
  scale(replicas: number, version: string, reason: string, signal: AbortSignal): Promise<void>;
}

/** Client of the control service at `url` for one deployment in the namespace `default`. */
export function connectScale(url: string, deployment: string, token: string, { clock, network }: Machine): ScaleClient {
  const api = url.replace(/\/+$/, '');
  const path = `/apis/apps/v1/namespaces/default/deployments/${encodeURIComponent(deployment)}/scale`;
  const call = async (method: string, target: string, signal: AbortSignal, body?: unknown): Promise<unknown> => {
    const response = await network.fetch(api + target, {
      method,
      headers: { ...tokenHeaders(token), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      signal: AbortSignal.any([signal, clock.timeout(TIMEOUT_MS)]),
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${target}: status ${response.status}: ${text.slice(0, 200)}`);
    return JSON.parse(text);
  };
  return {
    async read(signal) {
      const { metadata, spec, status } = (await call('GET', path, signal)) as {
        metadata: { resourceVersion: string };
        spec: { replicas: number };
        status: { replicas: number };
      };
      return { replicas: spec.replicas, existing: status.replicas, version: metadata.resourceVersion };
    },
    async pods(signal) {
      const target = `/api/v1/namespaces/default/pods?labelSelector=${encodeURIComponent(`app=${deployment}`)}`;
      return ((await call('GET', target, signal)) as { items: PodObject[] }).items;
    },
    async scale(replicas, version, reason, signal) {
      const metadata = { name: deployment, resourceVersion: version, annotations: { 'squall/reason': reason } };
      await call('PUT', path, signal, { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata, spec: { replicas } });
    },
  };
}
