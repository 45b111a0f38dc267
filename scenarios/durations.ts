import { z } from 'zod';
import {
  DATA_RATE_WORDS,
  DURATION_WORDS,
  dataRateKBps,
  durationMs,
  formatDuration,
  formatSize,
  MAX_WAIT_MS,
  SIZE_WORDS,
  sizeBytes,
} from '../harness/quantity.ts';
import { type JsonSchema, rangeWords } from './json-schema.ts';

/** How numbers in code are written in a file. */
interface Unit {
  /** Of keys in code. */
  readonly suffix: string;
  readonly noun: string;
  readonly words: string;
  parse(text: string): number | undefined;
  format(value: number): string;
}

const MILLISECONDS: Unit = {
  suffix: 'Ms',
  noun: 'a duration',
  words: DURATION_WORDS,
  parse: durationMs,
  format: formatDuration,
};
const DATA_RATE: Unit = {
  suffix: 'KBps',
  noun: 'a data rate in whole KB/s',
  words: DATA_RATE_WORDS,
  parse: dataRateKBps,
  format: rate => `${formatSize(rate * 1000)}/s`,
};
/** Only where the schema has the meta `unit: B`: other sizes are written as numbers. */
const BYTES: Unit = {
  suffix: 'Bytes',
  noun: 'a size in whole bytes',
  words: SIZE_WORDS,
  parse: sizeBytes,
  format: formatSize,
};

/**
 * A duration such as `400ms`; milliseconds in code.
 * @param bounds of the milliseconds. @default the maximum of a timer
 */
export function duration(bounds: z.ZodType = z.number().max(MAX_WAIT_MS)) {
  return quantity(MILLISECONDS, bounds);
}

function quantity({ noun, words, parse, format }: Unit, bounds: z.ZodType) {
  const limits = z.toJSONSchema(bounds) as JsonSchema;
  const hasRange = limits.maximum !== undefined && limits.maximum !== MAX_WAIT_MS;
  const range = hasRange
    ? rangeWords({ ...(limits.exclusiveMinimum === undefined && { minimum: 0 }), ...limits }, format)
    : '';
  return z
    .string()
    .meta({ title: `${words}${range}` })
    .transform((text, context) => {
      const value = parse(text);
      if (value !== undefined && bounds.safeParse(value).success) return value;
      // An empty message stands for the title and the alternatives, see `validateScenario`.
      context.addIssue({
        code: 'custom',
        message: value === undefined ? '' : `expected ${noun}${range || TIMER_RANGE}`,
      });
      return z.NEVER;
    });
}

const TIMER_RANGE = ` of at most ${formatDuration(MAX_WAIT_MS)}, the limit of a timer`;

/** A value as written in a file: durations without `Ms` in the key, see {@link inUnits}. */
export type Written<Value> = Value extends readonly (infer Item)[]
  ? number extends Value['length']
    ? readonly Written<Item>[]
    : Value
  : Value extends object
    ? {
        [Key in keyof Value as Key extends `${infer Name}Ms` ? Name : Key]: Key extends `${string}Ms`
          ? Exclude<Value[Key], number> | (number extends Extract<Value[Key], number> ? string : never)
          : Written<Value[Key]>;
      }
    : Value;

/**
 * The schema of a file, from the schema of its values in code: a number of milliseconds under a key that ends in `Ms` is written as a
 * duration under the key without `Ms`, so that `{ latency: 400ms }` becomes `{ latencyMs: 400 }`. Likewise `KBps` for data rates
 * (`rate: 50KB/s`), and `Bytes` for sizes (`limit: 16KB`) whose schema has the meta `unit: B`. Bounds, defaults and refinements are kept.
 */
export function inUnits<Schema extends z.ZodType>(
  schema: Schema,
): z.ZodType<z.output<Schema>, Written<z.input<Schema>>> {
  return written(schema, undefined) as z.ZodType<z.output<Schema>, Written<z.input<Schema>>>;
}

/** The fields of a zod definition that contain other schemas. */
interface Definition {
  readonly type: string;
  readonly shape: Readonly<Record<string, z.ZodType>>;
  readonly options: readonly z.ZodType[];
  readonly innerType: z.ZodType;
  readonly element: z.ZodType;
  readonly valueType: z.ZodType;
  readonly defaultValue: unknown;
  readonly in: z.ZodType;
  readonly checks?: readonly z.core.$ZodCheck[];
}

