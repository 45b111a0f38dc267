import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './api.ts';
import type { MetricQuery, MetricReply } from './metrics-api.ts';
import type { PodSnapshot, PodWatch } from './pods.ts';
import { type Act, CASE_MS, type PodState, type Script } from './script.ts';

const LINGER = 'squall.dev/linger';
const INITIAL_MS = 60_000;
const LABELS = { app: 'd', part: 'x' };
const HPA = '/apis/autoscaling/v2/namespaces';

/** What was done and seen in one case. Times are in ms since 1970. */
export interface Played {
  readonly script: Script;
  readonly namespace: string;
  /** Whole second of the creation of the autoscaler. */
  readonly baseMs: number;
  readonly endMs: number;
  /** Specs as the API returned them. */
  readonly specs: readonly { readonly atMs: number; readonly spec: object }[];
  readonly acts: readonly {
    readonly atMs: number;
    readonly what: string;
    readonly args: readonly unknown[];
    readonly code: number;
  }[];
  readonly snapshots: readonly PodSnapshot[];
  readonly replies: readonly RecordedReply[];
}

/** A reply of the metrics server. */
export interface RecordedReply {
  readonly atMs: number;
  readonly query: MetricQuery;
  readonly reply: MetricReply;
}

/** A case that is being played. */
export interface Stage {
  reply(query: MetricQuery): MetricReply;
  play(): Promise<Played>;
}

