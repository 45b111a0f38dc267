import type { z } from 'zod';
import type { hpaSpecSchema } from '../hpa/schema.ts';
import { ruleOfQuery } from '../measure/promql.ts';
import { type Rule, ruleSchema } from '../measure/rule.ts';
import type { Trigger } from './schema.ts';

type Metric = NonNullable<z.input<typeof hpaSpecSchema>['metrics']>[number];

/** What a trigger becomes. */
export interface Translated {
  readonly metric: Metric;
  /** Field of the trigger that its target comes from, such as `spec.triggers[0].metadata.threshold`. */
  readonly field: string;
  /** How it is measured, if the trigger says so in terms of series or times. */
  readonly rule?: Rule;
  /** Value above which it is active; undefined for a resource, which does not activate anything. */
  readonly activation?: number;
  readonly notes: readonly string[];
}

/**
 * Triggers whose value is a length or a lag: the key of the threshold, its default, the key of the name, and that of the activation, by
 * default `activationX` for a threshold `x`.
 */
const LENGTHS: Readonly<Record<string, { key: string; default?: string; name?: string; activation?: string }>> = {
  redis: { key: 'listLength', default: '5', name: 'listName' },
  'redis-cluster': { key: 'listLength', default: '5', name: 'listName' },
  'redis-sentinel': { key: 'listLength', default: '5', name: 'listName' },
  'redis-streams': { key: 'pendingEntriesCount', default: '5', name: 'stream', activation: 'activationLagCount' },
  kafka: { key: 'lagThreshold', default: '10', name: 'topic' },
  rabbitmq: { key: 'value', default: '20', name: 'queueName' },
  'aws-sqs-queue': { key: 'queueLength', default: '5' },
  'azure-servicebus': { key: 'messageCount', default: '5', name: 'queueName' },
  'gcp-pubsub': { key: 'value', default: '10', name: 'subscriptionName' },
  'nats-jetstream': { key: 'lagThreshold', default: '10', name: 'stream' },
  'metrics-api': { key: 'targetValue' },
};

/** Types of triggers that are translated. */
export const TRIGGER_TYPES = ['cpu', 'memory', 'prometheus', 'cron', ...Object.keys(LENGTHS)];

/**
 * Translates a trigger as KEDA does.
 * @param path of the trigger, such as `spec.triggers[0]`
 * @returns undefined for a type that is not known, or what is wrong with it
 */
export function translateTrigger(trigger: Trigger, index: number, path: string): Translated | string | undefined {
  const { type } = trigger;
  const notes: string[] = [];
  if (trigger.authenticationRef !== undefined)
    notes.push(`\`${path}.authenticationRef\` is ignored: metrics come from the stack itself`);
  if (type === 'cpu' || type === 'memory') return ofResource(trigger, type, path);
  if (trigger.metricType === 'Utilization')
    return `\`${path}.metricType\` must be AverageValue or Value for a trigger of type ${type}, got "Utilization"`;
  if (type === 'prometheus') return ofQuery(trigger, index, path, notes);
  if (type === 'cron') return ofSchedule(trigger, index, path);
  const length = Object.hasOwn(LENGTHS, type) ? LENGTHS[type] : undefined;
  if (!length) return undefined;
  return ofLength(trigger, length, index, path, notes);
}

function ofLength(
  trigger: Trigger,
  length: (typeof LENGTHS)[string],
  index: number,
  path: string,
  notes: readonly string[],
): Translated | string {
  const { type, metadata } = trigger;
  const threshold = metadata[length.key] ?? length.default;
  if (threshold === undefined) return `\`${path}.metadata.${length.key}\` is required`;
  const activation = activationIn(metadata, length.activation ?? activationKey(length.key), path);
  if (typeof activation === 'string') return activation;
  const name = [`s${index}`, type, metadata[length.name ?? ''] ?? []]
    .flat()
    .join('-')
    .replace(/[^\w.-]/g, '-');
  return { metric: external(name, trigger, threshold), field: `${path}.metadata.${length.key}`, activation, notes };
}

