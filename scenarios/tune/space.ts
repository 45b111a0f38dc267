import type { HpaMetric, HpaSpec } from '../../stack/autoscaler/hpa/schema.ts';
import { speedsOf, speedText } from './policies.ts';

/** A field of an HPA file, and what it is set to. */
export interface Edit {
  /** Keys from the root of the file. */
  readonly path: readonly (string | number)[];
  /** Plain JSON. */
  readonly value: unknown;
}

/** A value that a field may have. */
export interface Choice {
  readonly text: string;
  /** None for what the file says already. */
  readonly edits: readonly Edit[];
}

/** A field that may be tuned: its values from the safest, which keeps most replicas, to the cheapest. */
export interface Dimension {
  /** Path of the field, such as `spec.minReplicas`. */
  readonly name: string;
  readonly choices: readonly Choice[];
  /** Index of what the file says. */
  readonly own: number;
}

/** Numbers of replicas that a bound may be, both included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Options of {@link dimensionsOf}. */
export interface SpaceOptions {
  /** Values that `minReplicas` and `maxReplicas` may have. @default that of the file alone */
  readonly min?: Range | undefined;
  readonly max?: Range | undefined;
  /** Window of the way down where the file has none, in s. */
  readonly downscaleStabilizationSeconds: number;
}

/** Targets are up to eight times as high and as low, in steps of an eighth of an octave. */
const TARGET_STEPS = 24;
const STEPS_PER_OCTAVE = 8;
/** Highest utilisation that is tried, in percent, unless the file has a higher one: none exceeds 100 % for long. */
const MAX_UTILIZATION = 95;
const UP_WINDOWS = [0, 15, 30, 60, 120, 180, 300, 600];
const DOWN_WINDOWS = [3600, 1800, 1200, 900, 600, 450, 300, 240, 180, 120, 60, 30, 15, 0];

/**
 * What may be tuned in an HPA: the target of each metric, and of each direction its stabilisation window and its policies; bounds only
 * within the ranges given.
 * @param document the file, parsed
 * @param spec the same, validated
 */
export function dimensionsOf(document: unknown, spec: HpaSpec, options: SpaceOptions): Dimension[] {
  const { min, max, downscaleStabilizationSeconds } = options;
  return [
    ...bound('minReplicas', spec.minReplicas, min),
    ...bound('maxReplicas', spec.maxReplicas, max),
    ...spec.metrics.flatMap((metric, index) => targetOf(document, metric, index)),
    ...directionOf('scaleUp', spec, 0),
    ...directionOf('scaleDown', spec, downscaleStabilizationSeconds),
  ].filter(({ choices }) => choices.length > 1);
}

function bound(key: 'minReplicas' | 'maxReplicas', own: number, range: Range | undefined): Dimension[] {
  if (!range) return [];
  const values = Array.from({ length: range.to - range.from + 1 }, (_, index) => range.to - index);
  return [dimension(['spec', key], values, own, (a, b) => b - a)];
}

/** Keys of a target, in the order in which they count. */
const TARGET_KEYS = ['averageUtilization', 'value', 'averageValue'] as const;

function targetOf(document: unknown, metric: HpaMetric, index: number): Dimension[] {
  const { metrics: written } = (document as { readonly spec: { readonly metrics?: unknown[] | null } }).spec;
  const source = sourceOf(metric);
  // A file without metrics has Kubernetes' default one.
  if (!written?.length) {
    const path = ['spec', 'metrics'];
    const found = dimension(path, targets(80, MAX_UTILIZATION), 80, ascending, value => [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: value } } },
    ]);
    return [{ ...found, name: 'spec.metrics[0].resource.target.averageUtilization' }];
  }
  const { target } = (written[index] as Record<string, { readonly target: Record<string, string | number | null> }>)[
    source
  ]!;
  const key = TARGET_KEYS.find(name => target[name] !== undefined && target[name] !== null)!;
  const own = target[key]!;
  const path = ['spec', 'metrics', index, source, 'target', key];
  if (key === 'averageUtilization') {
    const percent = Number(own);
    return [dimension(path, targets(percent, Math.max(percent, MAX_UTILIZATION)), percent, ascending)];
  }
  const [, number, suffix] = /^([+-]?[\d.]+)(.*)$/.exec(String(own))!;
  const quantities = Array.from({ length: 2 * TARGET_STEPS + 1 }, (_, step) =>
    step === TARGET_STEPS ? own : scaled(Number(number), step - TARGET_STEPS, suffix!, typeof own),
  );
  return [dimension(path, quantities, own, () => 0)];
}