/** Prepares a case in a namespace of its own. */
export function stageOf(api: Api, script: Script, namespace: string, watch: PodWatch): Stage {
  const replies: RecordedReply[] = [];
  const specs: { atMs: number; spec: object }[] = [];
  const acts: { atMs: number; what: string; args: readonly unknown[]; code: number }[] = [];
  const pods = watch.of(namespace);
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const autoscalers = `${HPA}/${namespace}/horizontalpodautoscalers`;
  let startMs = Number.POSITIVE_INFINITY;
  let isOver = false;
  let failure: unknown;
  /** What goes on beside the acts. It fails the case while that is played, and says nothing afterwards. */
  const beside = (work: Promise<unknown>) => {
    void work.catch(error => {
      if (!isOver) failure ??= error;
    });
  };

  const put = async (name: string, ordinal: number, state: PodState, startSeconds: number, readySeconds: number) => {
    const time = (seconds: number) => new Date(1000 * seconds).toISOString().replace('.000Z', 'Z');
    const ready = { type: 'Ready', status: state.ready, lastTransitionTime: time(readySeconds) };
    const status = {
      ...{ phase: state.phase, startTime: state.hasStart ? time(startSeconds) : null },
      conditions: state.ready === null ? [] : [ready],
    };
    const { status: code } = await api.send('PATCH', `/api/v1/namespaces/${namespace}/pods/${name}/status`, { status });
    // It may be gone by then.
    if (code !== 200 && code !== 404) throw new Error(`status of pod ${ordinal} of ${script.id} became ${code}`);
  };

  pods.onAdded = (name, ordinal) => {
    const life = script.life(ordinal);
    const isInitial = startMs === Number.POSITIVE_INFINITY && ordinal < script.replicas;
    let [startSeconds, readySeconds, ready] = [0, 0, undefined as PodState['ready'] | undefined];
    const [first, ...rest] = life.states;
    const step = (state: PodState, isFirst: boolean) => {
      const now = Math.floor(Date.now() / 1000);
      if (isFirst && isInitial) {
        startSeconds = now - life.ageSeconds;
        readySeconds = Math.min(now, startSeconds + life.readyAfterSeconds);
      } else {
        startSeconds ||= now;
        if (ready !== state.ready) readySeconds = now;
      }
      ready = state.ready;
      return put(name, ordinal, state, startSeconds, readySeconds);
    };
    if (!first) return undefined;
    const later = async () => {
      // Those that were there before wait for the start of the case.
      while (isInitial && startMs === Number.POSITIVE_INFINITY) await sleep(50, undefined, { ref: false });
      const zeroMs = isInitial ? startMs : bornMs;
      for (const { afterMs, state } of rest) {
        await sleep(Math.max(0, zeroMs + afterMs - Date.now()), undefined, { ref: false });
        if (!isOver && pods.has(name)) await step(state, false);
      }
    };
    const bornMs = Date.now();
    const begun = sleep(isInitial ? 0 : first.afterMs).then(() => step(first.state, true));
    beside(begun.then(later));
    return begun;
  };
  pods.onDeleting = name => {
    const release = async () => {
      await sleep(script.lingerMs, undefined, { ref: false });
      if (isOver) return;
      await api.send('PATCH', `/api/v1/namespaces/${namespace}/pods/${name}`, { metadata: { finalizers: null } });
    };
    beside(release());
  };

  const act = async ({ what, args }: Act) => {
    const [first] = args;
    const result = await {
      scale: () => api.send('PATCH', `${deployments}/d/scale`, { spec: { replicas: first } }),
      hpa: () => api.send('PATCH', `${autoscalers}/h`, { spec: first }),
      roll: () =>
        api.send('PATCH', `${deployments}/d`, {
          spec: { template: { metadata: { annotations: { v: String(first) } } } },
        }),
      rmdep: () => api.send('DELETE', `${deployments}/d?propagationPolicy=Orphan`),
      deploy: () => api.send('POST', deployments, deploymentOf(script, 'd', LABELS, script.replicas)),
      hpa2: async () => {
        await api.send('POST', deployments, deploymentOf(script, 'd2', { part: 'x' }, 1));
        return api.send('POST', autoscalers, autoscalerOf('h2', 'd2', { maxReplicas: 2, metrics: [OTHER] }));
      },
      rmhpa: () => api.send('DELETE', `${autoscalers}/h2`),
    }[what]();
    const atMs = Date.now();
    acts.push({ atMs, what, args, code: result.status });
    if (what === 'hpa' && result.status === 200) specs.push({ atMs, spec: specIn(result.body) });
  };

  return {
    reply(query) {
      const nowMs = Date.now();
      const reply = script.reply(query.kind, query.name, nowMs - startMs, Math.floor(nowMs / 1000), pods.view());
      if (query.name !== OTHER.external.metric.name) replies.push({ atMs: nowMs, query, reply });
      return reply;
    },
    async play() {
      await expectCode(201, api.send('POST', '/api/v1/namespaces', { metadata: { name: namespace } }));
      if (!script.isLate) {
        await expectCode(201, api.send('POST', deployments, deploymentOf(script, 'd', LABELS, script.replicas)));
        await pods.settled(script.replicas, INITIAL_MS);
      }
      const { body, status } = await api.send('POST', autoscalers, autoscalerOf('h', 'd', script.spec));
      startMs = Date.now();
      if (status !== 201) throw new Error(`${script.id} was rejected: ${body.message}`);
      const baseMs = Date.parse(body.metadata.creationTimestamp);
      specs.push({ atMs: baseMs, spec: specIn(body) });
      for (const each of script.acts) {
        await sleep(Math.max(0, startMs + each.atMs - Date.now()));
        await act(each);
      }
      await sleep(Math.max(0, startMs + CASE_MS - Date.now()));
      isOver = true;
      if (failure) throw failure;
      const endMs = Date.now();
      await expectCode(200, api.send('DELETE', `${autoscalers}/h`));
      return { script, namespace, baseMs, endMs, specs, acts, snapshots: pods.snapshots(), replies };
    },
  };
}

const OTHER = {
  type: 'External',
  external: { metric: { name: 'other' }, target: { type: 'Value', value: '1' } },
} as const;

/** An autoscaler as it is sent. */
export function autoscalerOf(name: string, target: string, spec: object): object {
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: target };
  const kind = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' };
  return { ...kind, metadata: { name }, spec: { scaleTargetRef, ...spec } };
}

function specIn({ spec: { scaleTargetRef: _, ...spec } }: { spec: Record<string, unknown> }): object {
  return spec;
}

function deploymentOf(script: Script, name: string, labels: Record<string, string>, replicas: number): object {
  const containers = Object.entries(script.requests).map(([container, requests]) => ({
    ...{ name: container, image: 'none', resources: { requests } },
  }));
  return {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name } },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, ...(script.lingerMs > 0 && { finalizers: [LINGER] }) },
        spec: { containers, ...(script.podRequests && { resources: { requests: script.podRequests } }) },
      },
    },
  };
}

async function expectCode(code: number, sent: ReturnType<Api['send']>): Promise<void> {
  const { status, body } = await sent;
  if (status !== code) throw new Error(`Expected ${code}, got ${status}: ${body.message ?? body}`);
}
