import { once } from 'node:events';
import type { Clock } from '../../../harness/clock.ts';
import { route } from '../consul/consul-routes.ts';
import { type Exchange, HttpError, type Route, readJson, sendJson } from '../exchange.ts';
import type { Watchers } from '../watchers.ts';
import { jsonPatch, mergePatch, PatchError } from './patch.ts';
import type { Pods } from './pods.ts';
import type { ScaleResult, ScaleState, Scales } from './scale.ts';

interface ScaleContext {
  readonly scales: Scales;
  readonly pods: Pods;
  readonly clock: Clock;
  readonly watchers: Watchers;
  /** Called after every change of a scale. */
  readonly onChange: () => void;
}

const BASE = '/apis/apps/v1/namespaces/default/deployments/:name';
/** Annotation of a Scale in which its writer says why, and its longest text. */
const REASON = 'squall/reason';
const MAX_REASON = 500;
const DEFAULT_WATCH_S = 300;
const MAX_WATCH_S = 3600;

/**
 * Routes of the `autoscaling/v1` Scale subresource of deployments in the namespace `default`, as used by `kubectl scale` and
 * autoscalers:
 *
 * ```
 * autoscaler ──PUT or PATCH …/scale──▶ spec.replicas ──GET …/scale?watch=1──▶ platform ──PATCH …/status──▶ status.replicas
 * ```
 *
 * A writer may say why in the annotation `squall/reason`. `watch=1` on the subresource is an extension; Kubernetes watches the deployment instead. Deployments cannot be created or deleted.
 * Bounds on `spec.replicas`, which Kubernetes leaves to the autoscaler, are enforced with 422.
 */
export function scaleRoutes(context: ScaleContext): Route[] {
  return [
    route(`${BASE}/scale`, {
      GET: (exchange, name) => {
        if (/^(1|true)$/.test(exchange.query.get('watch') ?? '')) return watch(context, exchange, name);
        sendJson(exchange, 200, scaleJson(existing(context.scales, name)));
      },
      PUT: (exchange, name) => change(context, exchange, name, () => readJson(exchange)),
      PATCH: (exchange, name) => change(context, exchange, name, patched(exchange)),
    }),
    route(`${BASE}/status`, {
      PUT: (exchange, name) => report(context, exchange, name, () => readJson(exchange)),
      PATCH: (exchange, name) => report(context, exchange, name, patched(exchange)),
    }),
  ];
}

/** JSON of a Scale. */
function scaleJson(scale: ScaleState) {
  const { reason } = scale;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { ...metadata(scale), ...(reason && { annotations: { [REASON]: reason } }) },
    spec: { replicas: scale.replicas },
    status: { replicas: scale.observedReplicas, selector: scale.selector },
  };
}

/** Error response in the format of Kubernetes' API server. */
export class StatusError extends HttpError {
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(status, message);
    this.reason = reason;
  }

  /** `Status` object. */
  toJson() {
    const { reason, message, status: code } = this;
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
  }
}

type Edit = (before: unknown) => Promise<unknown>;

async function change(context: ScaleContext, exchange: Exchange, name: string, edit: Edit): Promise<void> {
  // A patch says nothing of the reason of the last change.
  const { reason: _last, ...before } = existing(context.scales, name);
  const after = await edit(scaleJson(before));
  const { replicas, version } = readObject(after, name, 'Scale', ['spec', 'replicas']);
  const result = context.scales.setReplicas(name, replicas, version, reasonIn(after));
  sendJson(exchange, 200, scaleJson(settle(context, name, result)));
}

async function report(context: ScaleContext, exchange: Exchange, name: string, edit: Edit): Promise<void> {
  const after = await edit(deploymentJson(existing(context.scales, name)));
  const { replicas, version } = readObject(after, name, 'Deployment', ['status', 'replicas']);
  const { status } = after as { status?: { readyReplicas?: unknown; pods?: unknown } };
  const readyReplicas = nonNegativeInteger(status?.readyReplicas ?? 0, 'status.readyReplicas', name);
  const scale = settle(context, name, context.scales.report(name, { replicas, readyReplicas }, version));
  const problem = context.pods.report(name, status?.pods);
  if (problem !== undefined) throw invalid(name, problem);
  sendJson(exchange, 200, deploymentJson(scale));
}

function reasonIn(document: unknown): string {
  const { metadata } = document as { metadata?: { annotations?: Readonly<Record<string, unknown>> } };
  const reason = metadata?.annotations?.[REASON];
  return typeof reason === 'string' ? reason.slice(0, MAX_REASON) : '';
}

