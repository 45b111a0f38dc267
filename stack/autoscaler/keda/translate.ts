import { badAutoscaler, problemsIn } from '../bad-autoscaler.ts';
import { type HpaSpec, hpaSpecSchema } from '../hpa/schema.ts';
import type { Rule } from '../measure/rule.ts';
import type { Activation } from './activation.ts';
import { type ScaledObject, scaledObjectSchema } from './schema.ts';
import { TRIGGER_TYPES, type Translated, translateTrigger } from './triggers.ts';

/** A ScaledObject as the HPA that KEDA makes of it. */
interface TranslatedObject {
  readonly name: string;
  readonly spec: HpaSpec;
  readonly rules: Readonly<Record<string, Rule>>;
  readonly activation?: Activation;
  readonly notes: readonly string[];
}

/**
 * Translates a ScaledObject into the HPA that KEDA itself would create, with a rule for each metric that can be measured here, and a note
 * for everything that it says beyond that.
 * @throws SquallError `BAD_AUTOSCALER` that names every wrong field
 */
export function translate(document: object): TranslatedObject {
  const parsed = scaledObjectSchema.safeParse(document);
  if (!parsed.success) throw badAutoscaler(problemsIn(parsed.error.issues, document));
  const { spec, metadata } = parsed.data;
  const translated = spec.triggers.map((trigger, index) => translateTrigger(trigger, index, `spec.triggers[${index}]`));
  const problems = translated.filter(each => typeof each === 'string');
  if (problems.length > 0) throw badAutoscaler(problems);
  const known = translated.filter((each): each is Translated => typeof each === 'object');
  const types = spec.triggers.map(({ type }) => type);
  const unknown = types.flatMap((type, index) =>
    translated[index] === undefined
      ? [`\`spec.triggers[${index}].type\` "${type}" is not translated; translated are ${TRIGGER_TYPES.join(', ')}`]
      : [],
  );
  if (known.length === 0) throw badAutoscaler(unknown);
  const { minReplicaCount, idleReplicaCount, cooldownPeriod = 300, initialCooldownPeriod = 0 } = spec;
  if (idleReplicaCount !== undefined && idleReplicaCount >= minReplicaCount)
    throw badAutoscaler([
      `\`spec.idleReplicaCount\` must be below \`spec.minReplicaCount\` ${minReplicaCount}, got ${idleReplicaCount}`,
    ]);
  const hpa = {
    scaleTargetRef: {
      apiVersion: spec.scaleTargetRef.apiVersion,
      kind: spec.scaleTargetRef.kind,
      name: spec.scaleTargetRef.name,
    },
    // KEDA itself switches between none and these.
    minReplicas: Math.max(1, minReplicaCount),
    maxReplicas: spec.maxReplicaCount,
    metrics: known.map(({ metric }) => metric),
    behavior: spec.advanced?.horizontalPodAutoscalerConfig?.behavior,
  };
  const checked = hpaSpecSchema.safeParse(hpa);
  if (!checked.success)
    throw badAutoscaler(problemsIn(checked.error.issues, hpa).map(problem => asWritten(problem, known)));
  const rules = known.flatMap(({ metric, rule }) =>
    metric.type === 'External' && rule ? [[metric.external.metric.name, rule] as const] : [],
  );
  const triggers = known.flatMap(({ activation: above }, index) =>
    above === undefined ? [] : [{ metric: checked.data.metrics[index]!, above }],
  );
  const isActivated = (minReplicaCount === 0 || idleReplicaCount === 0) && triggers.length > 0;
  const activation: Activation = {
    ...{ triggers, activeReplicas: checked.data.minReplicas },
    ...{ cooldownMs: cooldownPeriod * 1000, initialCooldownMs: initialCooldownPeriod * 1000 },
  };
  return {
    ...{ name: metadata.name, spec: checked.data, ...(isActivated && { activation }) },
    rules: Object.fromEntries(rules),
    notes: [
      ...unknown,
      ...known.flatMap(({ notes }) => notes),
      ...notesOn(spec, isActivated),
      ...annotationNotes(metadata.annotations),
    ],
  };
}

/** A problem of the HPA in terms of the ScaledObject. */
function asWritten(problem: string, triggers: readonly Translated[]): string {
  return problem
    .replace(
      /^`metrics\[(\d+)\]\.\w+\.(\w+)[^`]*/,
      (_, index, part) =>
        `\`${part === 'target' ? triggers[index]!.field : triggers[index]!.field.replace(/\w+$/, `${part}Name`)}`,
    )
    .replace(/^`minReplicas`/, '`spec.minReplicaCount`')
    .replace(/^`maxReplicas`/, '`spec.maxReplicaCount`')
    .replace(/`minReplicas`/, '`spec.minReplicaCount`')
    .replace(/^`behavior/, '`spec.advanced.horizontalPodAutoscalerConfig.behavior');
}

function notesOn(spec: ScaledObject['spec'], isActivated: boolean): string[] {
  const { minReplicaCount, idleReplicaCount = 0, fallback, advanced, pollingInterval } = spec;
  const said = (isSaid: boolean, note: string) => (isSaid ? [note] : []);
  return [
    ...said(
      minReplicaCount === 0 && !isActivated,
      '`spec.minReplicaCount` 0 is taken as 1: triggers of CPU and memory cannot scale from 0',
    ),
    ...said(idleReplicaCount > 0, '`spec.idleReplicaCount` above 0 is ignored, as the HPA would not keep to it'),
    ...said(fallback !== undefined, '`spec.fallback` is ignored: a metric that fails holds the replicas'),
    ...said(
      advanced?.scalingModifiers !== undefined,
      '`spec.advanced.scalingModifiers` is ignored: each trigger is a metric of its own',
    ),
    ...said(
      pollingInterval !== undefined,
      '`spec.pollingInterval` is ignored: triggers are read at each sync, from 0 replicas on, too',
    ),
  ];
}

/** Annotations by which KEDA pauses, or takes over an HPA that exists. */
function annotationNotes(annotations: ScaledObject['metadata']['annotations'] = {}): string[] {
  return Object.keys(annotations)
    .filter(key => /^(?:autoscaling|scaledobject)\.keda\.sh\//.test(key))
    .map(key => `the annotation \`${key}\` is ignored`);
}
