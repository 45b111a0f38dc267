/** As much of JSON Schema as zod writes for the shapes of scenarios. */
export interface JsonSchema {
  readonly type?: string;
  /** What the value is, in words that can follow "expected". */
  readonly title?: string;
  readonly description?: string;
  /** Left out of what people are offered. */
  readonly deprecated?: boolean;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly minItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | false;
  readonly required?: readonly string[];
  readonly prefixItems?: readonly JsonSchema[];
  readonly items?: JsonSchema | false;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/**
 * What a schema says about the value at a path in `raw`, in all branches that could be meant: of variants by their `kind`, the one
 * that `raw` names there, if it names one.
 */
export function schemasAt(schema: JsonSchema, path: readonly PropertyKey[], raw: unknown): JsonSchema[] {
  const here = meant(branches(schema), raw);
  const [part, ...rest] = path;
  if (part === undefined) return here;
  const value = (raw as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return here
    .map(branch => (typeof part === 'number' ? (branch.prefixItems?.[part] ?? branch.items) : childOf(branch, part)))
    .filter(child => child !== undefined && child !== false)
    .flatMap(child => schemasAt(child, rest, value));
}

/** Every key that a value may have by those schemas. */
export function keysOf(schemas: readonly JsonSchema[]): string[] {
  return [...new Set(schemas.flatMap(schema => Object.keys(schema.properties ?? {})))];
}

/** Every text that a value may be by those schemas, where it is one of a list. */
export function optionsOf(schemas: readonly JsonSchema[]): string[] {
  const options = schemas.flatMap(schema => (schema.deprecated ? [] : (schema.enum ?? schema.const ?? [])));
  return [...new Set(options.filter(option => typeof option === 'string'))];
}

/** What a value should be by those schemas, such as `a whole number from 1 to 64`: only the branches of `found`'s type, if there are any. */
export function wordsOf(schemas: readonly JsonSchema[], found: unknown): string {
  const fitting = schemas.filter(schema => fits(schema, found));
  // Who wrote another word than those listed may have meant something else altogether.
  const chosen = fitting.every(isListed) ? schemas : fitting;
  const options = optionsOf(chosen);
  const kinds = optionsOf(chosen.flatMap(schema => schema.properties?.kind ?? []));
  const others = chosen.filter(schema => !isListed(schema) && !(kinds.length > 0 && schema.type === 'object'));
  return [
    ...(options.length > 0 ? [quoted(options)] : []),
    ...new Set(others.map(typeWords)),
    ...(kinds.length > 0 ? [`an object whose \`kind\` is ${quoted(kinds)}`] : []),
  ].join(' or ');
}

/** The schema itself, or the branches of its union, those of unions in it too. */
function branches(schema: JsonSchema): JsonSchema[] {
  const { anyOf, oneOf, ...around } = schema;
  const inner = anyOf ?? oneOf;
  if (!inner) return [schema];
  // What is said of the whole union holds for a branch that says nothing of its own.
  return inner.flatMap(branches).map(branch => (branch.description ? branch : { ...around, ...branch }));
}

function meant(options: readonly JsonSchema[], raw: unknown): JsonSchema[] {
  const value = raw as Readonly<Record<string, unknown>> | null | undefined;
  const isNamed = ({ properties = {}, required = [] }: JsonSchema) =>
    Object.entries(properties).every(
      ([key, child]) =>
        child.const === undefined ||
        value?.[key] === child.const ||
        (value?.[key] === undefined && !required.includes(key)),
    );
  const named = options.filter(isNamed);
  const isObject = typeof raw === 'object' && raw !== null && named.some(({ properties }) => properties);
  return isObject ? named : [...options];
}

function childOf({ properties = {}, additionalProperties }: JsonSchema, key: PropertyKey): JsonSchema | undefined {
  const name = String(key);
  return Object.hasOwn(properties, name) ? properties[name] : additionalProperties || undefined;
}

function fits({ type }: JsonSchema, found: unknown): boolean {
  if (type === 'integer') return typeof found === 'number';
  if (type === 'array') return Array.isArray(found);
  return type === typeof found && found !== null && !Array.isArray(found);
}

function isListed(schema: JsonSchema): boolean {
  return schema.const !== undefined || schema.enum !== undefined;
}

function typeWords(schema: JsonSchema): string {
  const { title, description } = schema;
  return title ?? `${bareWords(schema)}${description ? ` (${description})` : ''}`;
}

function bareWords(schema: JsonSchema): string {
  switch (schema.type) {
    case 'integer':
      return `a whole number${rangeWords(schema)}`;
    case 'number':
      return `a number${rangeWords(schema)}`;
    case 'string':
      return `a string${schema.minLength ? ' that is not empty' : ''}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `a list${schema.prefixItems ? ` of ${schema.prefixItems.length}` : schema.minItems ? ' that is not empty' : ''}`;
    default:
      return `an object${schema.required?.length ? ` with ${schema.required.map(key => `\`${key}\``).join(', ')}` : ''}`;
  }
}

function rangeWords({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  // What every whole number keeps to is no bound of this one.
  const least = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const most = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (least !== undefined) return most === undefined ? ` of ${least} or more` : ` from ${least} to ${most}`;
  const above = exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`;
  return most === undefined ? above : `${above}${above && ','} at most ${most}`;
}

function quoted(options: readonly string[]): string {
  return `${options.length > 1 ? 'one of ' : ''}${options.map(option => `"${option}"`).join(', ')}`;
}
