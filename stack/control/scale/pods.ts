import { z } from 'zod';
import { route } from '../consul/consul-routes.ts';
import { type Route, sendJson } from '../exchange.ts';

const time = z.iso.datetime({ precision: 3 });

/** A pod as the platform reports it. Times are ISO 8601 with milliseconds, where Kubernetes has whole seconds. */
const podSchema = z.strictObject({
  name: z.string().min(1).max(100),
  phase: z.enum(['Pending', 'Running']),
  startTime: time.optional(),
  ready: z.boolean().default(false),
  /** When `ready` last changed; absent for a pod that was never started. */
  readySince: time.optional(),
  deletionTimestamp: time.optional(),
  /** Node that it is on. */
  nodeName: z.string().max(100).optional(),
  /** Why it is pending. */
  message: z.string().max(1000).optional(),
});
const podsSchema = z.array(podSchema).max(10_000);

type ReportedPod = z.output<typeof podSchema>;

/** Pods of each deployment, as last reported. They are not part of its version, since nothing that is decided depends on each change. */
export class Pods {
  readonly #pods = new Map<string, readonly ReportedPod[]>();

  /**
   * Records the pods of a deployment.
   * @param reported a list of pods; undefined leaves the last one
   * @returns what is wrong with it, if anything
   */
  report(deployment: string, reported: unknown): string | undefined {
    if (reported === undefined) return undefined;
    const parsed = podsSchema.safeParse(reported);
    if (parsed.success) this.#pods.set(deployment, parsed.data);
    return parsed.success ? undefined : `status.pods: ${z.prettifyError(parsed.error).slice(0, 200)}`;
  }

  /** `GET /api/v1/namespaces/default/pods`, optionally with `labelSelector=app=<deployment>`: a PodList. */
  routes(): Route[] {
    return [
      route('/api/v1/namespaces/default/pods', {
        GET: exchange => {
          const wanted = /^app==?([^,=]+)$/.exec(exchange.query.get('labelSelector') ?? '')?.[1];
          const items = [...this.#pods].flatMap(([app, pods]) =>
            wanted === undefined || wanted === app ? pods.map(pod => podJson(pod, app)) : [],
          );
          sendJson(exchange, 200, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
        },
      }),
    ];
  }
}

function podJson(pod: ReportedPod, app: string) {
  const { name, phase, startTime, ready, readySince, deletionTimestamp, nodeName, message } = pod;
  const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: readySince };
  const scheduled = nodeName === undefined ? { status: 'False', reason: 'Unschedulable' } : { status: 'True' };
  return {
    metadata: { name, namespace: 'default', labels: { app }, ...(deletionTimestamp && { deletionTimestamp }) },
    ...(nodeName !== undefined && { spec: { nodeName } }),
    status: {
      phase,
      ...(startTime && { startTime }),
      conditions: [
        ...(message === undefined ? [] : [{ type: 'PodScheduled', ...scheduled, message }]),
        ...(readySince ? [condition] : []),
      ],
    },
  };
}
