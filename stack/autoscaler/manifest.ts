import { z } from 'zod';
import { badAutoscaler, problemsIn, withoutNulls } from './bad-autoscaler.ts';
import { type HpaSpec, hpaSpecSchema } from './hpa/schema.ts';
import type { Activation } from './keda/activation.ts';
import { translate } from './keda/translate.ts';
import { containerOf } from './measure/measure.ts';
import type { Rules } from './measure/rule.ts';

/** An autoscaler from a user's file. */
export interface Manifest {
  /** Name of the object, for logs. */
  readonly name: string;
  readonly spec: HpaSpec;
  /** How the metrics that it names are measured, where the file says so. */
  readonly rules: Rules;
  /** What switches it between no replicas and some, if anything does; `spec` is for the latter. */
  readonly activation?: Activation;
  /** What the file says and this autoscaler does not do, a sentence each. */
  readonly notes: readonly string[];
}

const metadata = z.looseObject({ name: z.string().min(1) });
/** What every object has, and what a cluster adds to it. */
const hpaManifest = z.strictObject({
  apiVersion: z.literal('autoscaling/v2'),
  kind: z.literal('HorizontalPodAutoscaler'),
  metadata,
  spec: hpaSpecSchema,
  status: z.unknown().optional(),
});

/**
 * Reads a HorizontalPodAutoscaler of `autoscaling/v2` as it is, or translates a ScaledObject of KEDA.
 * @param document a parsed file
 * @param scaleToZero whether the settings allow `minReplicas: 0`
 * @throws SquallError `BAD_AUTOSCALER` that names every wrong field
 */
export function readManifest(document: unknown, scaleToZero: boolean): Manifest {
  const object = withoutNulls(document);
  if (typeof object !== 'object' || object === null || Array.isArray(object))
    throw badAutoscaler(['the file must be one object of kind HorizontalPodAutoscaler or ScaledObject']);
  const { apiVersion, kind } = object as Record<string, unknown>;
  if (kind === 'ScaledObject') return translate(object);
  if (kind !== 'HorizontalPodAutoscaler')
    throw badAutoscaler([
      `\`kind\` must be HorizontalPodAutoscaler or ScaledObject, got ${JSON.stringify(kind) ?? 'nothing'}`,
    ]);
  if (apiVersion !== 'autoscaling/v2')
    throw badAutoscaler(
      [`\`apiVersion\` must be autoscaling/v2, got ${JSON.stringify(apiVersion) ?? 'nothing'}`],
      'Print the object in that version: kubectl get hpa.v2.autoscaling <name> -o yaml.',
    );
  const parsed = hpaManifest.safeParse(object);
  if (!parsed.success) throw badAutoscaler(problemsIn(parsed.error.issues, object));
  const { spec, metadata: own } = parsed.data;
  if (!spec.scaleTargetRef) throw badAutoscaler(['`spec.scaleTargetRef` is required: the workload to scale']);
  if (spec.minReplicas === 0 && !scaleToZero)
    throw badAutoscaler(
      ['`spec.minReplicas` must be at least 1, got 0'],
      'Set `stack.autoscaler.scaleToZero: true`, which is the feature gate HPAScaleToZero of Kubernetes.',
    );
  const notes = repeatedMetrics((object as RawManifest).spec.metrics ?? []);
  return { ...inOneContainer(spec, notes), name: own.name, rules: {} };
}

/** The spec for pods with one container, and a note on each metric of another one: nothing would report it. */
function inOneContainer(spec: HpaSpec, notes: readonly string[]): Pick<Manifest, 'spec' | 'notes'> {
  const container = containerOf(spec.metrics);
  const others: string[] = [];
  const metrics = spec.metrics.map((metric, index) => {
    if (metric.type !== 'ContainerResource' || metric.containerResource.container === container) return metric;
    others.push(
      `\`spec.metrics[${index}].containerResource.container\` ${metric.containerResource.container} is taken for ${container}: replicas have one container`,
    );
    return { ...metric, containerResource: { ...metric.containerResource, container } };
  });
  return { spec: { ...spec, metrics }, notes: [...notes, ...others] };
}

interface RawManifest {
  readonly spec: { readonly metrics?: readonly unknown[] };
}

/** Names metrics that are there twice, which the API accepts. */
function repeatedMetrics(metrics: readonly unknown[]): string[] {
  const texts = metrics.map(metric => JSON.stringify(metric));
  return texts.flatMap((text, index) => {
    const first = texts.indexOf(text);
    return first < index
      ? [`\`spec.metrics[${index}]\` is \`spec.metrics[${first}]\` again, which changes nothing`]
      : [];
  });
}
