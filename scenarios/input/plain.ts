/** Limits of a scenario, so that checking one takes no more than a moment. */
export const MAX_DEPTH = 64;
const MAX_VALUES = 200_000;
const MAX_CHARACTERS = 4 * 2 ** 20;

/**
 * Requires plain data, as of JSON: texts, finite numbers, true, false and null in lists and objects, at most 200,000 of them, 64 levels
 * and 4 Mi characters. Whatever a program exports, or a short file refers to repeatedly, is bounded by it.
 * @throws Error whose message names the path
 */
export function requirePlain(raw: unknown): void {
  let values = 0;
  let characters = 0;
  const check = (value: unknown, path: readonly string[]) => {
    values += 1;
    characters += typeof value === 'string' ? value.length : 0;
    if (values > MAX_VALUES) throw new Error(`it holds more than ${MAX_VALUES} values`);
    if (characters > MAX_CHARACTERS) throw new Error(`it holds more than ${MAX_CHARACTERS} characters`);
    if (path.length > MAX_DEPTH) throw new Error(`it is nested deeper than ${MAX_DEPTH} levels`);
    if (!isPlain(value)) throw new Error(`${nameOf(path)} is ${kindOf(value)}; expected plain data as of JSON`);
    if (typeof value !== 'object' || value === null) return;
    for (const [key, child] of Object.entries(value)) {
      if (key === '__proto__') throw new Error(`${nameOf(path)} has the key \`__proto__\`, which is not allowed`);
      characters += key.length;
      check(child, [...path, key]);
    }
  };
  check(raw, []);
}

function isPlain(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object') return ['string', 'boolean', 'undefined'].includes(typeof value);
  return value === null || Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value));
}

function kindOf(value: unknown): string {
  if (typeof value === 'number') return `the number ${value}`;
  if (typeof value !== 'object') return `a ${typeof value}`;
  return `an object of the class ${String((value as object).constructor?.name).slice(0, 60)}`;
}

function nameOf(path: readonly string[]): string {
  return path.length === 0 ? 'it' : `\`${path.join('.').slice(0, 100)}\``;
}
