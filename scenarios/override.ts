import { parse } from 'yaml';
import { SquallError } from '../harness/errors.ts';

/**
 * A copy of a scenario as written, with values at paths replaced: `stack.gateway.retries`, `load.stages.0.for`,
 * `faults.kill.at` (in a list also by `id` or `name`). Keys that are missing on the way are made; whether the result makes
 * sense is for its validation to say.
 * @throws SquallError `BAD_OVERRIDE` for a path that leads through something that is no object, or to no element of a list
 */
export function override(raw: unknown, values: Readonly<Record<string, unknown>>): unknown {
  const copy = structuredClone(raw);
  for (const [path, value] of Object.entries(values)) {
    const keys = path.split('.');
    const forbidden = keys.find(key => key === '' || key in Object.prototype);
    if (forbidden !== undefined)
      throw badOverride(`Expected \`${path}\` to be a path of keys, got "${forbidden}" in it`);
    let at: unknown = copy;
    for (const key of keys.slice(0, -1)) at = child(at, key, path);
    assign(at, keys.at(-1)!, value, path);
  }
  return copy;
}

/**
 * Reads `key=value` of `--set`; the value is YAML, so `off`, `0`, `10s` and `{a: 1}` all work.
 * @throws SquallError `BAD_OVERRIDE` without `=`
 */
export function parseOverrides(pairs: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map(pair => {
      const at = pair.indexOf('=');
      if (at < 1) throw badOverride(`Expected \`--set\` to be key=value, got "${pair}"`);
      return [pair.slice(0, at), parse(pair.slice(at + 1)) as unknown];
    }),
  );
}

function child(parent: unknown, key: string, path: string): unknown {
  if (Array.isArray(parent)) {
    const index = indexOf(parent, key);
    if (index === -1)
      throw badOverride(`Expected "${key}" in \`${path}\` to be an index, id or name in the list, found none such`);
    return parent[index];
  }
  if (typeof parent !== 'object' || parent === null)
    throw badOverride(`Expected \`${path}\` to lead through objects, found ${JSON.stringify(parent)} before "${key}"`);
  const object = parent as Record<string, unknown>;
  object[key] ??= {};
  return object[key];
}

function assign(parent: unknown, key: string, value: unknown, path: string): void {
  child(parent, key, path);
  if (Array.isArray(parent)) parent[indexOf(parent, key)] = value;
  else (parent as Record<string, unknown>)[key] = value;
}

function indexOf(list: readonly unknown[], key: string): number {
  if (/^\d+$/.test(key)) return Number(key) < list.length ? Number(key) : -1;
  return list.findIndex(item => {
    const { id, name, kind } = (item ?? {}) as { id?: unknown; name?: unknown; kind?: unknown };
    return [id, name, kind].includes(key);
  });
}

function badOverride(message: string): SquallError {
  return new SquallError('option', 'BAD_OVERRIDE', message, {
    next: 'Give a path into the scenario file, such as --set stack.inference.replicas=2.',
  });
}
