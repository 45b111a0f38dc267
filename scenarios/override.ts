import { parse } from 'yaml';
import { SquallError } from '../harness/errors.ts';

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

/**
 * Parses the `path=value` pairs of `--set`; values are YAML, such as `off`, `0`, `10s` or `{a: 1}`.
 * @throws SquallError `BAD_OVERRIDE` without `=`
 */
export function parseOverrides(pairs: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map(pair => {
      const at = pair.indexOf('=');
      if (at < 1) throw badOverride(`Expected \`--set\` to be path=value, got "${pair}"`);
      return [pair.slice(0, at), parse(pair.slice(at + 1)) as unknown];
    }),
  );
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
