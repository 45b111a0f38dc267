import { z } from 'zod';
import { DURATION_WORDS, durationMs, formatDuration, MAX_WAIT_MS } from '../harness/quantity.ts';
import { type JsonSchema, rangeWords } from './json-schema.ts';

/**
 * A duration such as `400ms`; milliseconds in code.
 * @param bounds of the milliseconds. @default the maximum of a timer
 */
export function duration(bounds: z.ZodType = z.number().max(MAX_WAIT_MS)) {
  const limits = z.toJSONSchema(bounds) as JsonSchema;
  const hasRange = limits.maximum !== undefined && limits.maximum !== MAX_WAIT_MS;
  const range = hasRange
    ? rangeWords({ ...(limits.exclusiveMinimum === undefined && { minimum: 0 }), ...limits }, formatDuration)
    : '';
  return z
    .string()
    .meta({ title: `${DURATION_WORDS}${range}` })
    .transform((text, context) => {
      const ms = durationMs(text);
      if (ms !== undefined && bounds.safeParse(ms).success) return ms;
      // An empty message stands for the title and the alternatives, see `validateScenario`.
      context.addIssue({
        code: 'custom',
        message: ms === undefined ? '' : `expected a duration${range || TIMER_RANGE}`,
      });
      return z.NEVER;
    });
}

const TIMER_RANGE = ` of at most ${formatDuration(MAX_WAIT_MS)}, the limit of a timer`;

/** A value as written in a file: durations without `Ms` in the key, see {@link inDurations}. */
export type Written<Value> = Value extends readonly unknown[]
  ? Value
  : Value extends object
    ? {
        [Key in keyof Value as Key extends `${infer Name}Ms` ? Name : Key]: Key extends `${string}Ms`
          ? Exclude<Value[Key], number> | (number extends Extract<Value[Key], number> ? string : never)
          : Written<Value[Key]>;
      }
    : Value;

/**
 * The schema of a file, from the schema of its values in code: a number of milliseconds under a key that ends in `Ms` is written as a
 * duration under the key without `Ms`, so that `{ latency: 400ms }` becomes `{ latencyMs: 400 }`. Bounds, defaults and refinements
 * are kept.
 */
export function inDurations<Schema extends z.ZodType>(
  schema: Schema,
): z.ZodType<z.output<Schema>, Written<z.input<Schema>>> {
  return written(schema, false) as z.ZodType<z.output<Schema>, Written<z.input<Schema>>>;
}

/** The fields of a zod definition that contain other schemas. */
interface Definition {
  readonly type: string;
  readonly shape: Readonly<Record<string, z.ZodType>>;
  readonly options: readonly z.ZodType[];
  readonly innerType: z.ZodType;
  readonly defaultValue: unknown;
  readonly in: z.ZodType;
  readonly checks?: readonly z.core.$ZodCheck[];
}

/** @param isMs whether numbers are milliseconds */
function written(schema: z.ZodType, isMs: boolean): z.ZodType {
  const definition = schema.def as unknown as Definition;
  switch (definition.type) {
    case 'number':
      return isMs ? describedAs(schema, duration(schema)) : schema;
    case 'object':
      return writtenObject(schema, definition);
    case 'union':
      return copy(schema, { options: definition.options.map(option => written(option, isMs)) });
    case 'default': {
      const inner = written(definition.innerType, isMs);
      const { defaultValue } = definition;
      // The JSON Schema shows the default as a duration.
      if (isMs && typeof defaultValue === 'number')
        return describedAs(schema, inner.prefault(formatDuration(defaultValue)));
      return copy(schema, { innerType: inner });
    }
    case 'prefault':
    case 'optional':
      return copy(schema, { innerType: written(definition.innerType, isMs) });
    case 'pipe':
      return copy(schema, { in: written(definition.in, isMs) });
    default:
      return schema;
  }
}

function writtenObject(schema: z.ZodType, { shape, checks = [] }: Definition): z.ZodType {
  const names = new Map(Object.keys(shape).map(key => [key.replace(/Ms$/, ''), key]));
  const inner = Object.entries(shape).map(([key, child]) => [
    key.replace(/Ms$/, ''),
    written(child, key.endsWith('Ms')),
  ]);
  if (names.size < inner.length)
    throw new RangeError(`Expected the keys ${Object.keys(shape).join(', ')} to differ without Ms`);
  // Checks of the whole object see milliseconds.
  const object = copy(schema, { shape: Object.fromEntries(inner), checks: [] });
  const inMs = (value: unknown) =>
    Object.fromEntries(Object.entries(value as object).map(([name, part]) => [names.get(name) ?? name, part]));
  return object.transform(inMs).check(...(checks as z.core.$ZodCheck<unknown>[]));
}

function copy(schema: z.ZodType, changes: Partial<Definition>): z.ZodType {
  return describedAs(schema, schema.clone({ ...schema.def, ...changes } as typeof schema.def));
}

function describedAs(from: z.ZodType, to: z.ZodType): z.ZodType {
  const meta = from.meta();
  return meta ? to.meta({ ...to.meta(), ...meta }) : to;
}