/** A quantity in proportion, with three digits, of the same unit and type. */
function scaled(number: number, steps: number, suffix: string, type: string): string | number {
  const value = Number((number * 2 ** (steps / STEPS_PER_OCTAVE)).toPrecision(3));
  return type === 'number' ? value : `${value}${suffix}`;
}

/** Whole percentages around one. */
function targets(own: number, max: number): number[] {
  return Array.from({ length: 2 * TARGET_STEPS + 1 }, (_, step) =>
    Math.round(own * 2 ** ((step - TARGET_STEPS) / STEPS_PER_OCTAVE)),
  ).filter(value => value >= 1 && value <= max);
}

function directionOf(direction: 'scaleUp' | 'scaleDown', spec: HpaSpec, defaultWindow: number): Dimension[] {
  const { behavior = DEFAULT_BEHAVIOR } = spec;
  const { stabilizationWindowSeconds = defaultWindow, ...rules } = behavior[direction];
  const isUp = direction === 'scaleUp';
  const path = ['spec', 'behavior', direction];
  const { speeds, own } = speedsOf(direction, rules, (spec.minReplicas + spec.maxReplicas) / 2);
  const choices = speeds.map((speed, index) => ({
    text: speedText(speed),
    edits:
      index === own
        ? []
        : [
            { path: [...path, 'policies'], value: speed.policies },
            ...(rules.selectPolicy === 'Max' ? [] : [{ path: [...path, 'selectPolicy'], value: 'Max' }]),
          ],
  }));
  // The slowest way down and the fastest way up keep most replicas.
  const policies = isUp ? { choices: choices.toReversed(), own: choices.length - 1 - own } : { choices, own };
  return [
    dimension(
      [...path, 'stabilizationWindowSeconds'],
      isUp ? UP_WINDOWS : DOWN_WINDOWS,
      stabilizationWindowSeconds,
      isUp ? ascending : (a, b) => b - a,
      undefined,
      seconds => `${seconds} s`,
    ),
    { name: pathText([...path, 'policies']), ...policies },
  ];
}

/** What a file without `behavior` comes near to. */
const DEFAULT_BEHAVIOR: NonNullable<HpaSpec['behavior']> = {
  scaleUp: {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
  },
  scaleDown: {
    stabilizationWindowSeconds: undefined,
    selectPolicy: 'Max',
    policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
  },
};

/** A dimension of one field, whose own value is one of its values. */
function dimension<Value extends string | number>(
  path: readonly (string | number)[],
  values: readonly Value[],
  own: Value,
  compare: (a: Value, b: Value) => number,
  written: (value: Value) => unknown = value => value,
  text: (value: Value) => string = String,
): Dimension {
  const sorted = [...new Set([...values, own])].sort(compare);
  return {
    name: pathText(path),
    choices: sorted.map(value => ({
      text: text(value),
      edits: value === own ? [] : [{ path, value: written(value) }],
    })),
    own: sorted.indexOf(own),
  };
}

function ascending(a: number, b: number): number {
  return a - b;
}

function sourceOf({ type }: HpaMetric): string {
  return `${type[0]!.toLowerCase()}${type.slice(1)}`;
}

function pathText(path: readonly (string | number)[]): string {
  return path
    .map(key => (typeof key === 'number' ? `[${key}]` : `.${key}`))
    .join('')
    .slice(1);
}

/** The file with some of its fields set; objects on their way are created. */
export function edited(document: unknown, edits: readonly Edit[]): Record<string, unknown> {
  const copy = structuredClone(document) as Record<string, unknown>;
  for (const { path, value } of edits) {
    let at: Record<string | number, unknown> = copy;
    for (const key of path.slice(0, -1)) {
      at[key] ??= {};
      at = at[key] as Record<string | number, unknown>;
    }
    at[path.at(-1)!] = value;
  }
  return copy;
}