/** `activationThreshold` for `threshold`. */
function activationKey(key: string): string {
  return `activation${key[0]!.toUpperCase()}${key.slice(1)}`;
}

/** Value above which a trigger is active, by default 0, or what is wrong with it. */
function activationIn(metadata: Trigger['metadata'], key: string, path: string): number | string {
  const text = metadata[key] ?? '0';
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : `\`${path}.metadata.${key}\` must be a number, got ${JSON.stringify(text)}`;
}

function ofResource({ metadata, metricType }: Trigger, name: string, path: string): Translated | string {
  const { value, containerName, type = metricType ?? 'Utilization' } = metadata;
  if (value === undefined) return `\`${path}.metadata.value\` is required`;
  if (type !== 'Utilization' && type !== 'AverageValue')
    return `\`${path}.metricType\` must be Utilization or AverageValue for a trigger of type ${name}, got "${type}"`;
  const target =
    type === 'Utilization'
      ? { type: 'Utilization' as const, averageUtilization: Number(value) }
      : { type: 'AverageValue' as const, averageValue: value };
  const metric: Metric =
    containerName === undefined
      ? { type: 'Resource', resource: { name, target } }
      : { type: 'ContainerResource', containerResource: { name, container: containerName, target } };
  return { metric, field: `${path}.metadata.value`, notes: [] };
}

function ofQuery(trigger: Trigger, index: number, path: string, notes: readonly string[]): Translated | string {
  const { query, threshold } = trigger.metadata;
  if (!query) return `\`${path}.metadata.query\` is required`;
  if (threshold === undefined) return `\`${path}.metadata.threshold\` is required`;
  const activation = activationIn(trigger.metadata, activationKey('threshold'), path);
  if (typeof activation === 'string') return activation;
  const { ignoreNullValues = 'true' } = trigger.metadata;
  if (!['true', 'false'].includes(ignoreNullValues))
    return `\`${path}.metadata.ignoreNullValues\` must be true or false, got ${JSON.stringify(ignoreNullValues)}`;
  // To KEDA no series are 0, unless told otherwise.
  const rule = ruleOfQuery(query);
  const measured = rule && { rule: ignoreNullValues === 'true' ? { absent: 0, ...rule } : rule };
  const isBare = !/^\s*(?:sum|avg|max|min|count|histogram_quantile|scalar|vector|absent|topk|quantile)\b/.test(query);
  const several = `\`${path}.metadata.query\` has no aggregation: KEDA fails where it finds several series, which are added up here`;
  const metric = external(`s${index}-prometheus`, trigger, threshold);
  const said = rule && isBare ? [...notes, several] : notes;
  return { metric, field: `${path}.metadata.threshold`, ...measured, activation, notes: said };
}

function ofSchedule({ metadata }: Trigger, index: number, path: string): Translated | string {
  const { timezone, start, end, desiredReplicas = '' } = metadata;
  const parsed = ruleSchema.safeParse({ timezone, start, end, desiredReplicas: Number(desiredReplicas || Number.NaN) });
  if (!parsed.success) {
    const fields = { timezone: false, start, end, desiredReplicas };
    const missing = Object.entries(fields).find(([, value]) => value === undefined || value === '')?.[0];
    if (missing) return `\`${path}.metadata.${missing}\` is required`;
    return `\`${path}.metadata\` must have cron expressions of five fields as start and end, a time zone, and a whole number of desiredReplicas`;
  }
  if (start === end)
    return `\`${path}.metadata.end\` must be another time than its \`start\`, got ${JSON.stringify(end)}`;
  const target = { type: 'AverageValue' as const, averageValue: '1' };
  return {
    metric: { type: 'External', external: { metric: { name: `s${index}-cron` }, target } },
    field: `${path}.metadata.desiredReplicas`,
    rule: parsed.data,
    activation: 0,
    notes: [],
  };
}

function external(name: string, { metricType = 'AverageValue' }: Trigger, threshold: string): Metric {
  const target =
    metricType === 'Value'
      ? { type: 'Value' as const, value: threshold }
      : { type: 'AverageValue' as const, averageValue: threshold };
  return { type: 'External', external: { metric: { name }, target } };
}
