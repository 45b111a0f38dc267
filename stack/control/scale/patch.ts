/** Operation of a JSON Patch (RFC 6902). Not implemented: `move` and `copy`. */
interface Operation {
  readonly op: 'add' | 'replace' | 'remove' | 'test';
  readonly path: string;
  readonly value?: unknown;
}

type Json = Readonly<Record<string, unknown>>;

/** Error of a patch. `invalid`: the patch is malformed; `failed`: a `test` failed or a path does not exist. */
export class PatchError extends Error {
  override readonly name = 'PatchError';
  readonly kind: 'invalid' | 'failed';

  constructor(kind: 'invalid' | 'failed', message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Applies a JSON Merge Patch (RFC 7396): objects are merged, null removes, anything else replaces. */
export function mergePatch(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(document) ? { ...document } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/**
 * Applies a JSON Patch. Array indexes are not supported, since no document here has an array.
 * @throws PatchError
 */
export function jsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw new PatchError('invalid', 'Expected a JSON patch to be a list of operations');
  return patch.reduce<unknown>((result, operation) => apply(result, readOperation(operation)), document);
}

function readOperation(value: unknown): Operation {
  const { op, path } = isObject(value) ? value : {};
  if (typeof path !== 'string' || !/^(\/[^/]+)+$/.test(path))
    throw new PatchError('invalid', `Expected \`path\` to be a JSON pointer, got ${JSON.stringify(path)}`);
  if (op !== 'add' && op !== 'replace' && op !== 'remove' && op !== 'test')
    throw new PatchError('invalid', `Expected \`op\` to be add, replace, remove or test, got ${JSON.stringify(op)}`);
  return value as Operation;
}

function apply(document: unknown, { op, path, value }: Operation): unknown {
  const keys = path
    .slice(1)
    .split('/')
    .map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const change = (at: unknown, depth: number): unknown => {
    const key = keys[depth]!;
    const last = depth === keys.length - 1;
    if (!isObject(at) || (!Object.hasOwn(at, key) && !(last && op === 'add')))
      throw new PatchError('failed', `no value at ${path}`);
    if (!last) return { ...at, [key]: change(at[key], depth + 1) };
    if (op === 'test') {
      if (JSON.stringify(at[key]) !== JSON.stringify(value)) throw new PatchError('failed', `test of ${path} failed`);
      return at;
    }
    const { [key]: _before, ...rest } = at;
    return op === 'remove' ? rest : { ...at, [key]: value };
  };
  return change(document, 0);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
