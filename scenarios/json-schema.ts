/** The part of JSON Schema that zod generates for scenarios. */
export interface JsonSchema {
  readonly type?: string;
  /** Description of the value that can follow "expected". */
  readonly title?: string;
  readonly description?: string;
  /** Hidden from messages. */
  readonly deprecated?: boolean;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly multipleOf?: number;
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

/** The schemas of the value at a path in `raw`, in all branches that match; of variants by `kind`, the one that `raw` names. */
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

/** The keys that schemas allow. */
export function keysOf(schemas: readonly JsonSchema[]): string[] {
  return [...new Set(schemas.flatMap(schema => Object.keys(schema.properties ?? {})))];
}

/** The texts of the enumerations among schemas. */
export function optionsOf(schemas: readonly JsonSchema[]): string[] {
  return [...new Set(listed(schemas).filter(option => typeof option === 'string'))];
}

function listed(schemas: readonly JsonSchema[]) {
  return schemas.flatMap(schema => (schema.deprecated ? [] : (schema.enum ?? schema.const ?? [])));
}

/** What schemas expect, such as `a whole number from 1 to 64`; only those of the type of `found`, if there are any. */
export function wordsOf(schemas: readonly JsonSchema[], found: unknown): string {
  const fitting = schemas.filter(schema => fits(schema, found));
  // A word that is not listed may also be meant for a branch of another type.
  const chosen = fitting.every(isListed) ? schemas : fitting;
  const options = optionsOf(chosen);
  const numbers = listed(chosen).filter(option => typeof option === 'number');
  const kinds = optionsOf(chosen.flatMap(schema => schema.properties?.kind ?? []));
  const others = chosen.filter(schema => !isListed(schema) && !(kinds.length > 0 && schema.type === 'object'));
  return [
    ...(options.length > 0 ? [quoted(options)] : []),
    ...(numbers.length > 0 ? [`one of ${numbers.join(', ')}`] : []),
    ...new Set(others.map(typeWords)),
    ...(kinds.length > 0 ? [`an object whose \`kind\` is ${quoted(kinds)}`] : []),
  ].join(' or ');
}

/** The schema itself, or the branches of its union, recursively. */
function branches(schema: JsonSchema): JsonSchema[] {
  const { anyOf, oneOf, ...around } = schema;
  const inner = anyOf ?? oneOf;
  if (!inner) return [schema];
  // A branch without a description takes that of its union.
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
      return `${schema.multipleOf ? `a multiple of ${schema.multipleOf}` : 'a whole number'}${rangeWords(schema)}`;
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

/** Bounds of a number in words, such as ` from 1 to 64`; empty for none. */
export function rangeWords(
  { minimum, maximum, exclusiveMinimum }: JsonSchema,
  format: (value: number) => string = String,
): string {
  // zod gives every integer the safe bounds.
  const min = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const max = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (min !== undefined)
    return max === undefined ? ` of ${format(min)} or more` : ` from ${format(min)} to ${format(max)}`;
  const above = exclusiveMinimum === undefined ? '' : ` above ${format(exclusiveMinimum)}`;
  return max === undefined ? above : `${above}${above && ','} at most ${format(max)}`;
}

function quoted(options: readonly string[]): string {
  return `${options.length > 1 ? 'one of ' : ''}${options.map(option => `"${option}"`).join(', ')}`;
}
