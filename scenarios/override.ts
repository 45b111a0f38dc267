import { messageOf, SquallError } from '../harness/errors.ts';
import { isCredential } from '../load/request/secrets.ts';
import { parseYaml } from './input/yaml.ts';

/**
 * A copy of a scenario file with values at paths replaced: `stack.gateway.retries`, `load.stages.0.for`, `faults.kill.at` (list
 * items by index, `id`, `name` or `kind`). Missing objects on the path are created; the result is not validated.
 * @throws SquallError `BAD_OVERRIDE` for a path through a value that is not an object, or to an item that a list does not have
 */
export function override(raw: unknown, values: Readonly<Record<string, unknown>>): unknown {
  const copy = structuredClone(raw);
  for (const [path, value] of Object.entries(values)) {
    const keys = path.split('.');
    const forbidden = keys.find(key => key === '' || key in Object.prototype);
    if (forbidden !== undefined)
      throw badOverride(`Expected \`${path}\` to be a path of keys, got the key "${forbidden}"`);
    let parent: unknown = copy;
    for (const [depth, key] of keys.entries()) {
      const own = keyIn(parent, key, path);
      const object = parent as Record<string | number, unknown>;
      if (depth === keys.length - 1) object[own] = value;
      else object[own] ??= {};
      parent = object[own];
    }
  }
  return copy;
}

/** A path with the index of each list item, by which messages name it: `faults.kill.at` is `faults.0.at`. */
export function resolvedPath(raw: unknown, path: string): string {
  let parent: unknown = raw;
  const keys = path.split('.').map(key => {
    const own = typeof parent === 'object' && parent !== null ? keyIn(parent, key, path) : key;
    parent = (parent as Record<string | number, unknown> | undefined)?.[own];
    return own;
  });
  return keys.join('.');
}

/** Maximum number of overrides on a command line. */
const MAX_OVERRIDES = 1000;

/**
 * Parses the `path=value` pairs of `--set`; values are YAML, such as `off`, `0`, `10s` or `{a: 1}`. A literal credential is refused,
 * since other users see command lines, and replay commands repeat them.
 * @throws SquallError `BAD_OVERRIDE` without `=`, for a value that is no YAML, a credential, and for more than 1000
 */
export function parseOverrides(pairs: readonly string[]): Record<string, unknown> {
  if (pairs.length > MAX_OVERRIDES)
    throw badOverride(`Expected \`--set\` at most ${MAX_OVERRIDES} times, got ${pairs.length}`);
  return Object.fromEntries(
    pairs.map(pair => {
      const at = pair.indexOf('=');
      if (at < 1) throw badOverride(`Expected \`--set\` to be path=value, got ${JSON.stringify(pair.slice(0, 100))}`);
      const path = pair.slice(0, at);
      const value = yamlValue(path, pair.slice(at + 1));
      requireNoCredential(path, value);
      return [path, value];
    }),
  );
}

function yamlValue(path: string, text: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    throw badOverride(`Expected the value of \`--set ${path}\` to be YAML, but: ${messageOf(error)}`);
  }
}

/** Neither as a value of its own nor in a list or an object. The value is not quoted. */
function requireNoCredential(path: string, value: unknown): void {
  const name = path.split('.').at(-1)!;
  if (typeof value === 'string' && isCredential(name, value))
    throw new SquallError('option', 'BAD_OVERRIDE', `Expected \`--set ${path}\` without a literal credential`, {
      next: 'Set an environment variable and give its name, as in --set load.clients.classes.0.key=env:NAME: other users of this machine see command lines.',
    });
  if (typeof value === 'object' && value !== null)
    for (const [key, child] of Object.entries(value)) requireNoCredential(`${path}.${key}`, child);
}

/** The key itself, or the index of the list item that it names. */
function keyIn(parent: unknown, key: string, path: string): string | number {
  if (typeof parent !== 'object' || parent === null)
    throw badOverride(`Expected \`${path}\` to lead through objects, found ${JSON.stringify(parent)} before "${key}"`);
  if (!Array.isArray(parent)) return key;
  const index = /^\d+$/.test(key)
    ? Number(key)
    : parent.findIndex(item => [item?.id, item?.name, item?.kind].includes(key));
  if (index >= 0 && index < parent.length) return index;
  throw badOverride(
    `Expected "${key}" in \`${path}\` to be an index, id, name or kind in the list, found no such item`,
  );
}

function badOverride(message: string): SquallError {
  return new SquallError('option', 'BAD_OVERRIDE', message, {
    next: 'Give a path in the scenario file, such as --set stack.inference.replicas=2.',
  });
}