/** @param unit of numbers; undefined for plain ones */
function written(schema: z.ZodType, unit: Unit | undefined): z.ZodType {
  const definition = schema.def as unknown as Definition;
  switch (definition.type) {
    case 'number':
      return unit ? describedAs(schema, quantity(unit, schema)) : schema;
    case 'object':
      return writtenObject(schema, definition, unit);
    case 'array':
      return copy(schema, { element: written(definition.element, unit) });
    case 'union':
      return copy(schema, { options: definition.options.map(option => written(option, unit)) });
    case 'default': {
      const inner = written(definition.innerType, unit);
      const { defaultValue } = definition;
      // The JSON Schema shows the default as it is written.
      if (unit && typeof defaultValue === 'number')
        return describedAs(schema, inner.prefault(unit.format(defaultValue)));
      return copy(schema, { innerType: inner });
    }
    case 'record':
      return copy(schema, { valueType: written(definition.valueType, undefined) });
    case 'prefault':
    case 'optional':
      return copy(schema, { innerType: written(definition.innerType, unit) });
    case 'pipe':
      return copy(schema, { in: written(definition.in, unit) });
    default:
      return schema;
  }
}

/** @param inherited unit of its keys without one of their own */
function writtenObject(schema: z.ZodType, { shape, checks = [] }: Definition, inherited: Unit | undefined): z.ZodType {
  const parts = Object.entries(shape).map(([key, child]) => {
    const unit = unitOf(key, child);
    return { key, name: nameOf(key, unit), child: written(child, unit ?? inherited) };
  });
  const keys = new Map(parts.map(({ key, name }) => [name, key]));
  if (keys.size < parts.length)
    throw new RangeError(`Expected the keys ${Object.keys(shape).join(', ')} to differ without their units`);
  // Checks of the whole object see the values in code.
  const inner = Object.fromEntries(parts.map(({ name, child }) => [name, child]));
  const object = copy(schema, { shape: inner, checks: [] });
  const inCode = (value: unknown) =>
    Object.fromEntries(Object.entries(value as object).map(([name, part]) => [keys.get(name) ?? name, part]));
  const names = new Map(parts.map(({ key, name }) => [key, name]));
  return object.transform(inCode).check(...(checks as z.core.$ZodCheck<unknown>[]).map(check => named(check, names)));
}

/** A check of values in code, whose issues name the keys of the file. */
function named(check: z.core.$ZodCheck<unknown>, names: ReadonlyMap<PropertyKey, string>) {
  return (payload: z.core.ParsePayload) => {
    const before = payload.issues.length;
    check._zod.check(payload);
    payload.issues.push(...payload.issues.splice(before).map(issue => inFile(issue, names)));
  };
}

function inFile(issue: z.core.$ZodRawIssue, names: ReadonlyMap<PropertyKey, string>): z.core.$ZodRawIssue {
  const { path: [first, ...rest] = [], inst } = issue;
  const text = issue.message ?? inst?._zod.def.error?.(issue as never);
  return {
    ...issue,
    path: first === undefined ? [] : [names.get(first) ?? first, ...rest],
    ...(typeof text === 'string' && {
      message: text.replaceAll(/`(\w+)`/g, (quoted, key) => (names.has(key) ? `\`${names.get(key)}\`` : quoted)),
    }),
  };
}

function nameOf(key: string, unit: Unit | undefined): string {
  return unit ? key.slice(0, -unit.suffix.length) : key;
}

/** Values in code, as {@link inUnits} reads them from a file: `{ latencyMs: 400 }` becomes `{ latency: '400ms' }`. */
export function inFileUnits(schema: z.ZodObject, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      const child = schema.shape[key] as z.ZodType | undefined;
      const unit = child && unitOf(key, child);
      return [nameOf(key, unit), unit && typeof value === 'number' ? unit.format(value) : value];
    }),
  );
}

function unitOf(key: string, schema: z.ZodType): Unit | undefined {
  const unit = [MILLISECONDS, DATA_RATE, BYTES].find(({ suffix }) => key.endsWith(suffix));
  return unit === BYTES && innermost(schema).meta()?.unit !== 'B' ? undefined : unit;
}

function innermost(schema: z.ZodType): z.ZodType {
  const { innerType } = schema.def as unknown as Partial<Definition>;
  return innerType ? innermost(innerType) : schema;
}

function copy(schema: z.ZodType, changes: Partial<Definition>): z.ZodType {
  return describedAs(schema, schema.clone({ ...schema.def, ...changes } as typeof schema.def));
}

function describedAs(from: z.ZodType, to: z.ZodType): z.ZodType {
  const meta = from.meta();
  return meta ? to.meta({ ...to.meta(), ...meta }) : to;
}