/** Streams a JSON line at once and one per change: `{"type":"ADDED"|"MODIFIED","object":Scale}`. */
async function watch({ scales, watchers, clock }: ScaleContext, exchange: Exchange, name: string): Promise<void> {
  const { response, query, signal } = exchange;
  const requestedS = Number(query.get('timeoutSeconds') ?? DEFAULT_WATCH_S);
  const limitS = Number.isFinite(requestedS) && requestedS > 0 ? Math.min(requestedS, MAX_WATCH_S) : DEFAULT_WATCH_S;
  const ended = AbortSignal.any([signal, clock.timeout(limitS * 1000)]);
  const since = query.get('resourceVersion');
  let sent = since === null || since === '' || since === '0' ? undefined : Number(since);
  existing(scales, name);
  response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
  while (!ended.aborted) {
    // Only the latest state is sent, so a slow client needs no memory beyond its socket buffers.
    if (response.writableNeedDrain) await once(response, 'drain', { signal: ended }).catch(() => {});
    const scale = existing(scales, name);
    if (scale.resourceVersion !== sent && !ended.aborted) {
      const type = sent === undefined ? 'ADDED' : 'MODIFIED';
      sent = scale.resourceVersion;
      response.write(`${JSON.stringify({ type, object: scaleJson(scale) })}\n`);
    }
    const known = sent;
    await watchers.until(() => existing(scales, name).resourceVersion !== known, limitS * 1000, ended);
  }
  response.end();
}

function patched(exchange: Exchange): Edit {
  return async before => {
    const type = (exchange.request.headers['content-type'] ?? '').split(';', 1)[0]!.trim();
    const patch = await readJson(exchange);
    // Without lists, Kubernetes' strategic merge patch equals a JSON merge patch.
    if (type === 'application/merge-patch+json' || type === 'application/strategic-merge-patch+json')
      return { metadata: {}, ...(mergePatch(withoutVersion(before), patch) as object) };
    if (type !== 'application/json-patch+json')
      throw new StatusError(415, 'UnsupportedMediaType', `the body of the request was in an unknown format: ${type}`);
    try {
      return withoutVersion(jsonPatch(before, patch), before);
    } catch (error) {
      if (!(error instanceof PatchError)) throw error;
      if (error.kind === 'invalid') throw badRequest(error.message);
      const message = `the server rejected our request due to an error in our request: ${error.message}`;
      throw new StatusError(422, 'Invalid', message);
    }
  };
}

/** Drops the version, so that a patch applies to any version unless it sets one itself (or changes it by JSON patch). */
function withoutVersion(document: unknown, unless?: unknown): unknown {
  const { metadata: own, ...rest } = document as { metadata?: { resourceVersion?: unknown } };
  const { metadata: before } = (unless ?? { metadata: own }) as { metadata?: { resourceVersion?: unknown } };
  if (own?.resourceVersion !== before?.resourceVersion) return document;
  const { resourceVersion: _dropped, ...others } = own ?? {};
  return { ...rest, metadata: others };
}

function readObject(document: unknown, name: string, kind: string, [part, field]: readonly [string, string]) {
  const found = Array.isArray(document) ? 'a list' : document === null ? 'null' : typeof document;
  if (found !== 'object') throw badRequest(`expected a ${kind} as a JSON object, got ${found}`);
  const object = document as Record<string, Record<string, unknown> | undefined>;
  if (object.kind !== undefined && (object.kind as unknown) !== kind)
    throw badRequest(`expected a ${kind}, got ${JSON.stringify(object.kind)}`);
  const named = object.metadata?.name;
  if (named !== undefined && named !== name)
    throw badRequest(`the name of the object (${named}) does not match the name on the URL (${name})`);
  const version = object.metadata?.resourceVersion;
  const replicas = nonNegativeInteger(object[part]?.[field] ?? 0, `${part}.${field}`, name);
  return { replicas, version: version === undefined || version === '' ? undefined : String(version) };
}

function nonNegativeInteger(value: unknown, field: string, name: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  const got = JSON.stringify(value);
  throw invalid(name, `${field}: Invalid value: ${got}: must be an integer greater than or equal to 0`);
}

function existing(scales: Scales, name: string): ScaleState {
  const scale = scales.get(name);
  if (!scale) throw new StatusError(404, 'NotFound', `deployments.apps ${JSON.stringify(name)} not found`);
  return scale;
}

function settle({ onChange }: ScaleContext, name: string, result: ScaleResult): ScaleState {
  if (result.kind === 'changed') onChange();
  if (result.kind === 'changed' || result.kind === 'same') return result.scale;
  if (result.kind === 'out-of-bounds')
    throw invalid(name, `spec.replicas: Invalid value: must be ${result.min} to ${result.max}`);
  const failed = `Operation cannot be fulfilled on deployments.apps ${JSON.stringify(name)}`;
  const reason = 'the object has been modified; please apply your changes to the latest version and try again';
  throw new StatusError(409, 'Conflict', `${failed}: ${reason}`);
}

function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

function invalid(name: string, reason: string): StatusError {
  return new StatusError(422, 'Invalid', `Deployment.apps ${JSON.stringify(name)} is invalid: ${reason}`);
}

function metadata({ name, uid, resourceVersion, createdAt }: ScaleState) {
  const creationTimestamp = createdAt.toISOString().replace(/\.\d+Z$/, 'Z');
  return { name, namespace: 'default', uid, resourceVersion: String(resourceVersion), creationTimestamp };
}

function deploymentJson(scale: ScaleState) {
  return {
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    metadata: metadata(scale),
    spec: { replicas: scale.replicas },
    status: { replicas: scale.observedReplicas, readyReplicas: scale.readyReplicas },
  };
}
